// SPDX-License-Identifier: Apache-2.0
//! Heads and trailers that were written here, taken apart again for HTTP/2.
//!
//! In: the bytes. Out: their fields, one after the other, and where they end. A line that cannot be
//! taken apart, by a value that configuration adds for example, is left out.

use std::ops::Range;

use super::{field_line, line_end, usual_line};
use crate::http::field::Field;

/// The field lines that are still to come, without their ends.
pub(crate) struct Written<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Written<'a> {
    /// The first line of a head, and the lines behind it.
    pub(crate) fn head(bytes: &'a [u8]) -> (&'a [u8], Self) {
        let end = line_end(bytes, 0).ok().flatten().unwrap_or(bytes.len());
        let at = bytes.len().min(end + 2);
        (&bytes[..end], Self { bytes, at })
    }

    /// Lines without a head.
    pub(crate) fn lines(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next line starts; behind the empty one when there are no more.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What there is in one of `lines`.
    pub(crate) fn field(lines: &[u8], line: &Range<usize>) -> Option<Field> {
        let found = usual_line(lines, line.start).or_else(|| {
            let line = field_line(lines.get(..line.end + 2)?, line.start);
            line.ok().flatten()
        });
        found.map(|line| line.field)
    }
}

impl Iterator for Written<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.at;
            match line_end(self.bytes, start) {
                Ok(Some(end)) if end == start => {
                    self.at += 2;
                    self.bytes = &self.bytes[..self.at];
                    return None;
                }
                Ok(Some(end)) => {
                    self.at = end + 2;
                    return Some(start..end);
                }
                _ => {}
            }
            let rest = self.bytes.get(start..)?;
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            self.at = start + end + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_left_out() {
        let bytes = b"GET / HTTP/1.1\r\na: b\r\nc: \x01\r\nd e: f\r\ng:\r\n\r\nbody: 1\r\n";
        let (first, mut lines) = Written::head(bytes);
        assert_eq!(first, b"GET / HTTP/1.1");
        let fields = lines
            .by_ref()
            .filter_map(|line| Written::field(bytes, &line));
        let names: Vec<_> = fields.map(|field| field.name.of(bytes)).collect();
        assert_eq!(names, [&b"a"[..], b"g"]);
        assert!(bytes[lines.at()..].starts_with(b"body"));
        assert_eq!(lines.next(), None);
        assert_eq!(Written::lines(b"a: b").count(), 0);
        assert_eq!(Written::lines(b"a: b\r\n").count(), 1);
    }
}
