// SPDX-License-Identifier: Apache-2.0
//! What a client may do, and how connections end.

use super::*;

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

/// What the client opened without knowing better, and what belongs to it, is passed over.
#[test]
fn streams_behind_the_end_of_a_drain_harm_nobody() {
    let mut client = Client::new(options());
    let handle = client.ask(1, false);
    client.codec.lock().drain();
    client.frame(frame::PING, frame::ACK, 0, &FAREWELL);
    client.sent();
    assert_eq!(client.head(3, false, &GET), []);
    client.frame(frame::DATA, 0, 3, b"body");
    client.frame(frame::WINDOW_UPDATE, 0, 3, &[0, 0, 0, 1]);
    client.head(3, true, &[("a", "trailer")]);
    client.frame(frame::RST_STREAM, 0, 5, &[0; 4]);
    assert_eq!(client.sent(), []);
    client.frame(frame::DATA, frame::END_STREAM, 1, b"served");
    assert_eq!(read(&handle).as_deref(), Some(&b"served"[..]));
}

/// Those that the client gave up count until nobody serves them any more.
#[test]
fn what_is_served_is_limited_too() {
    let mut client = Client::new(options());
    let mut handles = Vec::new();
    for at in 0..20 {
        handles.push(client.ask(at * 2 + 1, true));
        client.frame(frame::RST_STREAM, 0, at * 2 + 1, &[0; 4]);
    }
    assert_eq!(client.sent(), []);
    client.head(41, true, &GET);
    client.expect(41, Reason::REFUSED_STREAM);
    handles.clear();
    client.ask(43, true);
}

/// Trailers and more may be under way for each of many streams that were reset here.
#[test]
fn late_frames_of_many_streams_are_no_mistake() {
    let mut client = Client::new(Options {
        max_streams: 1000,
        ..options()
    });
    let handles: Vec<_> = (0..1000).map(|at| client.ask(at * 2 + 1, false)).collect();
    drop(handles);
    assert_eq!(client.sent().len(), 1000);
    for id in (0..1000).map(|at| at * 2 + 1) {
        assert_eq!(client.head(id, true, &[("a", "b")]), []);
        assert_eq!(client.frame(frame::DATA, 0, id, b"late"), []);
    }
    assert!(!client.codec.lock().finished());
}

#[test]
fn other_protocols_are_told_nothing() {
    let codec = Shared::new(options());
    let (taken, event) = codec.lock().receive(b"PRI * HTTP/1.1\r\n");
    assert_eq!((taken, event), (16, Some(Event::Broken)));
    assert_eq!(codec.lock().output(), b"");
    assert!(codec.lock().finished());
}
