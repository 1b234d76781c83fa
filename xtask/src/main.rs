// SPDX-License-Identifier: Apache-2.0
//! Repository tasks. `cargo xtask descriptors [--check]`, `cargo xtask layout`.

mod descriptors;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["descriptors"] => descriptors::write(),
        ["descriptors", "--check"] => descriptors::check(),
        _ => bail!("usage: cargo xtask descriptors [--check]"),
    }
}
