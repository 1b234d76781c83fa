// SPDX-License-Identifier: Apache-2.0
//! Reading header blocks.
//!
//! In: a block. Out: its fields, one after the other. A line that comes by its index costs a look at
//! the table, one that is spelled out goes through one scratch buffer.

use super::{
    DEFAULT_TABLE, Fault, huffman,
    line::{Line, Tag},
    statics,
    table::Table,
};

/// The state of one direction.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table<Tag>,
    /// What the peer may set the table's limit to.
    allowed: usize,
    scratch: Vec<u8>,
}

impl Decoder {
    /// `allowed` bytes of table are what the settings say.
    pub(crate) fn new(allowed: usize) -> Self {
        Self {
            table: Table::new(DEFAULT_TABLE),
            // Until the peer knows the settings.
            allowed: allowed.max(DEFAULT_TABLE),
            scratch: Vec::new(),
        }
    }

    /// Gives every field of a block to `take`.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        mut take: impl FnMut(Line<'_>),
    ) -> Result<(), Fault> {
        let mut at = 0;
        let mut fields = false;
        while let Some(first) = block.get(at) {
            match first {
                0x80.. => {
                    let index = integer(block, &mut at, 7)?;
                    take(self.line(index)?);
                }
                0x40.. => {
                    let name = self.literal(block, &mut at, 6)?;
                    let line = self.scratched(name);
                    let sizes = [name, line.value().len()];
                    let tag = line.tag;
                    take(line);
                    self.table.add(&self.scratch, sizes, tag);
                }
                0x20.. => {
                    let limit = integer(block, &mut at, 5)?;
                    if fields || limit > self.allowed {
                        return Err(Fault);
                    }
                    self.table.set_limit(limit);
                    continue;
                }
                _ => {
                    let name = self.literal(block, &mut at, 4)?;
                    take(self.scratched(name));
                }
            }
            fields = true;
        }
        if self.scratch.capacity() > KEPT {
            self.scratch = Vec::new();
        }
        Ok(())
    }

    fn line(&self, index: usize) -> Result<Line<'_>, Fault> {
        if let Some((bytes, name)) = statics::line(index) {
            let tag = Tag::of(&bytes[..name], &bytes[name + 2..bytes.len() - 2]);
            return Ok(Line { bytes, name, tag });
        }
        let ago = index.checked_sub(statics::COUNT + 1).ok_or(Fault)?;
        let (bytes, entry) = self.table.line(ago).ok_or(Fault)?;
        Ok(Line {
            bytes,
            name: entry.name,
            tag: entry.tag,
        })
    }

    /// Reads a literal into the scratch buffer; returns the bytes of its name.
    fn literal(&mut self, block: &[u8], at: &mut usize, prefix: u32) -> Result<usize, Fault> {
        let index = integer(block, at, prefix)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if index == 0 {
            string(block, at, &mut scratch)?;
        } else {
            let line = self.line(index)?;
            scratch.extend_from_slice(line.name());
        }
        let name = scratch.len();
        scratch.extend_from_slice(b": ");
        string(block, at, &mut scratch)?;
        scratch.extend_from_slice(b"\r\n");
        self.scratch = scratch;
        Ok(name)
    }

    fn scratched(&self, name: usize) -> Line<'_> {
        let bytes = &self.scratch;
        Line {
            bytes,
            name,
            tag: Tag::of(&bytes[..name], &bytes[name + 2..bytes.len() - 2]),
        }
    }
}

/// Reads a number whose first byte shares itself with other things (5.1).
fn integer(block: &[u8], at: &mut usize, prefix: u32) -> Result<usize, Fault> {
    let mut next = || {
        let byte = block.get(*at).copied().ok_or(Fault);
        *at += 1;
        byte
    };
    let mask = (1 << prefix) - 1;
    let mut number = usize::from(next()?) & mask;
    if number < mask {
        return Ok(number);
    }
    for shift in [0, 7, 14, 21] {
        let byte = next()?;
        number += usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    // Nothing that is meant seriously.
    Err(Fault)
}

/// Reads a string (5.2).
fn string(block: &[u8], at: &mut usize, out: &mut Vec<u8>) -> Result<(), Fault> {
    let coded = block.get(*at).ok_or(Fault)? & 0x80 != 0;
    let length = integer(block, at, 7)?;
    let bytes = block.get(*at..*at + length).ok_or(Fault)?;
    *at += length;
    if coded {
        huffman::decode(bytes, out)
    } else {
        out.extend_from_slice(bytes);
        Ok(())
    }
}

/// A larger scratch buffer goes back to the allocator.
const KEPT: usize = 4096;
