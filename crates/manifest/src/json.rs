// SPDX-License-Identifier: Apache-2.0
//! JSON text to trees.
//!
//! In: one stretch of a source text. Out: a tree per value in it (JSON files may hold several one
//! after the other), or the place where it is not JSON. YAML's grammar comes close to containing
//! JSON's, but not with surrogate pairs, and not with several values.

mod cursor;

use std::ops::Range;

use serde_json::Number;

use self::cursor::Cursor;
use crate::yaml::{Mapping, Refusal, number};
use crate::{Entry, MAX_DEPTH, Node, SourceText, Span, Value};

/// Whether a text is meant to be JSON rather than YAML with braces.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\n', '\r']);
    let Some(rest) = text.strip_prefix(['{', '[']) else {
        return false;
    };
    rest.trim_start().starts_with(['"', '{', '[', '}', ']'])
}

/// The values of `source[range]`.
pub(crate) fn read(source: &SourceText, range: Range<usize>) -> Result<Vec<Node>, Refusal> {
    let mut cursor = Cursor::new(&source.text, range);
    let mut roots = Vec::new();
    while cursor.peek().is_some() {
        roots.push(value(&mut cursor, 0)?);
    }
    Ok(roots)
}

/// Recursion is bounded by `MAX_DEPTH`.
fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Node, Refusal> {
    let next = cursor.peek();
    let start = cursor.offset();
    let value = match next {
        Some(b'{' | b'[') if depth >= MAX_DEPTH => return Err(Refusal::Depth(cursor.here())),
        Some(b'{') => Value::Mapping(mapping(cursor, depth + 1)?),
        Some(b'[') => Value::Sequence(sequence(cursor, depth + 1)?),
        Some(b'"') => Value::String(cursor.string()?),
        _ => scalar(cursor)?,
    };
    let end = cursor.offset();
    let span = Span { start, end };
    Ok(Node { value, span })
}

fn mapping(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Entry>, Refusal> {
    let mut mapping = Mapping::default();
    cursor.skip();
    if cursor.eat(b'}') {
        return Ok(mapping.into_entries());
    }
    loop {
        if cursor.peek() != Some(b'"') {
            return Err(cursor.unexpected("a key in double quotes"));
        }
        let start = cursor.offset();
        let key = cursor.string()?;
        let end = cursor.offset();
        let key_span = Span { start, end };
        if !cursor.eat(b':') {
            return Err(cursor.unexpected("':' after the key"));
        }
        let value = value(cursor, depth)?;
        mapping
            .insert(Entry {
                key,
                key_span,
                value,
            })
            .map_err(|(entry, first)| Refusal::Duplicate(entry.key, entry.key_span, first))?;
        if cursor.eat(b'}') {
            return Ok(mapping.into_entries());
        }
        if !cursor.eat(b',') {
            return Err(cursor.unexpected("',' or '}' after the value"));
        }
    }
}

fn sequence(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Node>, Refusal> {
    let mut items = Vec::new();
    cursor.skip();
    if cursor.eat(b']') {
        return Ok(items);
    }
    loop {
        items.push(value(cursor, depth)?);
        if cursor.eat(b']') {
            return Ok(items);
        }
        if !cursor.eat(b',') {
            return Err(cursor.unexpected("',' or ']' after the item"));
        }
    }
}

/// `true`, `false`, `null` or a number.
fn scalar(cursor: &mut Cursor<'_>) -> Result<Value, Refusal> {
    let word = cursor.word();
    let value = match word {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        "null" => Some(Value::Null),
        _ => parse_number(word).map(Value::Number),
    };
    match value {
        Some(value) => {
            cursor.advance(word.len());
            Ok(value)
        }
        None => Err(cursor.unexpected("a value")),
    }
}

/// Integers keep all their digits up to 64 bits; `1.0` is an integer, as Go writes it.
fn parse_number(word: &str) -> Option<Number> {
    // Its grammar, and its integers; its floats may be off in the last digit.
    let parsed: Number = serde_json::from_str(word).ok()?;
    if parsed.is_f64() {
        return number(word.parse().ok()?);
    }
    Some(parsed)
}

#[cfg(test)]
mod tests;
