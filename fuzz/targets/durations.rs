// SPDX-License-Identifier: Apache-2.0
//! Text to durations.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_resource::value::parse_duration;

fuzz_target!(|text: &str| {
    let _ = parse_duration(text);
});
