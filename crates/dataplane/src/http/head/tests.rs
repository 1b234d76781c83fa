// SPDX-License-Identifier: Apache-2.0
//! Heads that are taken, heads that are refused, and heads cut anywhere.

use super::*;

const LIMITS: Limits = Limits {
    count: 100,
    bytes: 60 * 1024,
};

fn request(text: &str) -> Result<(Parsed, RequestHead), HeadError> {
    let mut head = RequestHead::default();
    head.parse(text.as_bytes(), LIMITS)
        .map(|parsed| (parsed, head))
}

fn refused(text: &str) -> Option<HeadError> {
    request(text).err()
}

#[test]
fn ambiguous_requests_are_refused() {
    for (text, wanted) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            HeadError::LengthAndChunked,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            HeadError::TransferEncoding,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            HeadError::TransferEncoding,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            HeadError::TransferEncoding,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
            HeadError::TransferEncoding,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n",
            HeadError::Malformed,
        ),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", HeadError::Malformed),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            HeadError::Malformed,
        ),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", HeadError::Malformed),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
            HeadError::Characters,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nX@: b\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            HeadError::Malformed,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            HeadError::Malformed,
        ),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Malformed),
        ("GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Malformed),
        (
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            HeadError::Malformed,
        ),
        ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Path),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Malformed),
        (
            "NONSENSE / HTTP/1.1\r\nHost: a\r\n\r\n",
            HeadError::Malformed,
        ),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", HeadError::OldVersion),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", HeadError::Malformed),
        ("GET / HTTP/1.1\r\n\r\n", HeadError::MissingHost),
        ("\u{1}garbage", HeadError::Malformed),
    ] {
        assert_eq!(refused(text), Some(wanted), "{text:?}");
    }
}

#[test]
fn a_head_is_taken_apart() {
    let text = "POST http://u.example:81/p?q HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\n\
                Upgrade: websocket\r\nContent-Length: 12\r\nA_B: c\r\n\r\nbody";
    let (parsed, head) = request(text).expect("taken");
    let bytes = text.as_bytes();
    assert_eq!(parsed, Parsed::Complete);
    assert_eq!(head.method.of(bytes), b"POST");
    assert_eq!(head.path_of(bytes), b"/p?q");
    assert_eq!(head.authority.of(bytes), b"u.example:81");
    assert_eq!(head.message.content_length, Some(12));
    assert_eq!(head.message.upgrade, None, "Connection does not name it");
    assert!(head.message.close && head.message.underscores);
    assert!(head.message.hops_name(bytes, b"x-hop"));
    assert_eq!(&bytes[head.message.length..], b"body");
    let (_, head) = request("OPTIONS http://u HTTP/1.1\r\nHost: h\r\n\r\n").expect("taken");
    assert_eq!(head.path_of(b""), b"/");
}

#[test]
fn cut_anywhere_the_outcome_is_the_same() {
    for text in [
        "GET /a HTTP/1.1\r\nHost: a\r\nX-Y: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    ] {
        let whole = request(text).map(|(parsed, _)| parsed);
        for end in 0..text.len() {
            match request(&text[..end]) {
                Ok((parsed, _)) => assert_eq!(parsed, Parsed::Partial, "{:?}", &text[..end]),
                Err(error) => assert_eq!(Err(error), whole, "{:?}", &text[..end]),
            }
        }
    }
}

#[test]
fn limits_hold_exactly() {
    let with = |count: usize| {
        let mut text = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned();
        for number in 1..count {
            text.push_str(&format!("x-{number}: y\r\n"));
        }
        text + "\r\n"
    };
    assert_eq!(refused(&with(100)), None);
    assert_eq!(refused(&with(101)), Some(HeadError::TooMany));
    assert_eq!(refused(&with(150)), Some(HeadError::TooMany));
    let more = Limits {
        count: 300,
        ..LIMITS
    };
    let mut head = RequestHead::default();
    assert_eq!(head.parse(with(300).as_bytes(), more), Ok(Parsed::Complete));
    assert_eq!(
        head.parse(with(301).as_bytes(), more),
        Err(HeadError::TooMany)
    );
    let small = Limits {
        bytes: 40,
        ..LIMITS
    };
    let text = "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(head.parse(text.as_bytes(), small), Err(HeadError::TooLarge));
}

#[test]
fn responses_that_could_be_read_in_two_ways_are_refused() {
    for (text, taken) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", true),
        ("HTTP/1.1 200\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\n\r\n", true),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
        ),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\nA: b\r\n\r\n", false),
        ("HTTP/1.1 abc OK\r\n\r\n", false),
        ("HTTP/1.1 099 X\r\n\r\n", false),
        ("garbage\r\n\r\n", false),
    ] {
        let mut head = ResponseHead::default();
        let parsed = head.parse(text.as_bytes(), LIMITS);
        assert_eq!(parsed == Ok(Parsed::Complete), taken, "{text:?} {parsed:?}");
    }
}

#[test]
fn random_bytes_never_panic() {
    fastrand::seed(7);
    let parts: [&[u8]; 12] = [
        b"GET ",
        b"/",
        b" HTTP/1.1",
        b"\r\n",
        b"\n",
        b"Host: a",
        b":",
        b" ",
        b"Content-Length: 5",
        b"\0",
        b"Transfer-Encoding: chunked",
        b"\xff",
    ];
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..fastrand::usize(..12) {
            if fastrand::bool() {
                bytes.extend_from_slice(parts[fastrand::usize(..parts.len())]);
            } else {
                bytes.push(fastrand::u8(..));
            }
        }
        let _ = RequestHead::default().parse(&bytes, LIMITS);
        let _ = ResponseHead::default().parse(&bytes, LIMITS);
    }
}
