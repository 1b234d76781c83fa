// SPDX-License-Identifier: Apache-2.0
//! Connections without sockets.

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

#[test]
fn a_request_is_answered() {
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    let mut codec = client.codec.lock();
    let received = codec.head();
    let lines = received.lines.clone();
    assert_eq!(received.head.method.of(&lines), b"GET");
    assert_eq!(received.head.path_of(&lines), b"/");
    assert_eq!(received.head.authority.of(&lines), b"a");
    assert_eq!(lines, b"GEThost: a\r\n/");
    drop(codec);
    assert_eq!(handle.send_response(OK, false).ok(), Some(OK.len()));
    assert_eq!(write(&handle, b"hello", true), Some(5));
    let frames = client.sent();
    assert_eq!(
        (frames[0].kind, frames[0].flags),
        (frame::HEADERS, frame::END_HEADERS)
    );
    assert_eq!(client.text(&frames[0].payload), ":status: 200\r\na: b\r\n");
    assert_eq!(
        (frames[1].kind, frames[1].flags),
        (frame::DATA, frame::END_STREAM)
    );
    assert_eq!(frames[1].payload, b"hello");
    drop(handle);
    assert_eq!(client.sent(), []);
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut bytes = crate::http2::PREFACE.to_vec();
    frame::push(frame::SETTINGS, 0, 0, b"", &mut bytes);
    let fields = block(&with(&[("a", "b"), ("te", "trailers")]));
    let (first, rest) = fields.split_at(7);
    frame::push(frame::HEADERS, 0, 1, first, &mut bytes);
    frame::push(frame::CONTINUATION, 0, 1, b"", &mut bytes);
    frame::push(frame::CONTINUATION, frame::END_HEADERS, 1, rest, &mut bytes);
    frame::push(frame::DATA, frame::END_STREAM, 1, b"body", &mut bytes);
    for step in [1, 2, 10, bytes.len()] {
        let codec = Shared::new(options());
        let mut inbox = Vec::new();
        let mut handle = None;
        for piece in bytes.chunks(step) {
            inbox.extend_from_slice(piece);
            loop {
                let (taken, event) = codec.lock().receive(&inbox);
                inbox.drain(..taken);
                match event {
                    Some(Event::Request(place)) => handle = Some(Handle::new(&codec, place)),
                    Some(Event::Broken) => panic!("broken"),
                    None => break,
                }
            }
        }
        assert!(inbox.is_empty());
        let handle = handle.expect("a request");
        assert_eq!(read(&handle).as_deref(), Some(&b"body"[..]));
        assert_eq!(read(&handle).as_deref(), Some(&b""[..]));
        let mut codec = codec.lock();
        assert!(codec.head().lines.ends_with(b"/a: b\r\nte: trailers\r\n"));
        drop(codec);
    }
}

#[test]
fn malformed_requests_reset_their_streams() {
    let mut client = Client::new(options());
    let cases: [Vec<(&str, &str)>; 14] = [
        GET[1..].to_vec(),
        GET[..3].to_vec(),
        vec![GET[0], GET[2], GET[3]],
        with(&[("A", "b")]),
        with(&[("a", "b"), (":path", "/")]),
        with(&[(":path", "/")]),
        with(&[(":status", "200")]),
        with(&[("connection", "close")]),
        with(&[("te", "gzip")]),
        with(&[("a", "b\r\nc: d")]),
        with(&[("content-length", "1")]),
        with(&[(":protocol", "websocket")]),
        vec![(":method", "CONNECT"), (":path", "/"), (":authority", "a")],
        vec![(":method", ""), GET[1], GET[2], GET[3]],
    ];
    for (at, fields) in cases.iter().enumerate() {
        let id = at as u32 * 2 + 1;
        assert_eq!(client.head(id, true, fields), [], "{fields:?}");
        client.expect(id, Reason::PROTOCOL_ERROR);
    }
    // The connection goes on.
    client.ask(101, true);
}

