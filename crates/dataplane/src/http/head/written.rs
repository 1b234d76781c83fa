// SPDX-License-Identifier: Apache-2.0
//! Heads and trailers that were written here, taken apart again for HTTP/2.
//!
//! In: the bytes. Out: their fields, one after the other, and where they end. A line that cannot be
//! taken apart, by a value that configuration adds for example, is left out.

use super::{field_line, line_end};
use crate::http::field::Field;

/// The fields that are still to come.
pub(crate) struct Written<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Written<'a> {
    /// The first line of a head, and the fields behind it.
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
}

impl Iterator for Written<'_> {
    type Item = Field;

    fn next(&mut self) -> Option<Field> {
        loop {
            match self.bytes.get(self.at..) {
                None | Some([]) => return None,
                Some([b'\r', b'\n', ..]) => {
                    self.at += 2;
                    self.bytes = &self.bytes[..self.at];
                    return None;
                }
                Some(_) => {}
            }
            if let Ok(Some(line)) = field_line(self.bytes, self.at) {
                self.at = line.next;
                return Some(line.field);
            }
            let rest = &self.bytes[self.at..];
            let line = rest.iter().position(|byte| *byte == b'\n');
            self.at += line.map_or(rest.len(), |at| at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_left_out() {
        let bytes = b"GET / HTTP/1.1\r\na: b\r\nc: \x01\r\nd e: f\r\ng:\r\n\r\nbody: 1\r\n";
        let (first, mut fields) = Written::head(bytes);
        assert_eq!(first, b"GET / HTTP/1.1");
        let names: Vec<_> = fields.by_ref().map(|field| field.name.of(bytes)).collect();
        assert_eq!(names, [&b"a"[..], b"g"]);
        assert!(bytes[fields.at()..].starts_with(b"body"));
        assert_eq!(fields.next(), None);
        assert_eq!(Written::lines(b"a: b").count(), 0);
        assert_eq!(Written::lines(b"a: b\r\n").count(), 1);
    }
}
