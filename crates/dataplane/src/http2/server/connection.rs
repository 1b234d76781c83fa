// SPDX-License-Identifier: Apache-2.0
//! A client's connection as a state machine.
//!
//! In: its bytes. Out: the requests that they hold, one by one, and bytes for the client. There is no
//! I/O here: whoever owns the socket reads into [`Codec::receive`] and writes [`Codec::output`].
//! Streams are used through [`Handle`](super::Handle)s, which share the codec.

use std::{collections::VecDeque, task::Waker, time::Instant};

use super::{
    floods::{Flood, Floods},
    flow::{Inbound, Outbound},
    frame::{self, Header, MAX_FRAME, Reason},
    hpack::{DEFAULT_TABLE, Decoder, Encoder},
    request::Assembly,
    stream::{Reset, Streams},
};
use crate::{http::Limits, http2::PREFACE};

/// What is said and asked of clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Streams that may be open.
    pub(crate) max_streams: u32,
    /// Bytes that may be under way on each.
    pub(crate) stream_window: u32,
    /// Bytes that may be under way on all of them.
    pub(crate) connection_window: u32,
    /// Bytes of the table for the client's heads.
    pub(crate) header_table: u32,
    /// Clients may open tunnels (RFC 8441).
    pub(crate) allow_connect: bool,
    /// Limits on a head.
    pub(crate) limits: Limits,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(super) options: Options,
    phase: Phase,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    /// The head that was received last.
    pub(super) assembly: Assembly,
    /// The start of a header block that is not all there.
    pub(super) block: Vec<u8>,
    pub(super) continuing: Option<Continuing>,
    pub(super) streams: Streams,
    /// Streams that count as open.
    pub(super) open: u32,
    /// The highest number so far.
    pub(super) last: u32,
    /// Streams that were reset here, of late.
    pub(super) forgotten: VecDeque<u32>,
    pub(super) inbound: Inbound,
    pub(super) outbound: Outbound,
    /// What a stream's window towards the client begins with.
    pub(super) peer_window: u32,
    /// The largest payload that the client takes.
    pub(super) peer_frame: usize,
    /// What a stream's window begins with, as far as the client knows.
    pub(super) stream_window: u32,
    pub(super) drain: Drain,
    /// The client is about to go.
    pub(super) leaving: bool,
    /// There is nothing more to read or to write.
    pub(super) over: bool,
    pub(super) floods: Floods,
    pub(super) ping: Ping,
    pub(super) out: Vec<u8>,
    pub(super) sent: usize,
    /// Streams that wait for room, the longest first.
    pub(super) waiting: VecDeque<u32>,
    pub(super) waker: Option<Waker>,
    /// Its task is awake, or about to be.
    pub(super) woken: bool,
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// So many bytes of the preface came.
    Preface(usize),
    /// SETTINGS have to come first.
    Settings,
    /// Anything may come.
    Open,
}

/// A header block goes on in the next frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Continuing {
    pub(super) stream: u32,
    pub(super) ends: bool,
    pub(super) depends_on: Option<u32>,
    pub(super) frames: usize,
}

/// How far the end of a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    /// The streams up to the last one are served.
    Ending,
    /// It is not.
    No,
    /// The client was told; streams that are under way are still served.
    Told,
}

/// A PING of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ping {
    Answered,
    No,
    Sent,
}

/// What bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The client broke the rules; GOAWAY is in the output, and the connection is over.
    Broken,
    /// A request on the stream at this place; its head is at [`Codec::head`].
    Request(u32),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Error {
    /// With everything.
    Connection(Reason),
    /// With one stream.
    Stream(u32, Reason),
}

impl From<Flood> for Error {
    fn from(_: Flood) -> Self {
        Self::Connection(Reason::ENHANCE_YOUR_CALM)
    }
}

impl Codec {
    /// A connection whose first bytes have yet to come. SETTINGS are in the output.
    pub(crate) fn new(options: Options) -> Self {
        let window = frame::DEFAULT_WINDOW;
        let mut codec = Self {
            options,
            phase: Phase::Preface(0),
            decoder: Decoder::new(options.header_table as usize),
            encoder: Encoder::new(),
            assembly: Assembly::new(options.limits),
            block: Vec::new(),
            continuing: None,
            streams: Streams::default(),
            open: 0,
            last: 0,
            forgotten: VecDeque::new(),
            inbound: Inbound::new(window, options.connection_window),
            outbound: Outbound::new(window),
            peer_window: window,
            peer_frame: MAX_FRAME,
            stream_window: options.stream_window.max(window),
            drain: Drain::No,
            leaving: false,
            over: false,
            floods: Floods::default(),
            ping: Ping::No,
            out: Vec::new(),
            sent: 0,
            waiting: VecDeque::new(),
            waker: None,
            woken: false,
        };
        codec.greet();
        codec
    }

    fn greet(&mut self) {
        let options = self.options;
        let table = options.header_table;
        let list = u32::try_from(options.limits.bytes).unwrap_or(u32::MAX);
        let settings = [
            (1, (table as usize != DEFAULT_TABLE).then_some(table)),
            (3, Some(options.max_streams)),
            (4, Some(options.stream_window)),
            (6, Some(list)),
            (8, options.allow_connect.then_some(1)),
        ];
        let mut payload = Vec::with_capacity(settings.len() * 6);
        for (id, value) in settings {
            if let Some(value) = value {
                payload.extend_from_slice(&u16::to_be_bytes(id));
                payload.extend_from_slice(&value.to_be_bytes());
            }
        }
        frame::push(frame::SETTINGS, 0, 0, &payload, &mut self.out);
        let missing = self.inbound.missing();
        self.update(0, missing);
    }

