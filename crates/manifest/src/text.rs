// SPDX-License-Identifier: Apache-2.0
//! Source text and positions in it.
//!
//! In: the bytes of one file. Out: lines and columns for byte offsets.

use std::sync::Arc;

/// A half-open range of byte offsets in a [`SourceText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// The text of one file (or of standard input), with its name as the user knows it.
#[derive(Debug)]
pub struct SourceText {
    /// Path as given on the command line or found below it; `<stdin>` for standard input.
    pub name: Arc<str>,
    /// The whole text.
    pub text: String,
    line_starts: Vec<u32>,
}

impl SourceText {
    /// Takes the text and remembers where its lines begin.
    pub fn new(name: impl Into<Arc<str>>, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(newlines.map(|(offset, _)| u32::try_from(offset + 1).unwrap_or(u32::MAX)))
            .collect();
        Self {
            name: name.into(),
            text,
            line_starts,
        }
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts[line - 1] as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self
            .text
            .get(start..end)
            .map_or(0, |before| before.chars().count());
        Position {
            line,
            column: column + 1,
        }
    }

    /// The text of a line counted from 1, without its line end.
    pub fn line(&self, line: usize) -> &str {
        let starts = &self.line_starts;
        let Some(start) = line.checked_sub(1).and_then(|line| starts.get(line)) else {
            return "";
        };
        let end = starts
            .get(line)
            .map_or(self.text.len(), |end| *end as usize);
        self.text
            .get(*start as usize..end)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r'])
    }

    /// The span of a line counted from 1, without its line end and indentation.
    pub fn line_span(&self, line: usize) -> Span {
        let text = self.line(line);
        let start = line
            .checked_sub(1)
            .and_then(|line| self.line_starts.get(line))
            .copied()
            .unwrap_or(self.text.len() as u32);
        Span {
            start: start + (text.len() - text.trim_start().len()) as u32,
            end: start + text.trim_end().len() as u32,
        }
    }

    /// The span from the start of one line to the end of another, without the last line end.
    pub fn lines_between(&self, first: usize, last: usize) -> Span {
        let start = |line: usize| {
            let start = line.checked_sub(1).and_then(|at| self.line_starts.get(at));
            start.map_or(self.text.len(), |start| *start as usize)
        };
        let (start, end) = (start(first), start(last));
        Span {
            start: start as u32,
            end: (end + self.line(last).len()) as u32,
        }
    }

    /// The text of a span; None when it does not lie within the text.
    pub fn slice(&self, span: Span) -> Option<&str> {
        self.text.get(span.start as usize..span.end as usize)
    }
}
