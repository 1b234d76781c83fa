// SPDX-License-Identifier: Apache-2.0
//! Frames of streams.
//!
//! In: DATA, HEADERS with what follows them, RST_STREAM. Out: a request, body bytes or trailers for
//! whoever serves the stream; or why these cannot be (RFC 9113 5.1 and 8.1).

use std::time::Instant;

use super::{
    connection::{Codec, Continuing, Drain, Error, Event},
    flow::{Inbound, Outbound},
    frame::{self, Header, Reason},
    hpack::{Line, Tag},
    request::Malformed,
    stream::{Reset, Stream},
};
use crate::http::HeadError;

impl Codec {
    pub(super) fn on_headers(
        &mut self,
        header: Header,
        payload: &[u8],
    ) -> Result<Option<Event>, Error> {
        if header.stream.is_multiple_of(2) {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        let inner = header.inner(payload);
        let inner = inner.ok_or(Error::Connection(Reason::PROTOCOL_ERROR))?;
        let ends = header.has(frame::END_STREAM);
        if inner.bytes.is_empty() && !ends {
            self.floods.empty()?;
        } else {
            self.floods.useful();
        }
        let continuing = Continuing {
            stream: header.stream,
            ends,
            depends_on: inner.depends_on,
            frames: 0,
        };
        if header.has(frame::END_HEADERS) {
            return self.on_block(continuing, inner.bytes);
        }
        self.block.clear();
        self.block.extend_from_slice(inner.bytes);
        self.continuing = Some(continuing);
        Ok(None)
    }

    pub(super) fn on_continuation(
        &mut self,
        header: Header,
        payload: &[u8],
    ) -> Result<Option<Event>, Error> {
        let continuing = self.continuing.as_mut();
        let Some(continuing) = continuing.filter(|one| one.stream == header.stream) else {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        };
        continuing.frames += 1;
        self.block.extend_from_slice(payload);
        let bound = self.options.limits.bytes * 2 + BLOCK;
        if self.block.len() > bound || continuing.frames > CONTINUATIONS {
            return Err(Error::Connection(Reason::ENHANCE_YOUR_CALM));
        }
        if !header.has(frame::END_HEADERS) {
            return Ok(None);
        }
        let continuing = *continuing;
        self.continuing = None;
        let block = std::mem::take(&mut self.block);
        self.on_block(continuing, &block)
    }

    /// A whole header block.
    fn on_block(&mut self, of: Continuing, block: &[u8]) -> Result<Option<Event>, Error> {
        let id = of.stream;
        let known = self.streams.find(id);
        if known.is_some() || id <= self.last {
            let wanted = known.filter(|place| {
                let stream = self.streams.look(*place);
                !stream.received && stream.reset.is_none()
            });
            return match (wanted, known) {
                (Some(place), _) => self.on_trailers(of, block, place).map(|()| None),
                // Read in any case: the next block builds on it.
                (None, known) => self.discard(block).and_then(|()| {
                    let reset = |place| self.streams.look(place).reset == Some(Reset::Local);
                    match known.is_some_and(reset) || self.forgotten.contains(&id) {
                        true => Ok(None),
                        false => Err(Error::Connection(Reason::STREAM_CLOSED)),
                    }
                }),
            };
        }
        if self.drain == Drain::Ending {
            return self.discard(block).map(|()| None);
        }
        self.last = id;
        self.assembly.start();
        let assembly = &mut self.assembly;
        let decoded = self.decoder.decode(block, |line| assembly.take(line));
        decoded.map_err(|_| Error::Connection(Reason::COMPRESSION_ERROR))?;
        self.floods.stream();
        if of.depends_on == Some(id) {
            return Err(Error::Stream(id, Reason::PROTOCOL_ERROR));
        }
        let assembled = self.assembly.finish(!of.ends, self.options.allow_connect);
        let assembled = assembled.map_err(|Malformed| Error::Stream(id, Reason::PROTOCOL_ERROR))?;
        // Those that were closed and are still being served count up to the same again.
        let served = self.streams.len() as u64;
        let most = u64::from(self.options.max_streams);
        if u64::from(self.open) >= most || served >= most * 2 {
            return Err(Error::Stream(id, Reason::REFUSED_STREAM));
        }
        self.open += 1;
        let place = self.streams.add(Stream {
            id,
            received: of.ends,
            refused: assembled.refused,
            length: assembled.length,
            inbound: Inbound::new(self.stream_window, self.options.stream_window),
            outbound: Outbound::new(self.peer_window),
            ..Stream::default()
        });
        Ok(Some(Event::Request(place)))
    }

    fn on_trailers(&mut self, of: Continuing, block: &[u8], place: u32) -> Result<(), Error> {
        let stream = self.streams.at(place);
        let lines = &mut stream.trailers;
        let limits = self.options.limits;
        let mut malformed = !of.ends;
        let (mut count, mut size) = (0, 0);
        let decoded = self.decoder.decode(block, |line: Line<'_>| {
            count += 1;
            size += line.size();
            match line.tag {
                Tag::Field { known, .. } if known.may_trail() => {
                    if size <= limits.bytes {
                        lines.extend_from_slice(line.bytes);
                    }
                }
                Tag::Field { .. } => {}
                Tag::Malformed | Tag::Pseudo(_) => malformed = true,
            }
        });
        decoded.map_err(|_| Error::Connection(Reason::COMPRESSION_ERROR))?;
        if malformed || !stream.count(0, true) {
            return Err(Error::Stream(of.stream, Reason::PROTOCOL_ERROR));
        }
        if count > limits.count || size > limits.bytes {
            return Err(Error::Stream(of.stream, Reason::INTERNAL_ERROR));
        }
        stream.received = true;
        stream.wake();
        self.settle(place);
        Ok(())
    }

