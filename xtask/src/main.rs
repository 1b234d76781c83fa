// SPDX-License-Identifier: Apache-2.0
//! Repository tasks: `cargo xtask descriptors [--check]`, `layout`, `rows`, `peer [-o json] [PART]`.

mod descriptors;
mod layout;
mod peer;
mod rows;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["descriptors"] => descriptors::write(),
        ["descriptors", "--check"] => descriptors::check(),
        ["layout"] => layout::check(),
        ["rows"] => rows::check(),
        ["peer", rest @ ..] => peer::compare(rest),
        _ => bail!(
            "usage: cargo xtask descriptors [--check] | layout | rows | {}",
            peer::USAGE
        ),
    }
}