#[test]
fn refused_requests_are_handed_over_with_the_reason() {
    let long = "x".repeat(120);
    let many: Vec<(&str, &str)> = with(&[("a", "b"); 17]);
    let large: Vec<(&str, &str)> = with(&[("a", long.as_str()); 16]);
    for (fields, wanted) in [
        (with(&[("a", "b"); 16]), None),
        (many, Some(HeadError::TooMany)),
        (large, Some(HeadError::TooMany)),
        (
            GET[..2].iter().chain(&GET[3..]).copied().collect(),
            Some(HeadError::MissingHost),
        ),
        (
            vec![GET[0], GET[1], GET[2], (":path", "/#a")],
            Some(HeadError::Path),
        ),
        (
            vec![GET[0], GET[1], GET[2], (":path", "x")],
            Some(HeadError::Malformed),
        ),
        (
            vec![GET[0], GET[1], (":authority", "a@b"), GET[3]],
            Some(HeadError::Malformed),
        ),
        (
            with(&[("host", "a"), ("host", "b")]),
            Some(HeadError::Malformed),
        ),
        (with(&[("host", "b")]), None),
        (with(&[("content-length", "x")]), Some(HeadError::Malformed)),
    ] {
        let mut client = Client::new(options());
        let events = client.head(1, true, &fields);
        let [Event::Request(place)] = events[..] else {
            panic!("{events:?} {fields:?}");
        };
        let handle = Handle::new(&client.codec, place);
        assert_eq!(handle.take_refusal(), wanted, "{fields:?}");
    }
}

