// SPDX-License-Identifier: Apache-2.0
//! Chunked bodies, cut anywhere: our reading against a second one, of what comes in and of what goes
//! out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_dataplane::fuzzing::{Outcome, chunks, data};
use sluicegate_fuzz::{Reading, chunks as second};

fuzz_target!(|bytes: &[u8]| {
    let reading = second::read(bytes);
    for step in [bytes.len(), 1, 2, 7] {
        for trailers in [false, true] {
            check(&reading, bytes, step, trailers);
        }
        match (data(bytes, step), &reading) {
            (Outcome::Complete((ours, lines)), Reading::Message(body)) => {
                assert_eq!((&ours.forwarded, ours.length), (&body.data, body.length));
                assert_eq!(lines.is_empty(), body.trailers.is_empty());
            }
            (Outcome::Complete(ours), _) => panic!("only we take it: {ours:?}"),
            (_, Reading::Message(body)) => panic!("we do not take {body:?}"),
            (Outcome::Partial, Reading::Nonsense) => panic!("we wait for more"),
            _ => {}
        }
    }
});

fn check(reading: &Reading<second::Chunked>, bytes: &[u8], step: usize, trailers: bool) {
    let ours = match (chunks(bytes, step, trailers), reading) {
        (Outcome::Complete(ours), Reading::Message(_)) => ours,
        (Outcome::Complete(ours), _) => panic!("only we take it: {ours:?}"),
        (_, Reading::Message(body)) => panic!("we do not take {body:?}"),
        (Outcome::Partial, Reading::Nonsense) => panic!("we wait for more"),
        _ => return,
    };
    let Reading::Message(body) = reading else {
        return;
    };
    assert_eq!(ours.length, body.length);
    // The next one reads the same body, wherever this one was cut.
    let Reading::Message(sent) = second::read(&ours.forwarded) else {
        panic!("sent on as {:?}", ours.forwarded.escape_ascii().to_string());
    };
    assert!(sent.plain && sent.length == ours.forwarded.len());
    assert_eq!(sent.data, body.data);
    assert!(trailers || sent.trailers.is_empty());
    let framing = |name: &[u8]| {
        let lower = name.to_ascii_lowercase();
        FRAMING.iter().any(|known| known.as_bytes() == lower)
    };
    assert!(!sent.trailers.iter().any(|(name, _)| framing(name)));
    if trailers {
        let kept = body.trailers.iter().filter(|(name, _)| !framing(name));
        assert_eq!(kept.count(), sent.trailers.len());
    }
    if let Outcome::Complete(whole) = chunks(bytes, bytes.len(), trailers) {
        assert_eq!(whole, ours);
    }
}

const FRAMING: [&str; 8] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
