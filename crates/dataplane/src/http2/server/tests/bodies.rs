// SPDX-License-Identifier: Apache-2.0
//! Bodies and windows.

use super::*;

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
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    client.frame(frame::WINDOW_UPDATE, 0, 0, &70_000_u32.to_be_bytes());
    client.frame(frame::WINDOW_UPDATE, 0, 1, &1_000_000_u32.to_be_bytes());
    handle.send_response(OK, false).expect("sent");
    let body = vec![b'x'; 200_000];
    let count = Arc::new(Count::default());
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
