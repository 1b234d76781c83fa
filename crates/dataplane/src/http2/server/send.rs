// SPDX-License-Identifier: Apache-2.0
//! Responses.
//!
//! In: a head as written for HTTP/1, body bytes, trailer lines. Out: frames in the connection's
//! output, as far as flow control lets them; body bytes are copied once, to where the socket takes
//! them from.

use super::{
    connection::Codec,
    frame::{self, Header, Reason},
    hpack::Encoder,
    stream::Reset,
};
use crate::http::Written;

impl Codec {
    /// Sends `100 Continue`.
    pub(super) fn send_continue(&mut self, place: u32) {
        let stream = self.streams.look(place);
        if !stream.over() && !stream.answered {
            let encode = |encoder: &mut Encoder, out: &mut Vec<u8>| encoder.status(b"100", out);
            self.push_head(place, false, encode);
        }
    }

    /// Sends the head of a response; returns its length: body may follow. `alone` says that what
    /// follows is all of it. None when the stream does not take one.
    pub(super) fn send_response(&mut self, place: u32, head: &[u8], alone: bool) -> Option<usize> {
        let stream = self.streams.look(place);
        if stream.reset.is_some() || stream.answered {
            return None;
        }
        let (first, mut lines) = Written::head(head);
        let status = first.split(|byte| *byte == b' ').nth(1)?;
        // A switch is a success of CONNECT.
        let status = if status == b"101" { b"200" } else { status };
        let start = self.start_head();
        let Self { encoder, out, .. } = self;
        encoder.start(out);
        encoder.status(status, out);
        encoder.lines(head, &mut lines, out);
        let length = lines.at();
        let ends = alone && length == head.len();
        self.end_head(place, start, ends);
        self.streams.at(place).answered = true;
        Some(length)
    }

    /// Ends the response, with these trailer lines.
    pub(super) fn send_end(&mut self, place: u32, trailers: &[u8]) {
        let stream = self.streams.look(place);
        if stream.over() || stream.sent || !stream.answered {
            return;
        }
        let id = stream.id;
        if trailers.is_empty() {
            frame::push(frame::DATA, frame::END_STREAM, id, b"", self.out());
            self.floods.sent_data();
            self.sent(place);
        } else {
            let mut lines = Written::lines(trailers);
            self.push_head(place, true, |encoder, out| {
                encoder.lines(trailers, &mut lines, out);
            });
        }
    }

    fn push_head(
        &mut self,
        place: u32,
        ends: bool,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>),
    ) {
        let start = self.start_head();
        let Self { encoder, out, .. } = self;
        encoder.start(out);
        encode(encoder, out);
        self.end_head(place, start, ends);
    }

    /// Leaves room for the header of a frame; returns where that is.
    fn start_head(&mut self) -> usize {
        let out = self.out();
        let start = out.len();
        out.extend_from_slice(&[0; Header::SIZE]);
        start
    }

    /// The block behind `start` is complete.
    fn end_head(&mut self, place: u32, start: usize, ends: bool) {
        let stream = self.streams.look(place).id;
        let block = start + Header::SIZE;
        let length = self.out.len() - block;
        let end = if ends { frame::END_STREAM } else { 0 };
        let mut header = Header {
            length,
            kind: frame::HEADERS,
            flags: end | frame::END_HEADERS,
            stream,
        };
        if length > self.peer_frame {
            header.length = self.peer_frame;
            header.flags = end;
            let rest = self.out.split_off(block + self.peer_frame);
            let pieces = rest.chunks(self.peer_frame);
            let last = pieces.len() - 1;
            for (at, piece) in pieces.enumerate() {
                let flags = if at == last { frame::END_HEADERS } else { 0 };
                frame::push(frame::CONTINUATION, flags, stream, piece, &mut self.out);
            }
        }
        self.out[start..block].copy_from_slice(&header.bytes());
        if ends {
            self.sent(place);
        }
        self.wake();
    }

    /// Our end of a stream was sent.
    fn sent(&mut self, place: u32) {
        self.streams.at(place).sent = true;
        self.settle(place);
        self.wake();
    }

    /// Sends body bytes, `head` before `body`, as far as there is room; returns how many. `last` says
    /// that they end the response.
    pub(super) fn send_data(&mut self, place: u32, [head, body]: [&[u8]; 2], last: bool) -> usize {
        let wanted = head.len() + body.len();
        let room = self.room().min(self.streams.look(place).outbound.room());
        let count = room.min(wanted);
        if count == 0 && wanted > 0 {
            self.wait(place);
            return 0;
        }
        self.unqueue(place);
        let id = self.streams.look(place).id;
        let largest = self.peer_frame;
        let mut at = 0;
        loop {
            let end = count.min(at + largest);
            let ends = last && end == wanted;
            let header = Header {
                length: end - at,
                kind: frame::DATA,
                flags: if ends { frame::END_STREAM } else { 0 },
                stream: id,
            };
            let of_head = head.get(at..end.min(head.len())).unwrap_or_default();
            let of_body = body.get(at.saturating_sub(head.len())..end.saturating_sub(head.len()));
            let out = self.out();
            out.extend_from_slice(&header.bytes());
            out.extend_from_slice(of_head);
            out.extend_from_slice(of_body.unwrap_or_default());
            self.floods.sent_data();
            at = end;
            if at == count {
                break;
            }
        }
        self.outbound.sent(count);
        self.streams.at(place).outbound.sent(count);
        if last && count == wanted {
            self.sent(place);
        }
        self.wake();
        count
    }

    /// The stream has to wait, for its own window or behind others.
    fn wait(&mut self, place: u32) {
        let stream = self.streams.at(place);
        if stream.outbound.room() == 0 {
            stream.blocked = true;
        } else if !std::mem::replace(&mut stream.queued, true) {
            self.waiting.push_back(place);
        }
    }

    fn unqueue(&mut self, place: u32) {
        if std::mem::take(&mut self.streams.at(place).queued) {
            self.waiting.retain(|one| *one != place);
        }
    }

    /// Nobody serves the stream any more.
    pub(super) fn release(&mut self, place: u32) {
        self.unqueue(place);
        let stream = self.streams.look(place);
        let (id, pending) = (stream.id, stream.pending());
        // A response that is complete needs no more of the request (RFC 9113 8.1).
        let reason = match stream.sent {
            true => Reason::NO_ERROR,
            false => Reason::CANCEL,
        };
        if !stream.over() && !self.over {
            self.reset(id, reason);
        }
        self.streams.remove(place);
        if pending > 0 && !self.over {
            self.consumed(pending);
        }
        self.wake();
    }

    /// Gives the stream up: its response cannot be completed.
    pub(super) fn abort(&mut self, place: u32) {
        let stream = self.streams.look(place);
        if stream.reset.is_none() && !(stream.sent && stream.received) && !self.over {
            self.reset(stream.id, Reason::INTERNAL_ERROR);
        }
        let stream = self.streams.at(place);
        stream.sent = true;
        stream.reset = stream.reset.or(Some(Reset::Local));
    }
}