/// HTTP/1 knows one field of cookies only.
#[test]
fn cookies_come_together() {
    let mut client = Client::new(options());
    client.head(
        1,
        true,
        &with(&[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")]),
    );
    let mut codec = client.codec.lock();
    assert!(
        codec
            .head()
            .lines
            .ends_with(b"x: y\r\ncookie: a=1; b=2\r\n")
    );
}

#[test]
fn tunnels_are_asked_for_like_upgrades() {
    let mut client = Client::new(Options {
        allow_connect: true,
        ..options()
    });
    let mut fields = with(&[(":protocol", "websocket"), ("a", "b")]);
    fields[0].1 = "CONNECT";
    assert_eq!(client.head(1, false, &fields).len(), 1);
    let mut codec = client.codec.lock();
    let received = codec.head();
    let (head, lines) = (&received.head, &received.lines);
    assert_eq!(head.method.of(lines), b"GET");
    assert_eq!(
        head.message.upgrade.map(|kind| kind.of(lines)),
        Some(&b"websocket"[..])
    );
    assert!(!head.message.chunked);
}

#[test]
fn uploads_wait_for_their_reader() {
    let mut client = Client::new(options());
    let handle = client.ask(1, false);
    let piece = vec![b'x'; 10_000];
    for _ in 0..10 {
        assert_eq!(client.frame(frame::DATA, 0, 1, &piece), []);
    }
    assert_eq!(client.sent(), [], "nobody took a byte");
    assert_eq!(read(&handle).map(|bytes| bytes.len()), Some(100_000));
    let frames = client.sent();
    let updates: Vec<_> = frames.iter().map(|one| (one.kind, one.stream)).collect();
    assert_eq!(
        updates,
        [(frame::WINDOW_UPDATE, 1), (frame::WINDOW_UPDATE, 0)]
    );
    assert_eq!(frame::number(&frames[0].payload), Some(100_000));
    assert_eq!(read(&handle), None);
    // Padding counts, and is given back by us.
    let padded = [&[200][..], &[b'y'; 5], &[0; 200]].concat();
    client.frame(frame::DATA, 8 | frame::END_STREAM, 1, &padded);
    assert_eq!(read(&handle).as_deref(), Some(&b"yyyyy"[..]));
    drop(handle);
}

#[test]
fn windows_must_be_kept() {
    let mut client = Client::new(options());
    let _one = client.ask(1, false);
    let piece = vec![b'x'; 16_384];
    for _ in 0..7 {
        client.frame(frame::DATA, 0, 1, &piece);
    }
    client.expect(1, Reason::FLOW_CONTROL_ERROR);
    let _three = client.ask(3, false);
    for _ in 0..5 {
        client.frame(frame::DATA, 0, 3, &piece);
    }
    let _five = client.ask(5, false);
    let events = client.frame(frame::DATA, 0, 5, &piece);
    assert_eq!(events, [Event::Broken]);
    client.expect(0, Reason::FLOW_CONTROL_ERROR);
}

#[test]
fn bodies_have_the_length_they_promise() {
    let mut client = Client::new(options());
    let with_length = with(&[("content-length", "5")]);
    for (at, (body, ends)) in [("123456", false), ("1234", true)].iter().enumerate() {
        let id = at as u32 * 2 + 1;
        let events = client.head(id, false, &with_length);
        let [Event::Request(place)] = events[..] else {
            panic!("{events:?}");
        };
        let handle = Handle::new(&client.codec, place);
        let flags = if *ends { frame::END_STREAM } else { 0 };
        client.frame(frame::DATA, flags, id, body.as_bytes());
        client.expect(id, Reason::PROTOCOL_ERROR);
        assert!(matches!(
            handle.poll_read(&cx(), &mut [0; 9]),
            Poll::Ready(Err(_))
        ));
        assert!(handle.poll_reset(&cx()).is_ready());
    }
}

#[test]
fn trailers_go_both_ways() {
    let mut client = Client::new(options());
    let handle = client.ask(1, false);
    client.frame(frame::DATA, 0, 1, b"x");
    client.head(1, true, &[("a", "b"), ("content-length", "7")]);
    assert_eq!(read(&handle).as_deref(), Some(&b"x"[..]));
    assert_eq!(read(&handle).as_deref(), Some(&b""[..]));
    let mut trailers = Vec::new();
    handle.push_trailers(&mut trailers);
    assert_eq!(trailers, b"a: b\r\n");
    handle.send_continue();
    handle.send_response(OK, false).expect("sent");
    handle.finish(b"Grpc-Status: 0\r\n");
    let frames = client.sent();
    let texts: Vec<_> = frames.iter().map(|one| client.text(&one.payload)).collect();
    assert_eq!(
        texts,
        [
            ":status: 100\r\n",
            ":status: 200\r\na: b\r\n",
            "grpc-status: 0\r\n"
        ]
    );
    assert_eq!(frames[2].flags, frame::END_STREAM | frame::END_HEADERS);
    // Without an end they are none.
    let _three = client.ask(3, false);
    client.head(3, false, &[("a", "b")]);
    client.expect(3, Reason::PROTOCOL_ERROR);
}

#[test]
fn downloads_wait_for_room() {
    let mut client = Client::new(options());
    let settings = [&[0, 4][..], &1000_u32.to_be_bytes()].concat();
    client.frame(frame::SETTINGS, 0, 0, &settings);
    client.sent();
    let handle = client.ask(1, true);
    handle.send_response(OK, false).expect("sent");
    let body = vec![b'x'; 100_000];
    assert_eq!(write(&handle, &body, true), Some(1000));
    assert_eq!(write(&handle, &body, true), None);
    client.frame(frame::WINDOW_UPDATE, 0, 1, &99_000_u32.to_be_bytes());
    // What is left of the connection's window.
    assert_eq!(write(&handle, &body[1000..], true), Some(64_535));
    assert_eq!(write(&handle, &body[65_535..], true), None);
    let lengths: Vec<_> = client.sent().iter().map(|one| one.payload.len()).collect();
    assert_eq!(lengths[1..], [1000, 16_384, 16_384, 16_384, 15_383]);
    client.frame(frame::WINDOW_UPDATE, 0, 0, &1_000_000_u32.to_be_bytes());
    assert_eq!(write(&handle, &body[65_535..], true), Some(34_465));
    assert_eq!(
        client.sent().last().map(|one| one.flags),
        Some(frame::END_STREAM)
    );
    // A client that does not read holds no more than this.
    let updates = 2_000_000_u32.to_be_bytes();
    client.frame(frame::WINDOW_UPDATE, 0, 0, &updates);
    let handle = client.ask(3, true);
    client.frame(frame::WINDOW_UPDATE, 0, 3, &updates);
    handle.send_response(OK, false).expect("sent");
    let mut written = 0;
    while let Some(count) = write(&handle, &body, false) {
        written += count;
    }
    assert!((100_000..200_000).contains(&written));
    client.sent();
    assert_eq!(write(&handle, &body, false), Some(100_000));
}

/// The socket was what they waited for, though the window is nearly used up too.
#[test]
fn written_output_wakes_those_that_wait() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    client.frame(frame::WINDOW_UPDATE, 0, 0, &70_000_u32.to_be_bytes());
    client.frame(frame::WINDOW_UPDATE, 0, 1, &1_000_000_u32.to_be_bytes());
    handle.send_response(OK, false).expect("sent");
    let body = vec![b'x'; 200_000];
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let cx = Context::from_waker(&waker);
    let mut written = 0;
    while let Poll::Ready(Ok(more)) = handle.poll_write(&cx, [&body[written..], b""], true) {
        written += more;
    }
    assert!((130_000..135_535).contains(&written), "{written}");
    assert_eq!(count.0.load(SeqCst), 0);
    client.sent();
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(
        write(&handle, &body[written..], true),
        Some(135_535 - written)
    );
}

#[test]
fn large_heads_go_out_in_pieces() {
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    let value = "v".repeat(40_000);
    let head = format!("HTTP/1.1 503 No\r\nx-long: {value}\r\n\r\n");
    handle.send_response(head.as_bytes(), true).expect("sent");
    let frames = client.sent();
    let kinds: Vec<_> = frames.iter().map(|one| (one.kind, one.flags)).collect();
    let wanted = [
        (frame::HEADERS, frame::END_STREAM),
        (frame::CONTINUATION, 0),
        (frame::CONTINUATION, frame::END_HEADERS),
    ];
    assert_eq!(kinds, wanted);
    let whole: Vec<u8> = frames.into_iter().flat_map(|one| one.payload).collect();
    assert_eq!(
        client.text(&whole),
        format!(":status: 503\r\nx-long: {value}\r\n")
    );
}

#[test]
fn streams_are_limited_and_given_up() {
    let mut client = Client::new(options());
    let handles: Vec<_> = (0..10).map(|at| client.ask(at * 2 + 1, false)).collect();
    assert_eq!(client.head(21, true, &GET), []);
    client.expect(21, Reason::REFUSED_STREAM);
    client.frame(frame::RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    assert!(handles[0].poll_reset(&cx()).is_ready());
    assert!(handles[1].poll_reset(&cx()).is_pending());
    assert_eq!(client.sent(), []);
    client.ask(23, true);
    client.expect(23, Reason::CANCEL);
    // A response that is complete leaves the rest of the request.
    handles[1].send_response(OK, true).expect("sent");
    client.sent();
    drop(handles);
    let frames = client.sent();
    assert_eq!(frames.len(), 9);
    assert_eq!(frames[0].payload, Reason::NO_ERROR.0.to_be_bytes());
    // What was under way is no mistake.
    assert_eq!(client.frame(frame::DATA, 0, 3, b"late"), []);
    assert_eq!(client.frame(frame::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1]), []);
    assert_eq!(client.sent(), []);
}

#[test]
fn a_drain_has_two_steps() {
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    client.codec.lock().drain();
    let frames = client.sent();
    assert_eq!(
        (frames[0].kind, frames[1].kind),
        (frame::GOAWAY, frame::PING)
    );
    assert_eq!(frame::number(&frames[0].payload), Some(frame::LAST_STREAM));
    let late = client.ask(3, true);
    client.frame(frame::PING, frame::ACK, 0, &FAREWELL);
    let frames = client.sent();
    assert_eq!(frame::number(&frames[0].payload), Some(3));
    assert_eq!(client.head(5, true, &GET), []);
    assert_eq!(client.sent(), [], "it knew");
    for handle in [handle, late] {
        assert!(!client.codec.lock().finished());
        handle.send_response(OK, true).expect("sent");
    }
    assert!(client.codec.lock().finished());
}

#[test]
fn pings_are_answered_both_ways() {
    let mut client = Client::new(options());
    client.frame(frame::PING, 0, 0, b"12345678");
    let frames = client.sent();
    assert_eq!((frames[0].kind, frames[0].flags), (frame::PING, frame::ACK));
    assert_eq!(frames[0].payload, b"12345678");
    assert!(client.codec.lock().send_ping());
    assert_eq!(client.sent()[0].payload, ALIVE);
    assert!(!client.codec.lock().take_pong());
    client.frame(frame::PING, frame::ACK, 0, &ALIVE);
    assert!(client.codec.lock().take_pong());
    assert!(!client.codec.lock().take_pong());
}

/// What costs a client nothing is limited.
#[test]
fn floods_end_the_connection() {
    type Step = fn(&mut Client, u32) -> Vec<Event>;
    let steps: [Step; 7] = [
        |client, _| client.frame(frame::PING, 0, 0, &[0; 8]),
        |client, _| client.frame(frame::SETTINGS, 0, 0, b""),
        |client, _| client.frame(frame::PRIORITY, 0, 9, &[0; 5]),
        |client, _| client.frame(frame::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        |client, at| match at {
            0 => client.head(1, false, &GET)[1..]
                .iter()
                .map(|_| Event::Broken)
                .collect(),
            _ => client.frame(frame::DATA, 0, 1, b""),
        },
        |client, at| {
            let id = at * 2 + 1;
            let events = client.head(id, true, &GET);
            let handles: Vec<_> = events
                .iter()
                .filter_map(|event| match event {
                    Event::Request(place) => Some(Handle::new(&client.codec, *place)),
                    Event::Broken => None,
                })
                .collect();
            let events = client.frame(frame::RST_STREAM, 0, id, &[0; 4]);
            drop(handles);
            events
        },
        |client, at| match at {
            0 => client.frame(frame::HEADERS, 0, 1, b""),
            _ => client.frame(frame::CONTINUATION, 0, 1, b""),
        },
    ];
    for (number, step) in steps.iter().enumerate() {
        let mut client = Client::new(options());
        let broken = (0..100_000).find(|at| step(&mut client, *at) == [Event::Broken]);
        assert!(broken.is_some_and(|at| at >= 100), "{number}: {broken:?}");
        let last = client.sent().pop().expect("a frame");
        assert_eq!(last.kind, frame::GOAWAY, "{number}");
        assert!(
            last.payload
                .ends_with(&Reason::ENHANCE_YOUR_CALM.0.to_be_bytes())
        );
    }
}

#[test]
fn the_end_reaches_every_stream() {
    let mut client = Client::new(options());
    let handle = client.ask(1, false);
    assert_eq!(
        client.frame(frame::PUSH_PROMISE, 0, 1, b""),
        [Event::Broken]
    );
    client.expect(0, Reason::PROTOCOL_ERROR);
    assert!(handle.poll_reset(&cx()).is_ready());
    assert!(handle.send_response(OK, true).is_err());
    drop(handle);
    assert_eq!(client.sent(), []);
    assert!(client.codec.lock().finished());
}
