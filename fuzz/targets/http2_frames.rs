// SPDX-License-Identifier: Apache-2.0
//! Frames of HTTP/2, cut anywhere, and header blocks: our reading of these against the one of another
//! implementation, and what we write read again by both.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_dataplane::fuzzing::{Outcome, Served, converse, decode_heads, encode_heads};

fuzz_target!(|bytes: &[u8]| {
    for step in [7, bytes.len()] {
        let said = converse(bytes, step, Served::Meanwhile);
        // Answers are bounded by what was asked: each frame of nine bytes brings a few of that size.
        assert!(said.sent.len() <= 1000 + bytes.len() * 20);
        assert!(said.body <= bytes.len());
    }
    let whole = converse(bytes, bytes.len(), Served::AtTheEnd);
    for step in [1, 7] {
        assert_eq!(converse(bytes, step, Served::AtTheEnd), whole);
    }
    blocks(bytes);
    lines(bytes);
});

/// The input is blocks, each behind its length.
fn blocks(mut bytes: &[u8]) {
    let mut blocks = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (block, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        blocks.push(block);
        bytes = rest;
    }
    let Outcome::Complete(ours) = decode_heads(&blocks) else {
        return;
    };
    let mut decoder = fluke_hpack::Decoder::new();
    for (block, ours) in blocks.iter().zip(ours) {
        let theirs = decoder.decode(block).ok();
        if ours.is_empty() && theirs.is_none() {
            // New limits and no field: nothing forbids that, though it is no message.
            return;
        }
        assert_eq!(theirs, Some(ours));
    }
}

/// The input is the lines of heads.
fn lines(bytes: &[u8]) {
    let heads: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let blocks = encode_heads(&heads);
    let blocks: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
    let Outcome::Complete(ours) = decode_heads(&blocks) else {
        panic!("we do not read what we write");
    };
    let mut decoder = fluke_hpack::Decoder::new();
    for ((block, ours), head) in blocks.iter().zip(ours).zip(heads) {
        assert_eq!(decoder.decode(block).ok().as_ref(), Some(&ours));
        for (name, value) in ours {
            assert!(!name.iter().any(u8::is_ascii_uppercase));
            assert!(head.windows(value.len().max(1)).any(|part| part == value) || value.is_empty());
        }
    }
}
