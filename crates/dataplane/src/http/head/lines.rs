// SPDX-License-Identifier: Apache-2.0
//! The lines of a head.
//!
//! In: bytes read so far. Out: one line after the other without its CR LF, and field lines as name
//! and value. What a line may not hold is looked for in one wide pass over all of them, which costs a
//! fraction of a look at each byte.

use memchr::{Memchr, memchr_iter};

use super::{
    super::field::{Field, Known, Span},
    HeadError,
};

/// The lines of a head, and how far they have been read.
pub(in crate::http) struct Lines<'a> {
    bytes: &'a [u8],
    ends: Memchr<'a>,
    start: usize,
}

/// A line: where it starts and where its CR is.
#[derive(Clone, Copy)]
pub(in crate::http) struct Line {
    start: usize,
    end: usize,
}

impl<'a> Lines<'a> {
    /// The lines of `bytes`, from the first.
    pub(in crate::http) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            ends: memchr_iter(b'\n', bytes),
            start: 0,
        }
    }

    /// The next line that has been read to its end; it must end in CR LF.
    pub(in crate::http) fn next(&mut self) -> Result<Option<Line>, HeadError> {
        let Some(feed) = self.ends.next() else {
            return Ok(None);
        };
        let start = self.start;
        if feed == start || self.bytes[feed - 1] != b'\r' {
            return Err(HeadError::Malformed);
        }
        self.start = feed + 1;
        Ok(Some(Line {
            start,
            end: feed - 1,
        }))
    }

    /// Bytes of the lines so far.
    pub(in crate::http) fn length(&self) -> usize {
        self.start
    }
}

impl Line {
    /// The line without its CR LF.
    pub(in crate::http) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// The empty line, which ends a head.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes a field line apart; also says whether its name has an underscore.
    pub(in crate::http) fn field<'a>(
        &self,
        bytes: &'a [u8],
    ) -> Result<(Field, &'a [u8], bool), HeadError> {
        let line = self.of(bytes);
        let mut seen = 0;
        let mut colon = 0;
        for byte in line {
            let class = CLASS[usize::from(*byte)];
            if class & OTHER != 0 {
                break;
            }
            seen |= class;
            colon += 1;
        }
        if colon == 0 || line.get(colon) != Some(&b':') {
            return Err(HeadError::Malformed);
        }
        let mut from = colon + 1;
        while from < line.len() && matches!(line[from], b' ' | b'\t') {
            from += 1;
        }
        let mut to = line.len();
        while to > from && matches!(line[to - 1], b' ' | b'\t') {
            to -= 1;
        }
        let field = Field {
            name: Span::new(self.start, self.start + colon),
            value: Span::new(self.start + from, self.start + to),
            known: Known::of(&line[..colon]),
            upper: seen & UPPER != 0,
            exact: from == colon + 2 && to == line.len() && line[colon + 1] == b' ',
        };
        Ok((field, &line[from..to], seen & UNDERSCORE != 0))
    }
}

/// Refuses what no line may hold: control bytes other than tabs, and a CR that no LF follows. `bytes`
/// may end in the middle of a line.
pub(in crate::http) fn check(bytes: &[u8]) -> Result<(), HeadError> {
    let forbidden = |byte: u8| {
        ((byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r')) | (byte == 0x7f)
    };
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let found = pairs.fold(false, |found, (&byte, &next)| {
        found | forbidden(byte) | ((byte == b'\r') & (next != b'\n'))
    });
    let last = bytes.last().is_some_and(|byte| forbidden(*byte));
    match found | last {
        false => Ok(()),
        true if bytes.contains(&0) => Err(HeadError::Characters),
        true => Err(HeadError::Malformed),
    }
}

/// Not of a token (RFC 9110 5.6.2).
const OTHER: u8 = 1;
/// An upper-case letter.
const UPPER: u8 = 2;
/// `_`.
const UNDERSCORE: u8 = 4;

const CLASS: [u8; 256] = {
    let mut table = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = match byte as u8 {
            b'A'..=b'Z' => UPPER,
            b'_' => UNDERSCORE,
            b'a'..=b'z' | b'0'..=b'9' => 0,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' => 0,
            b'^' | b'`' | b'|' | b'~' => 0,
            _ => OTHER,
        };
        byte += 1;
    }
    table
};
