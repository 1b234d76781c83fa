// SPDX-License-Identifier: Apache-2.0
//! A place in a JSON text.
//!
//! In: a stretch of text. Out: its bytes without the blanks between tokens, and its strings.

use std::ops::Range;

use crate::Span;
use crate::yaml::Refusal;

/// The place.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    end: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of `text[range]`.
    pub(super) fn new(text: &'a str, range: Range<usize>) -> Self {
        let mark = text[range.clone()].starts_with('\u{feff}');
        Self {
            text,
            at: range.start + if mark { '\u{feff}'.len_utf8() } else { 0 },
            end: range.end,
        }
    }

    /// The byte offset in the whole text.
    pub(super) fn offset(&self) -> u32 {
        self.at as u32
    }

    /// The span of the next character, empty at the end.
    pub(super) fn here(&self) -> Span {
        let length = self.rest().chars().next().map_or(0, char::len_utf8);
        Span {
            start: self.at as u32,
            end: (self.at + length) as u32,
        }
    }

    /// The next byte that is no blank; moves to it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.rest().bytes().next()
    }

    /// Moves past the next byte, which is ASCII.
    pub(super) fn skip(&mut self) {
        self.advance(1);
    }

    /// Moves past `length` bytes that end at a character boundary.
    pub(super) fn advance(&mut self, length: usize) {
        self.at += length;
    }

    /// Moves past `byte` if it is the next one that is no blank.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.skip();
        }
        found
    }

    /// The letters, digits and signs from here on.
    pub(super) fn word(&self) -> &'a str {
        let rest = self.rest();
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        rest.find(|c| !inside(c)).map_or(rest, |end| &rest[..end])
    }

    /// Moves past a string in double quotes and gives its meaning.
    pub(super) fn string(&mut self) -> Result<String, Refusal> {
        let start = self.at;
        self.skip();
        loop {
            let rest = self.rest();
            let Some(stop) = rest.find(|c| c == '"' || c == '\\' || c < ' ') else {
                self.at = start;
                return Err(self.unexpected("a closing quote"));
            };
            self.at += stop;
            match rest.as_bytes()[stop] {
                b'"' => break,
                // Whatever is escaped, it is one character here; its meaning comes below.
                b'\\' => {
                    let escaped = rest[stop + 1..].chars().next();
                    self.at += 1 + escaped.map_or(0, char::len_utf8);
                }
                _ => return Err(self.unexpected("no line end or control character in a string")),
            }
        }
        self.skip();
        let literal = &self.text[start..self.at];
        serde_json::from_str(literal).map_err(|_| {
            let span = Span {
                start: start as u32,
                end: self.at as u32,
            };
            Refusal::Json("invalid escape in this string".to_owned(), span)
        })
    }

    /// The complaint that something else should stand here.
    pub(super) fn unexpected(&mut self, expected: &str) -> Refusal {
        let found = self.peek().is_some();
        let words = if found {
            format!("expected {expected}")
        } else {
            format!("expected {expected}, found the end of the text")
        };
        Refusal::Json(words, self.here())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..self.end]
    }
}
