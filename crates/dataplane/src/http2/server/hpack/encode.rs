// SPDX-License-Identifier: Apache-2.0
//! Writing header blocks.
//!
//! In: lines as the writer of heads wrote them. Out: a block. Most lines of a response are those of
//! the last one: they are found by their bytes, without being taken apart. A line enters the table
//! when it comes the second time, so that those which never come again do not push others out.

use super::{DEFAULT_TABLE, statics, table::Table};
use crate::http::{Span, Written};

/// The state of one direction.
#[derive(Debug)]
pub(crate) struct Encoder {
    table: Table<()>,
    /// Lines added so far.
    added: u32,
    /// Where lines of the table are found: their numbers, from 1 on.
    places: [[u32; WAYS]; SETS],
    /// Marks of lines that came once.
    seen: [u32; SEEN],
    /// A limit that the peer has to be told: the lowest since, and the present one.
    resized: Option<[usize; 2]>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            table: Table::new(DEFAULT_TABLE),
            added: 0,
            places: [[0; WAYS]; SETS],
            seen: [0; SEEN],
            resized: None,
        }
    }

    /// The peer's table has room for `limit` bytes.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        let limit = limit.min(DEFAULT_TABLE);
        if limit == self.table.limit() && self.resized.is_none() {
            return;
        }
        let lowest = self.resized.map_or(limit, |[lowest, _]| lowest.min(limit));
        self.table.set_limit(limit);
        self.resized = Some([lowest, limit]);
    }

    /// Starts a block.
    pub(crate) fn start(&mut self, out: &mut Vec<u8>) {
        if let Some([lowest, limit]) = self.resized.take() {
            if lowest < limit {
                integer(lowest, 5, 0x20, out);
            }
            integer(limit, 5, 0x20, out);
        }
    }

    /// Adds `:status`.
    pub(crate) fn status(&mut self, digits: &[u8], out: &mut Vec<u8>) {
        let known: [&[u8]; 7] = [b"200", b"204", b"206", b"304", b"400", b"404", b"500"];
        match known.iter().position(|status| *status == digits) {
            Some(at) => out.push(0x80 | (STATUS + at) as u8),
            None => {
                integer(STATUS, 4, 0, out);
                string(digits, out);
            }
        }
    }

    /// Adds the fields of `lines`, which are in `bytes`, as far as HTTP/2 allows them.
    pub(crate) fn lines(&mut self, bytes: &[u8], lines: &mut Written<'_>, out: &mut Vec<u8>) {
        for range in lines {
            let line = &bytes[range.clone()];
            if let Some(index) = self.find(line) {
                integer(index, 7, 0x80, out);
                continue;
            }
            let Some(field) = Written::field(bytes, &range) else {
                continue;
            };
            if !field.known.is_of_connection() {
                let [name, value] = [field.name, field.value].map(|span: Span| span.of(bytes));
                self.literal(line, [name, value], out);
            }
        }
    }

    /// The index of a line that is in the table.
    fn find(&self, line: &[u8]) -> Option<usize> {
        self.places[mark(line) as usize % SETS]
            .iter()
            .find_map(|number| {
                let ago = self.added.checked_sub(*number)? as usize;
                let (found, _) = self.table.line(ago).filter(|_| *number > 0)?;
                (found == line).then_some(statics::COUNT + 1 + ago)
            })
    }

    fn literal(&mut self, line: &[u8], [name, value]: [&[u8]; 2], out: &mut Vec<u8>) {
        let mark = mark(line);
        let lower = name.to_ascii_lowercase();
        let index = statics::name(&lower);
        let again = self.again(mark) && index != SET_COOKIE;
        match again {
            true => integer(index, 6, 0x40, out),
            false if index == SET_COOKIE => integer(index, 4, 0x10, out),
            false => integer(index, 4, 0, out),
        }
        if index == 0 {
            string(&lower, out);
        }
        string(value, out);
        if again {
            self.add(line, mark, [name.len(), value.len()]);
        }
    }

    /// Whether a line comes the second time.
    fn again(&mut self, mark: u32) -> bool {
        let seen = &mut self.seen[(mark >> 8) as usize % SEEN];
        std::mem::replace(seen, mark) == mark
    }

    fn add(&mut self, line: &[u8], mark: u32, sizes: [usize; 2]) {
        // The table of the peer has it now, or is empty now, and so is this one.
        if !self.table.add(line, sizes, ()) {
            return;
        }
        if self.added == u32::MAX {
            // Nothing is found by its old number.
            self.places = [[0; WAYS]; SETS];
            self.added = 0;
        }
        self.added += 1;
        let set = &mut self.places[mark as usize % SETS];
        // The older one makes room.
        let oldest = if set[0] <= set[1] { 0 } else { 1 };
        set[oldest] = self.added;
    }
}

/// Tells lines apart by their length and both ends, where most differ.
fn mark(line: &[u8]) -> u32 {
    let (first, last) = match (line.first_chunk(), line.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => {
            let byte = |sum, byte: &u8| sum << 8 | u64::from(*byte);
            (line.iter().fold(0, byte), 0)
        }
    };
    let mixed = (first ^ last.rotate_left(29) ^ line.len() as u64).wrapping_mul(ODD);
    (mixed >> 32) as u32
}

/// Writes a number behind the bits of `first` (5.1).
fn integer(number: usize, prefix: u32, first: u8, out: &mut Vec<u8>) {
    let mask = (1 << prefix) - 1;
    if number < mask {
        out.push(first | number as u8);
        return;
    }
    out.push(first | mask as u8);
    let mut rest = number - mask;
    while rest >= 0x80 {
        out.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Writes a string as it is.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    integer(bytes.len(), 7, 0, out);
    out.extend_from_slice(bytes);
}

const SETS: usize = 64;
const WAYS: usize = 2;
const SEEN: usize = 64;
/// `:status: 200` in the static table; six more follow.
const STATUS: usize = 8;
/// What must not be guessed by the size of a block (RFC 7541 7.1.3).
const SET_COOKIE: usize = 55;
/// The golden ratio, as a fraction of 2^64.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
