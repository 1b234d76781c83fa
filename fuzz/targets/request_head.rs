// SPDX-License-Identifier: Apache-2.0
//! Request heads: our reading against a second one, of what comes in and of what goes out.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluicegate_dataplane::fuzzing::{
    Body, Outcome, Settings, normalized, request_head,
};
use sluicegate_fuzz::{Reading, head};

static SETTINGS: LazyLock<Settings> = LazyLock::new(Settings::default);

fuzz_target!(|bytes: &[u8]| {
    let second = head::request(bytes);
    let ours = match request_head(&SETTINGS, bytes) {
        Outcome::Complete(ours) => ours,
        Outcome::Partial => return assert_eq!(second, Reading::Unfinished),
        Outcome::Refused => return assert!(!matches!(second, Reading::Message(_)), "{second:?}"),
    };
    let Reading::Message((head, target, host)) = second else {
        panic!("only we take it: {ours:?}");
    };
    assert_eq!((&head.first[0], head.length), (&ours.method, ours.length));
    assert_eq!((&target, &host), (&ours.target, &ours.host));
    let number = |fields: &mut Vec<(Vec<u8>, Vec<u8>)>| {
        // We take leading zeros out.
        for (name, value) in fields {
            if name.eq_ignore_ascii_case(b"content-length") {
                let zeros = value.iter().take_while(|digit| **digit == b'0').count();
                value.drain(..zeros.min(value.len() - 1));
            }
        }
    };
    let mut fields = head.fields.clone();
    number(&mut fields);
    assert_eq!(fields, ours.fields);
    let body = match (head.chunked, head.content_length) {
        (true, _) => Body::Chunked,
        (false, Some(length)) => Body::Length(length),
        (false, None) => Body::Unsaid,
    };
    assert_eq!(body, ours.body);

    if fields.len() > 90 {
        // With what we add, it may be more than the second reading takes.
        return;
    }
    // The next one reads the same request, and not a byte more or less.
    let Reading::Message((sent, target, host)) = head::request(&ours.forwarded) else {
        panic!("sent on as {:?}", ours.forwarded.escape_ascii().to_string());
    };
    assert_eq!(sent.length, ours.forwarded.len());
    assert_eq!((&sent.first[0], &target, &host), (&ours.method, &ours.target, &ours.host));
    assert_eq!(sent.chunked, head.chunked);
    assert_eq!(sent.content_length.unwrap_or(0), head.content_length.unwrap_or(0));

    // A normal path stays as it is.
    if let Some(once) = normalized(&SETTINGS, bytes).filter(|path| path.starts_with(b"/")) {
        let again = [b"GET ", &once[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(normalized(&SETTINGS, &again), Some(once));
    }
});
