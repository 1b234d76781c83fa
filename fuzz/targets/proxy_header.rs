// SPDX-License-Identifier: Apache-2.0
//! PROXY headers, text and binary: our reading against a second one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_dataplane::fuzzing::{Outcome, proxy_block, proxy_line};
use sluicegate_fuzz::proxy;

fuzz_target!(|bytes: &[u8]| {
    let (ours, second) = match bytes {
        [0, command, family, body @ ..] => {
            let kind = [*command, *family];
            (proxy_block(kind, body), proxy::block(kind, body))
        }
        _ => (proxy_line(bytes), proxy::line(bytes)),
    };
    match ours {
        Outcome::Complete(ours) => assert_eq!(Some(ours), second),
        Outcome::Partial | Outcome::Refused => assert_eq!(second, None),
    }
});
