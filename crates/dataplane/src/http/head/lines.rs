// SPDX-License-Identifier: Apache-2.0
//! The lines of a head.
//!
//! In: bytes read so far and where a line starts. Out: where it ends, and field lines as name and
//! value; or that it is not all there yet; or why it is refused. Every byte is looked at once,
//! sixteen of them at a time.

use super::{
    super::{
        block::{self, Block, find, find_odd},
        field::{Field, Known, Span},
    },
    HeadError,
};

/// A field line.
pub(in crate::http) struct FieldLine<'a> {
    /// Its parts.
    pub(in crate::http) field: Field,
    /// Its value.
    pub(in crate::http) value: &'a [u8],
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

/// Takes the field line at `start` apart if all of it is there and it is written as usual: a name of
/// letters, digits and `-`, a colon, one blank, a value in ASCII. Part of its caller's loop: a call
/// costs a fifth of it.
#[inline(always)]
pub(in crate::http) fn usual_line(bytes: &[u8], start: usize) -> Option<FieldLine<'_>> {
    let rest = bytes.get(start..)?;
    let plain = Block::new(rest.first_chunk()?).plain();
    let length = match plain.trailing_ones() as usize {
        block::SIZE => long_name(rest),
        length => length,
    };
    // Not before it is clear that this is a field: what follows the head may be long.
    let [b':', b' ', first, ..] = rest.get(length..)? else {
        return None;
    };
    let (colon, text) = (start + length, &rest[length + 2..]);
    if length == 0 || *first <= b' ' {
        return None;
    }
    let (value, [b'\r', b'\n', ..]) = text.split_at_checked(find_odd(text))? else {
        return None;
    };
    if *value.last()? <= b' ' {
        return None;
    }
    let end = colon + 2 + value.len();
    Some(FieldLine {
        field: Field {
            name: Span::new(start, colon),
            value: Span::new(colon + 2, end),
            known: Known::of(&rest[..length]),
            upper: true,
            exact: true,
        },
        value,
        underscore: false,
        next: end + 2,
    })
}

/// Length of a name that does not end in the first block.
#[inline(never)]
fn long_name(line: &[u8]) -> usize {
    find(line, block::SIZE, |block| !block.plain() & block::ALL)
}

/// Takes any field line apart.
pub(in crate::http) fn field_line(
    bytes: &[u8],
    start: usize,
) -> Result<Option<FieldLine<'_>>, HeadError> {
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
        value: value.of(bytes),
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
fn name(line: &[u8]) -> (usize, u8) {
    let classes = line.iter().map(|byte| CLASS[usize::from(*byte)]);
    let token = classes.take_while(|class| class & OTHER == 0);
    token.fold((0, 0), |(length, seen), class| (length + 1, seen | class))
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

    /// Whatever is put where into whichever line.
    #[test]
    fn usual_lines_are_what_any_line_is() {
        let mut usual = 0;
        let lines = [
            "Ab: c\r\n",
            "a-1: cd e\r\nnext",
            "Upgrade-Insecure-Requests: 1\r\nnext line, longer",
            "x-forwarded-proto: https\r\n\r\nsixteen bytes and more",
            "x: 12345678901234567890\r\n",
        ];
        for line in lines.map(str::as_bytes) {
            for at in 0..line.len() {
                for byte in 0..=u8::MAX {
                    let mut line = line.to_vec();
                    line[at] = byte;
                    for bytes in [&line[..], &line[..at]] {
                        let Some(found) = usual_line(bytes, 0) else {
                            continue;
                        };
                        usual += 1;
                        let any = field_line(bytes, 0).expect("good").expect("whole");
                        let upper = found.field.upper;
                        assert_eq!(found.field, Field { upper, ..any.field });
                        assert!(upper || !any.field.upper);
                        assert_eq!(found.next, any.next);
                        assert!(found.field.exact && !any.underscore);
                    }
                }
            }
        }
        assert!(usual > 1000, "{usual}");
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
