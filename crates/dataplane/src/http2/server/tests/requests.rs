// SPDX-License-Identifier: Apache-2.0
//! Requests on their way in.

use super::*;

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
    let long = "x".repeat(126);
    let many: Vec<(&str, &str)> = with(&[("a", "b"); 17]);
    let large: Vec<(&str, &str)> = with(&[("a", long.as_str()); 16]);
    for (fields, wanted) in [
        (with(&[("a", "b"); 16]), None),
        (many, Some(HeadError::TooMany)),
        (large, Some(HeadError::TooLarge)),
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
