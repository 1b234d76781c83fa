// SPDX-License-Identifier: Apache-2.0
//! The parser's events with byte spans.
//!
//! In: one stretch of a text. Out: events whose places are byte offsets into the whole text. The
//! parser counts characters; the table that translates is built once per stretch.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScanError, StrInput};

use crate::Span;

/// Events of one stretch of text.
pub(super) struct Events<'a> {
    parser: Parser<'a, StrInput<'a>>,
    offsets: Offsets<'a>,
}

impl<'a> Events<'a> {
    /// Events of `text[range]`; spans count from the beginning of `text`.
    pub(super) fn new(text: &'a str, range: Range<usize>) -> Self {
        let stretch = &text[range.clone()];
        Self {
            parser: Parser::new_from_str(stretch),
            offsets: Offsets::new(stretch, range.start),
        }
    }

    /// The next event, or the place and the parser's words where the grammar broke.
    pub(super) fn next(&mut self) -> Option<Result<(Event<'a>, Span), (String, Span)>> {
        Some(match self.parser.next_event()? {
            Ok((event, span)) => {
                let start = self.offsets.byte(span.start.index());
                let end = self.offsets.byte(span.end.index()).max(start);
                Ok((event, Span { start, end }))
            }
            Err(error) => Err(self.broken(&error)),
        })
    }

    fn broken(&self, error: &ScanError) -> (String, Span) {
        let start = self.offsets.byte(error.marker().index());
        let end = self.offsets.byte(error.marker().index() + 1).max(start);
        (error.info().to_owned(), Span { start, end })
    }
}

/// Character index to byte offset.
struct Offsets<'a> {
    text: &'a str,
    base: usize,
    /// Byte offset of every `STRIDE`th character; empty when all characters are one byte.
    sampled: Vec<u32>,
}

impl<'a> Offsets<'a> {
    fn new(text: &'a str, base: usize) -> Self {
        let sampled = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices()
                .step_by(STRIDE)
                .map(|(offset, _)| offset as u32)
                .collect()
        };
        Self {
            text,
            base,
            sampled,
        }
    }

    fn byte(&self, index: usize) -> u32 {
        let offset = match self.sampled.get(index / STRIDE) {
            None if self.sampled.is_empty() => index.min(self.text.len()),
            None => self.text.len(),
            Some(start) => self.text[*start as usize..]
                .char_indices()
                .nth(index % STRIDE)
                .map_or(self.text.len(), |(offset, _)| *start as usize + offset),
        };
        (self.base + offset) as u32
    }
}

/// A compromise between the table's size and the walk from an entry to a character.
const STRIDE: usize = 32;