    /// Takes bytes in, up to the end of a frame that something came of. Returns how many were taken.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> (usize, Option<Event>) {
        let mut at = 0;
        while !self.over {
            let rest = bytes.get(at..).unwrap_or_default();
            let taken = match self.phase {
                Phase::Preface(seen) => self.preface(seen, rest).map(|count| (count, None)),
                Phase::Settings | Phase::Open => self.take_frame(rest),
            };
            match taken {
                Ok((0, _)) => break,
                Ok((count, None)) => at += count,
                Ok((count, event)) => return (at + count, event),
                Err(reason) => {
                    self.fail(reason);
                    return (bytes.len(), Some(Event::Broken));
                }
            }
        }
        (at, None)
    }

    fn preface(&mut self, seen: usize, bytes: &[u8]) -> Result<usize, Reason> {
        let wanted = &PREFACE[seen..];
        let count = wanted.len().min(bytes.len());
        if bytes[..count] != wanted[..count] {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.phase = match count == wanted.len() {
            true => Phase::Settings,
            false => Phase::Preface(seen + count),
        };
        Ok(count)
    }

    fn take_frame(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), Reason> {
        let Some(header) = Header::parse(bytes) else {
            return Ok((0, None));
        };
        if self.phase == Phase::Settings {
            if header.kind != frame::SETTINGS || header.has(frame::ACK) {
                return Err(Reason::PROTOCOL_ERROR);
            }
            self.phase = Phase::Open;
        }
        if header.length > MAX_FRAME {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let end = Header::SIZE + header.length;
        let Some(payload) = bytes.get(Header::SIZE..end) else {
            return Ok((0, None));
        };
        match self.frame(header, payload) {
            Ok(event) => Ok((end, event)),
            Err(Error::Connection(reason)) => Err(reason),
            Err(Error::Stream(id, reason)) => {
                if reason != Reason::REFUSED_STREAM {
                    let reset = self.floods.reset(Instant::now());
                    reset.map_err(|_| Reason::ENHANCE_YOUR_CALM)?;
                }
                self.reset(id, reason);
                Ok((end, None))
            }
        }
    }

    fn frame(&mut self, header: Header, payload: &[u8]) -> Result<Option<Event>, Error> {
        if self.continuing.is_some() != (header.kind == frame::CONTINUATION) {
            return Err(Error::Connection(Reason::PROTOCOL_ERROR));
        }
        match header.kind {
            frame::DATA => self.on_data(header, payload)?,
            frame::HEADERS => return self.on_headers(header, payload),
            frame::CONTINUATION => return self.on_continuation(header, payload),
            frame::PRIORITY => self.on_priority(header, payload)?,
            frame::RST_STREAM => self.on_reset(header, payload)?,
            frame::SETTINGS => self.on_settings(header, payload)?,
            frame::PUSH_PROMISE => return Err(Error::Connection(Reason::PROTOCOL_ERROR)),
            frame::PING => self.on_ping(header, payload)?,
            frame::GOAWAY => self.on_goaway(header, payload)?,
            frame::WINDOW_UPDATE => self.on_window_update(header, payload)?,
            _ => {}
        }
        Ok(None)
    }

    /// The head of the request that was received last, with its bytes.
    pub(crate) fn head(&mut self) -> &mut Assembly {
        &mut self.assembly
    }

    /// Tells the client to open no more streams. Those that are under way are served.
    pub(crate) fn drain(&mut self) {
        if self.drain == Drain::No {
            self.drain = Drain::Told;
            self.goaway(frame::LAST_STREAM, Reason::NO_ERROR);
            frame::push(frame::PING, 0, 0, &FAREWELL, self.out());
            self.wake();
        }
    }

    pub(super) fn goaway(&mut self, last: u32, reason: Reason) {
        let [last, reason] = [last, reason.0].map(u32::to_be_bytes);
        let payload = [last, reason].concat();
        frame::push(frame::GOAWAY, 0, 0, &payload, self.out());
    }

    fn fail(&mut self, reason: Reason) {
        if matches!(self.phase, Phase::Preface(_)) {
            // Whoever does not speak HTTP/2 is told nothing in it.
            self.sent = self.out.len();
        } else {
            self.goaway(self.last, reason);
        }
        self.end();
    }

    /// There is no connection any more.
    pub(crate) fn end(&mut self) {
        self.over = true;
        self.streams.each(|stream| {
            if !stream.over() {
                stream.reset = Some(Reset::Gone);
            }
            stream.wake();
        });
    }

    /// Whether both sides are done with each other.
    pub(crate) fn finished(&self) -> bool {
        let leaving = self.leaving || self.drain == Drain::Ending;
        self.over || (leaving && self.streams.len() == 0)
    }

    /// Sends a PING, if none is under way. False when there is no connection any more.
    pub(crate) fn send_ping(&mut self) -> bool {
        if self.ping != Ping::Sent && !self.over {
            self.ping = Ping::Sent;
            frame::push(frame::PING, 0, 0, &ALIVE, self.out());
            self.wake();
        }
        !self.over
    }

    /// Whether the PING was answered, once.
    pub(crate) fn take_pong(&mut self) -> bool {
        let answered = self.ping == Ping::Answered;
        if answered {
            self.ping = Ping::No;
        }
        answered
    }
}

/// Data of the PING that ends the first part of a drain,
pub(super) const FAREWELL: [u8; 8] = *b"farewell";
/// and of those that ask whether the client is still there.
pub(super) const ALIVE: [u8; 8] = *b"alive...";
