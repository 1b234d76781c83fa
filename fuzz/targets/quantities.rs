// SPDX-License-Identifier: Apache-2.0
//! Text to quantities.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate_resource::value::parse_quantity;

fuzz_target!(|text: &str| {
    let _ = parse_quantity(text);
});
