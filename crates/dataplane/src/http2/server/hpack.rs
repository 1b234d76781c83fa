// SPDX-License-Identifier: Apache-2.0
//! Header compression (RFC 7541).
//!
//! In: header blocks. Out: their fields as lines, in the form that HTTP/1 heads have; and blocks for
//! the lines that are sent.

mod decode;
mod encode;
mod huffman;
mod line;
mod statics;
mod table;

pub(crate) use decode::Decoder;
pub(crate) use encode::Encoder;
pub(crate) use line::{Line, Pseudo, Tag};

/// A block that cannot be read: the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault;

/// Bytes of a dynamic table as long as nobody says otherwise.
pub(super) const DEFAULT_TABLE: usize = 4096;

#[cfg(test)]
mod tests;
