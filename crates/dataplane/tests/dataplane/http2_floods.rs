// SPDX-License-Identifier: Apache-2.0
//! Clients of HTTP/2 that ask for more than they take, or for nothing at all.

use std::{
    io::{Read, Write},
    net::Shutdown,
    thread,
    time::Duration,
};

use sluicegate_xds::pb::envoy::config::core::v3::Http2ProtocolOptions;

use crate::support::{
    Gateway, Upstream,
    client::Client,
    gateway::{Resources, eventually},
    xds,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;
const ENHANCE_YOUR_CALM: u8 = 11;
/// `GET http://test/`, by the static table.
const GET: &[u8] = b"\x82\x86\x84\x01\x04test";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = (payload.len() as u32).to_be_bytes();
    let mut bytes = [&length[..], &[kind, flags]].concat();
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, GET)
}

/// A client that has said hello.
fn client(gateway: &Gateway) -> Client {
    let mut client = gateway.client();
    client.send([PREFACE, &frame(SETTINGS, 0, 0, b"")].concat());
    client
}

/// The frames in some bytes: kinds, flags and payloads.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some([a, b, c, kind, flags, ..]) = bytes.get(..9) {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(payload) = bytes.get(9..9 + length) else {
            break;
        };
        frames.push((*kind, *flags, payload.to_vec()));
        bytes = &bytes[9 + length..];
    }
    frames
}

/// Each kind ends its own connection, and says why; others are served.
#[test]
fn floods_end_their_connection() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let streams = |each: fn(u32) -> Vec<u8>| (0..10_000).flat_map(move |at| each(at * 2 + 1));
    let floods: [(&str, Vec<u8>); 6] = [
        ("PRIORITY", frame(PRIORITY, 0, 9, &[0; 5]).repeat(10_000)),
        (
            "WINDOW_UPDATE",
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).repeat(10_000),
        ),
        (
            "DATA",
            [
                frame(HEADERS, END_HEADERS, 1, GET),
                frame(DATA, 0, 1, b"").repeat(10_000),
            ]
            .concat(),
        ),
        (
            "CONTINUATION",
            [
                frame(HEADERS, 0, 1, GET),
                frame(CONTINUATION, 0, 1, b"").repeat(10_000),
            ]
            .concat(),
        ),
        (
            "RST_STREAM",
            streams(|id| [get(id), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])].concat()).collect(),
        ),
        (
            "a reset by us",
            streams(|id| [get(id), frame(DATA, 0, id, b"late")].concat()).collect(),
        ),
    ];
    for (name, flood) in floods {
        let mut client = client(&gateway);
        let mut writer = client.stream.try_clone().unwrap();
        let sending = thread::spawn(move || {
            // It is cut off sooner or later.
            let _ = writer.write_all(&flood);
            let _ = writer.shutdown(Shutdown::Write);
        });
        let frames = frames(&client.rest());
        sending.join().unwrap();
        let (kind, _, payload) = frames.last().expect("an answer");
        assert_eq!((*kind, payload[7]), (GOAWAY, ENHANCE_YOUR_CALM), "{name}");
    }
    for (name, count) in [
        ("http2.inbound_priority_frames_flood", 1),
        ("http2.inbound_window_update_frames_flood", 1),
        ("http2.inbound_empty_frames_flood", 1),
        ("http.test.downstream_rq_too_many_premature_resets", 2),
    ] {
        gateway.expect(name, count);
    }
    eventually("all are gone", || {
        gateway.stat("http.test.downstream_cx_http2_active") == 0
            && gateway.stat("http.test.downstream_rq_active") == 0
    });
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Answers wait in the kernel, and to a bound with us; then nothing more is read.
#[test]
fn a_client_that_reads_no_answers_is_not_read() {
    const PINGS: usize = 2_000_000;
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = client(&gateway);
    let mut writer = client.stream.try_clone().unwrap();
    writer.set_nonblocking(true).unwrap();
    let pings = frame(PING, 0, 0, b"12345678").repeat(1000);
    let (mut sent, mut patience) = (0, 0);
    while patience < 100 {
        assert!(sent < PINGS * 17, "all of them were read");
        match writer.write(&pings[sent % pings.len()..]) {
            Ok(count) => {
                sent += count;
                patience = 0;
            }
            Err(_) => {
                thread::sleep(Duration::from_millis(10));
                patience += 1;
            }
        }
    }
    // All that was sent is answered as soon as the client reads.
    writer.set_nonblocking(false).unwrap();
    let rest = pings[sent % pings.len()..].to_vec();
    let whole = (sent + rest.len()) / 17;
    let sending = thread::spawn(move || writer.write_all(&rest));
    let is_answer = |kind, flags| (kind, flags) == (PING, 1);
    read(&mut client, whole, is_answer);
    sending.join().unwrap().unwrap();
}

/// Reads until so many frames of a kind have come.
fn read(client: &mut Client, count: usize, wanted: impl Fn(u8, u8) -> bool) {
    let (mut buffer, mut found) = (Vec::new(), 0);
    while found < count {
        let mut piece = [0; 65_536];
        let length = client.stream.read(&mut piece).expect("more");
        assert!(length > 0, "{found} of {count}");
        buffer.extend_from_slice(&piece[..length]);
        let all = frames(&buffer);
        found += all.iter().filter(|one| wanted(one.0, one.1)).count();
        let whole: usize = all.iter().map(|one| 9 + one.2.len()).sum();
        buffer.drain(..whole);
    }
    assert_eq!(found, count);
}

/// Heads need no window; those of a client that does not read pile up to a bound.
#[test]
fn a_client_that_reads_no_heads_is_not_read() {
    const HEAD: usize = 30_000;
    let value = "v".repeat(HEAD);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: {value}\r\n\r\n");
    let upstream = Upstream::start(move |exchange| {
        let written = exchange.stream.write_all(answer.as_bytes());
        written.is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.http2_protocol_options = Some(Http2ProtocolOptions {
            max_concurrent_streams: xds::number(10),
            ..Http2ProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    let mut client = client(&gateway);
    let served = || gateway.stat("http.test.downstream_rq_2xx");
    let (mut asked, mut stalled) = (0, 0);
    while stalled < 20 {
        // About twice what kernels hold at most.
        assert!(
            asked < 1000,
            "{} MB of heads are held",
            asked * HEAD / 1_000_000
        );
        if served() as usize == asked {
            for _ in 0..10 {
                client.send(get(asked as u32 * 2 + 1));
                asked += 1;
            }
            stalled = 0;
        } else {
            thread::sleep(Duration::from_millis(50));
            stalled += 1;
        }
    }
    read(&mut client, asked, |kind, _| kind == HEADERS);
    assert_eq!(served() as usize, asked);
}