    fn discard(&mut self, block: &[u8]) -> Result<(), Error> {
        let decoded = self.decoder.decode(block, |_| {});
        decoded.map_err(|_| Error::Connection(Reason::COMPRESSION_ERROR))
    }

    pub(super) fn on_data(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        let id = header.stream;
        if id == 0 {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        let inner = header.inner(payload);
        let bytes = inner
            .ok_or(Error::Connection(Reason::PROTOCOL_ERROR))?
            .bytes;
        let ends = header.has(frame::END_STREAM);
        if bytes.is_empty() && !ends {
            self.floods.empty()?;
        } else {
            self.floods.useful();
        }
        if !self.inbound.take(payload.len()) {
            return Err(Error::Connection(Reason::FLOW_CONTROL_ERROR));
        }
        let Some(place) = self.streams.find(id) else {
            self.consumed(payload.len());
            return self.on_stray(id);
        };
        let stream = self.streams.at(place);
        if stream.received || stream.reset.is_some() {
            let under_way = stream.reset == Some(Reset::Local);
            self.consumed(payload.len());
            return match under_way {
                true => Ok(()),
                false => Err(Error::Stream(id, Reason::STREAM_CLOSED)),
            };
        }
        if !stream.inbound.take(payload.len()) {
            self.consumed(payload.len());
            return Err(Error::Stream(id, Reason::FLOW_CONTROL_ERROR));
        }
        if !stream.count(bytes.len(), ends) {
            self.consumed(payload.len());
            return Err(Error::Stream(id, Reason::PROTOCOL_ERROR));
        }
        stream.body.extend_from_slice(bytes);
        stream.received = ends;
        stream.wake();
        let padding = payload.len() - bytes.len();
        if padding > 0 {
            let more = stream.inbound.give(padding).filter(|_| !ends);
            self.update(id, more);
            self.consumed(padding);
        }
        if ends {
            self.settle(place);
        }
        Ok(())
    }

    /// A frame for a stream that nobody serves.
    fn on_stray(&mut self, id: u32) -> Result<(), Error> {
        if id > self.last && self.drain != Drain::Ending || id.is_multiple_of(2) {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        if id > self.last || self.forgotten.contains(&id) {
            return Ok(());
        }
        Err(Error::Stream(id, Reason::STREAM_CLOSED))
    }

    /// Bytes of body were consumed, as far as the connection is concerned.
    pub(super) fn consumed(&mut self, count: usize) {
        let more = self.inbound.give(count);
        self.update(0, more);
    }

    pub(super) fn on_reset(&mut self, header: Header, payload: &[u8]) -> Result<(), Error> {
        if payload.len() != 4 {
            return Err(Error::Connection(Reason::FRAME_SIZE_ERROR));
        }
        self.known(header.stream)?;
        let Some(place) = self.streams.find(header.stream) else {
            return Ok(());
        };
        let stream = self.streams.at(place);
        if stream.over() {
            return Ok(());
        }
        stream.reset = Some(Reset::Remote);
        stream.wake();
        self.settle(place);
        self.floods.reset(Instant::now())?;
        Ok(())
    }

    /// Whether a stream is there, or was (5.1.1).
    pub(super) fn known(&self, id: u32) -> Result<(), Error> {
        let ending = self.drain == Drain::Ending;
        if id.is_multiple_of(2) || (id > self.last && !ending) {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        Ok(())
    }

    /// Counts a stream as closed when both of its sides are.
    pub(super) fn settle(&mut self, place: u32) {
        let stream = self.streams.at(place);
        if stream.over() && !stream.closed {
            stream.closed = true;
            self.open -= 1;
        }
    }

    /// Gives a stream up and says why.
    pub(super) fn reset(&mut self, id: u32, reason: Reason) {
        frame::push(
            frame::RST_STREAM,
            0,
            id,
            &reason.0.to_be_bytes(),
            self.out(),
        );
        self.wake();
        if self.forgotten.len() >= FORGOTTEN {
            self.forgotten.pop_front();
        }
        self.forgotten.push_back(id);
        if let Some(place) = self.streams.find(id) {
            let stream = self.streams.at(place);
            stream.reset = stream.reset.or(Some(Reset::Local));
            stream.wake();
            self.settle(place);
        }
    }

    /// The refusal of a request, once.
    pub(super) fn take_refusal(&mut self, place: u32) -> Option<HeadError> {
        self.streams.at(place).refused.take()
    }
}

/// Bytes of a header block beyond twice what a head may have.
const BLOCK: usize = 64 * 1024;
/// Frames that a header block may be spread over; ours: all within the bound above fit into a
/// tenth of that.
const CONTINUATIONS: usize = 128;
/// Streams that were reset here and whose frames may still be under way: as many as Envoy lets be open
/// by default.
const FORGOTTEN: usize = 1024;
