// SPDX-License-Identifier: Apache-2.0
//! Where a scalar really begins and ends.
//!
//! In: the parser's span, which takes in anchors, tags, comments and line ends around the value.
//! Out: the span of the value as a person would select it, quotes included.

use saphyr_parser::ScalarStyle;

use crate::{SourceText, Span};

/// The extent of a scalar that the parser found at `span`.
pub(super) fn scalar(source: &SourceText, span: Span, style: ScalarStyle, empty: bool) -> Span {
    if style == ScalarStyle::Plain && empty {
        // The parser points at whatever follows an empty scalar.
        return Span {
            end: span.start,
            ..span
        };
    }
    let text = source.slice(span).unwrap_or_default();
    let text = without_properties(text);
    let length = match style {
        ScalarStyle::SingleQuoted => quoted(text, "''"),
        ScalarStyle::DoubleQuoted => quoted(text, "\\"),
        ScalarStyle::Folded | ScalarStyle::Literal | ScalarStyle::Plain => text.trim_end().len(),
    };
    let start = span.end - text.len() as u32;
    Span {
        start,
        end: start + length as u32,
    }
}

/// The text after its anchor and its tag.
fn without_properties(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with(['&', '!']) {
        let after = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest[after..].trim_start();
    }
    rest
}

/// The length up to the closing quote, which is the opening one again outside of an escape.
fn quoted(text: &str, escape: &str) -> usize {
    let mut at = 1;
    while let Some(rest) = text.get(at..) {
        let mut characters = rest.chars();
        let Some(character) = characters.next() else {
            break;
        };
        at += character.len_utf8();
        if rest.starts_with(escape) {
            at += characters.next().map_or(0, char::len_utf8);
        } else if text.starts_with(character) {
            break;
        }
    }
    at.min(text.len())
}
