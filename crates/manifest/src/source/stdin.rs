// SPDX-License-Identifier: Apache-2.0
//! Standard input as a source.
//!
//! In: everything up to its end. Out: a file named `<stdin>`.

use std::io::Read;

use super::file::File;
use crate::Fragments;

/// The name that diagnostics show.
pub(super) const NAME: &str = "<stdin>";

/// Reads standard input to its end.
pub(super) fn read(fragments: Fragments) -> std::io::Result<File> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(File::from_bytes(NAME, bytes, None, fragments))
}
