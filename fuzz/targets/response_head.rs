// SPDX-License-Identifier: Apache-2.0
//! Response heads: our reading against a second one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_dataplane::fuzzing::{Body, Outcome, response_head};
use sluicegate_fuzz::{Reading, head};

fuzz_target!(|bytes: &[u8]| {
    let second = head::response(bytes);
    let ours = match response_head(bytes) {
        Outcome::Complete(ours) => ours,
        Outcome::Partial => return assert_eq!(second, Reading::Unfinished),
        Outcome::Refused => return assert!(!matches!(second, Reading::Message(_)), "{second:?}"),
    };
    let Reading::Message((head, status)) = second else {
        panic!("only we take it: {ours:?}");
    };
    assert_eq!((status, head.length), (ours.status, ours.length));
    assert_eq!(head.fields.len(), ours.fields.len());
    for ((name, value), (our_name, our_value)) in head.fields.iter().zip(&ours.fields) {
        assert_eq!(name, our_name);
        let length = name.eq_ignore_ascii_case(b"content-length");
        assert!(value == our_value || (length && value.ends_with(our_value)));
    }
    let body = match (head.chunked, head.content_length) {
        (true, _) => Body::Chunked,
        (false, Some(length)) => Body::Length(length),
        (false, None) => Body::Unsaid,
    };
    assert_eq!(body, ours.body);
});
