// SPDX-License-Identifier: Apache-2.0
//! Connections without sockets.

mod bodies;
mod bounds;
mod floods;
mod requests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

use super::{
    connection::{ALIVE, FAREWELL},
    frame::{self, Header, Reason},
    hpack::Decoder,
    *,
};
use crate::http::{HeadError, Limits};

const LIMITS: Limits = Limits {
    count: 20,
    bytes: 2000,
};

fn options() -> Options {
    Options {
        max_streams: 10,
        stream_window: 100_000,
        connection_window: 200_000,
        header_table: 4096,
        allow_connect: false,
        limits: LIMITS,
    }
}

/// A client that has nothing but bytes.
struct Client {
    codec: Shared,
    decoder: Decoder,
}

/// A frame that came back.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Client {
    /// Whose settings were exchanged.
    fn new(options: Options) -> Self {
        let mut client = Self {
            codec: Shared::new(options),
            decoder: Decoder::new(4096),
        };
        assert_eq!(client.send(crate::http2::PREFACE), []);
        client.frame(frame::SETTINGS, 0, 0, b"");
        client.frame(frame::SETTINGS, frame::ACK, 0, b"");
        client.sent();
        client
    }

    /// Sends bytes; returns what came of them.
    fn send(&mut self, mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let (taken, event) = self.codec.lock().receive(bytes);
            bytes = &bytes[taken..];
            let none = event.is_none();
            events.extend(event);
            if none || self.codec.lock().over {
                return events;
            }
        }
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<Event> {
        let mut bytes = Vec::new();
        frame::push(kind, flags, stream, payload, &mut bytes);
        self.send(&bytes)
    }

    /// Sends a head.
    fn head(&mut self, stream: u32, ends: bool, fields: &[(&str, &str)]) -> Vec<Event> {
        let end = if ends { frame::END_STREAM } else { 0 };
        self.frame(
            frame::HEADERS,
            frame::END_HEADERS | end,
            stream,
            &block(fields),
        )
    }

    /// Asks, and takes the stream.
    fn ask(&mut self, stream: u32, ends: bool) -> Handle {
        let events = self.head(stream, ends, &GET);
        let [Event::Request(place)] = events[..] else {
            panic!("{events:?}");
        };
        Handle::new(&self.codec, place)
    }

    /// What the server sent.
    fn sent(&mut self) -> Vec<Frame> {
        let mut codec = self.codec.lock();
        let bytes = codec.output().to_vec();
        codec.wrote(bytes.len());
        let mut frames = Vec::new();
        let mut rest = &bytes[..];
        while let Some(header) = Header::parse(rest) {
            let end = Header::SIZE + header.length;
            frames.push(Frame {
                kind: header.kind,
                flags: header.flags,
                stream: header.stream,
                payload: rest[Header::SIZE..end].to_vec(),
            });
            rest = &rest[end..];
        }
        assert!(rest.is_empty());
        frames
    }

    /// The one frame that the server sent says that a stream, or with 0 all of them, failed.
    fn expect(&mut self, stream: u32, reason: Reason) {
        let frames = self.sent();
        let [frame] = &frames[..] else {
            panic!("{frames:?}");
        };
        let kind = if stream == 0 {
            frame::GOAWAY
        } else {
            frame::RST_STREAM
        };
        assert_eq!((frame.kind, frame.stream), (kind, stream));
        assert!(
            frame.payload.ends_with(&reason.0.to_be_bytes()),
            "{frame:?}"
        );
    }

    fn text(&mut self, block: &[u8]) -> String {
        let mut text = String::new();
        let take = |line: hpack::Line<'_>| text.push_str(&String::from_utf8_lossy(line.bytes));
        self.decoder.decode(block, take).expect("a block");
        text
    }
}

/// How often it was woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "a"),
    (":path", "/"),
];

fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&GET[..], more].concat()
}

fn cx() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

fn read(handle: &Handle) -> Option<Vec<u8>> {
    let mut buffer = [0; 100_000];
    match handle.poll_read(&cx(), &mut buffer) {
        Poll::Ready(count) => Some(buffer[..count.expect("bytes")].to_vec()),
        Poll::Pending => None,
    }
}

fn write(handle: &Handle, bytes: &[u8], last: bool) -> Option<usize> {
    match handle.poll_write(&cx(), [bytes, b""], last) {
        Poll::Ready(count) => Some(count.expect("room")),
        Poll::Pending => None,
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
