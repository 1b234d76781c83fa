// SPDX-License-Identifier: Apache-2.0
//! The lines of a head.
//!
//! In: bytes read so far and where a line starts. Out: where it ends, and field lines as name and
//! value; or that it is not all there yet; or why it is refused. Every byte is looked at once,
//! sixteen of them at a time.

use super::{
    super::{
        block::{self, Block, find},
        field::{Field, Known, Span},
    },
    HeadError,
};

/// A field line.
pub(in crate::http) struct FieldLine {
    /// Its parts.
    pub(in crate::http) field: Field,
    /// The name has an underscore.
    pub(in crate::http) underscore: bool,
    /// Where the next line starts.
    pub(in crate::http) next: usize,
}

/// Where the line that starts or goes on at `from` has its CR LF. Between them, only tabs are allowed
/// of the control bytes. Nothing when the end has not been read yet.
#[inline]
pub(in crate::http) fn line_end(bytes: &[u8], from: usize) -> Result<Option<usize>, HeadError> {
    let mut at = from;
    loop {
        at = find(bytes, at, Block::controls);
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => return Ok(Some(at)),
            None | Some([] | [b'\r']) => return Ok(None),
            Some([b'\t', ..]) => at += 1,
            Some([0, ..]) => return Err(HeadError::Characters),
            Some(_) => return Err(HeadError::Malformed),
        }
    }
}

/// Takes the field line at `start` apart. Part of its callers' loops: a call costs a fifth of it.
#[inline(always)]
pub(in crate::http) fn field_line(
    bytes: &[u8],
    start: usize,
) -> Result<Option<FieldLine>, HeadError> {
    let line = bytes.get(start..).unwrap_or_default();
    let (length, seen) = name(line);
    match line.get(length) {
        None => return Ok(None),
        Some(b':') if length > 0 => {}
        Some(_) => return Err(HeadError::Malformed),
    }
    let colon = start + length;
    let Some(end) = line_end(bytes, colon + 1)? else {
        return Ok(None);
    };
    let value = trim(bytes, colon + 1, end);
    Ok(Some(FieldLine {
        field: Field {
            name: Span::new(start, colon),
            value,
            known: Known::of(&line[..length]),
            upper: seen & UPPER != 0,
            exact: value.start() == colon + 2 && value.end() == end && bytes[colon + 1] == b' ',
        },
        underscore: seen & UNDERSCORE != 0,
        next: end + 2,
    }))
}

/// Whether it is a name as HTTP/2 has them, without upper-case letters; and if so, whether there is an
/// underscore in it.
pub(crate) fn lower_name(bytes: &[u8]) -> Option<bool> {
    let (length, seen) = name(bytes);
    let whole = length == bytes.len() && length > 0;
    (whole && seen & UPPER == 0).then_some(seen & UNDERSCORE != 0)
}

/// Whether it is a token (RFC 9110 5.6.2).
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && name(bytes).0 == bytes.len()
}

/// Whether a field may have this value: of the control bytes, only tabs.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    let mut at = find(bytes, 0, Block::controls);
    while bytes.get(at) == Some(&b'\t') {
        at = find(bytes, at + 1, Block::controls);
    }
    at >= bytes.len()
}

/// Length of the token that `line` starts with, and what classes of bytes are in it.
#[inline]
fn name(line: &[u8]) -> (usize, u8) {
    let mut length = 0;
    let mut seen = 0;
    loop {
        let block = Block::load(line, length);
        let run = (!block.plain()).trailing_zeros();
        if block.uppers() & ((1 << run) - 1) != 0 {
            seen |= UPPER;
        }
        length += run as usize;
        if (run as usize) < block::SIZE {
            break;
        }
    }
    match line.get(length) {
        None | Some(b':') => (length, seen),
        Some(_) => unusual_name(line, length, seen),
    }
}

/// The same from `length` on, for names with other characters than most.
#[cold]
fn unusual_name(line: &[u8], mut length: usize, mut seen: u8) -> (usize, u8) {
    while let Some(byte) = line.get(length) {
        let class = CLASS[usize::from(*byte)];
        if class & OTHER != 0 {
            break;
        }
        seen |= class;
        length += 1;
    }
    (length, seen)
}

/// The range `from..to` without blanks around it.
#[inline]
fn trim(bytes: &[u8], mut from: usize, mut to: usize) -> Span {
    let blank = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t'));
    while from < to && blank(from) {
        from += 1;
    }
    while to > from && blank(to - 1) {
        to -= 1;
    }
    Span::new(from, to)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tokens() {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        for byte in 0..=u8::MAX {
            for at in [0, 1, 15, 16, 17, 40] {
                let mut line = vec![b'a'; 41];
                line[at] = byte;
                line.extend(b":x");
                let length = if token(byte) { 41 } else { at };
                let upper = if byte.is_ascii_uppercase() { UPPER } else { 0 };
                let underscore = if byte == b'_' { UNDERSCORE } else { 0 };
                assert_eq!(name(&line), (length, upper | underscore), "{byte} {at}");
            }
        }
        assert_eq!(name(b"Ab"), (2, UPPER));
    }

    #[test]
    fn lines_end_in_cr_lf_only() {
        assert_eq!(line_end(b"a\tb\r\nc", 0), Ok(Some(3)));
        assert_eq!(line_end(b"a b", 0), Ok(None));
        assert_eq!(line_end(b"a b\r", 0), Ok(None));
        assert_eq!(line_end(b"a\n", 0), Err(HeadError::Malformed));
        assert_eq!(line_end(b"a\rb\r\n", 0), Err(HeadError::Malformed));
        assert_eq!(line_end(b"a\0\r\n", 0), Err(HeadError::Characters));
        assert_eq!(line_end(b"a\x7f\r\n", 0), Err(HeadError::Malformed));
    }
}
