// SPDX-License-Identifier: Apache-2.0
//! What costs a client nothing, or next to nothing, is limited.

use super::*;

/// Repeats a step until the connection ends, for which it says why. Returns how often that took.
fn patience(name: &str, mut step: impl FnMut(&mut Client, u32) -> Vec<Event>) -> u32 {
    let mut client = Client::new(options());
    for at in 0..200_000 {
        let events = step(&mut client, at);
        if events.contains(&Event::Broken) {
            let last = client.sent().pop().expect("a frame");
            assert_eq!(last.kind, frame::GOAWAY, "{name}");
            let reason = Reason::ENHANCE_YOUR_CALM.0.to_be_bytes();
            assert!(last.payload.ends_with(&reason), "{name}: {last:?}");
            return at;
        }
        // A client that reads has no more patience to expect.
        client.sent();
    }
    panic!("{name}: endless");
}

/// Opens a stream and lets `then` follow; nobody serves it for long.
fn open(client: &mut Client, id: u32, then: impl FnOnce(&mut Client) -> Vec<Event>) -> Vec<Event> {
    let handles: Vec<_> = client
        .head(id, false, &GET)
        .iter()
        .filter_map(|event| match event {
            Event::Request(place) => Some(Handle::new(&client.codec, *place)),
            Event::Broken => None,
        })
        .collect();
    let events = then(client);
    drop(handles);
    events
}

#[test]
fn frames_that_do_nothing() {
    let empty = patience("DATA", |client, at| match at {
        0 => {
            client.head(1, false, &GET);
            Vec::new()
        }
        _ => client.frame(frame::DATA, 0, 1, b""),
    });
    assert_eq!(empty, 101);
    let padding = patience("padding", |client, at| match at {
        0 => {
            client.head(1, false, &GET);
            Vec::new()
        }
        _ => client.frame(frame::DATA, 8, 1, &[3, 0, 0, 0]),
    });
    assert_eq!(padding, 101);
    let priority = patience("PRIORITY", |client, _| {
        client.frame(frame::PRIORITY, 0, 9, &[0; 5])
    });
    assert_eq!(priority, 1000);
    let update = patience("WINDOW_UPDATE", |client, _| {
        client.frame(frame::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])
    });
    assert_eq!(update, 100);
}

#[test]
fn blocks_without_end() {
    let empty = patience("empty", |client, at| match at {
        0 => client.frame(frame::HEADERS, 0, 1, b""),
        _ => client.frame(frame::CONTINUATION, 0, 1, b""),
    });
    assert_eq!(empty, 129);
    let piece = [0; 16_384];
    let large = patience("large", |client, at| match at {
        0 => client.frame(frame::HEADERS, 0, 1, &piece),
        _ => client.frame(frame::CONTINUATION, 0, 1, &piece),
    });
    assert!(large < 6, "{large}");
}

/// By the client, or by us since the client breaks the rules on purpose.
#[test]
fn streams_that_are_given_up() {
    let reset = patience("RST_STREAM", |client, at| {
        let id = at * 2 + 1;
        open(client, id, |client| {
            client.frame(frame::RST_STREAM, 0, id, &[0; 4])
        })
    });
    assert!((1000..10_000).contains(&reset), "{reset}");
    let update = patience("WINDOW_UPDATE of nothing", |client, at| {
        let id = at * 2 + 1;
        open(client, id, |client| {
            client.frame(frame::WINDOW_UPDATE, 0, id, &[0; 4])
        })
    });
    // Updates have a bound of their own.
    assert!((1000..10_000).contains(&update), "{update}");
    let late = patience("DATA behind the end", |client, at| {
        let id = at * 2 + 1;
        open(client, id, |client| {
            client.frame(frame::DATA, frame::END_STREAM, id, b"a");
            client.frame(frame::DATA, 0, id, b"a")
        })
    });
    assert!((1000..10_000).contains(&late), "{late}");
    let malformed = patience("malformed heads", |client, at| {
        client.head(at * 2 + 1, true, &[("A", "b")])
    });
    assert!((1000..10_000).contains(&malformed), "{malformed}");
}

/// Whoever does not read the answers is not read.
#[test]
fn answers_that_nobody_reads() {
    type Step = fn(&mut Client, u32);
    let steps: [Step; 4] = [
        |client, _| {
            client.frame(frame::PING, 0, 0, &[0; 8]);
        },
        |client, _| {
            client.frame(frame::SETTINGS, 0, 0, b"");
        },
        |client, at| {
            let handle = client.ask(at * 2 + 1, true);
            handle.send_response(OK, true).expect("sent");
        },
        |client, at| {
            client.head(at * 2 + 1, true, &GET);
        },
    ];
    for step in steps {
        let mut client = Client::new(options());
        let held = |client: &Client| client.codec.lock().output().len();
        let mut at = 0;
        while !client.codec.lock().congested() {
            step(&mut client, at);
            at += 1;
        }
        assert!((200_000..300_000).contains(&held(&client)));
        client.codec.lock().wrote(100_000);
        assert!(!client.codec.lock().congested());
        let rest = held(&client);
        client.codec.lock().wrote(rest);
        assert_eq!(held(&client), 0);
        assert!(!client.codec.lock().finished());
    }
}

/// However often a client changes its mind in a frame, streams hear of it once, and wake if that helps.
#[test]
fn windows_that_change_all_the_time() {
    let mut client = Client::new(options());
    let handle = client.ask(1, true);
    handle.send_response(OK, false).expect("sent");
    let setting = |value: u32| [&[0, 4][..], &value.to_be_bytes()].concat();
    client.frame(frame::SETTINGS, 0, 0, &setting(0));
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    let cx = Context::from_waker(&waker);
    assert!(handle.poll_write(&cx, [b"ab", b""], true).is_pending());
    let mut all: Vec<u8> = (0..1000).flat_map(setting).collect();
    client.frame(frame::SETTINGS, 0, 0, &[&all[..], &setting(0)].concat());
    assert_eq!(count.0.load(SeqCst), 0);
    all.truncate(12);
    client.frame(frame::SETTINGS, 0, 0, &all);
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(write(&handle, b"ab", true), Some(1));
    // Beyond what a window may be, at any place.
    let frames = [setting(1 << 31), setting(5)].concat();
    assert_eq!(
        client.frame(frame::SETTINGS, 0, 0, &frames),
        [Event::Broken]
    );
}
