// SPDX-License-Identifier: Apache-2.0
//! Lines of JSON (`json_format`).
//!
//! In: a `Struct` whose texts may hold operators; facts. Out: one object on one line, its fields in
//! the order of their names. A text that is one operator keeps the operator's type.

use sluicegate_xds::pb::google::protobuf::{Struct, Value, value::Kind};

use crate::route::{Facts, Format};

/// A compiled object.
#[derive(Debug)]
pub(crate) struct Json {
    root: Node,
    /// `omit_empty_values`.
    omit: bool,
}

#[derive(Debug)]
enum Node {
    /// A constant, as JSON.
    Constant(Vec<u8>),
    /// Fields: their names as JSON.
    Fields(Vec<(Vec<u8>, Node)>),
    /// `null`.
    Null,
    /// A text with operators.
    Text(Format),
    /// Several values.
    Values(Vec<Node>),
}

impl Json {
    /// Compiles an object.
    pub(crate) fn compile(object: &Struct, omit: bool) -> Result<Self, String> {
        let root = fields(object)?;
        Ok(Self { root, omit })
    }

    /// Looks at every text with operators.
    pub(crate) fn each_format(&self, look: &mut dyn FnMut(&Format)) {
        self.root.each_format(look);
    }

    /// Writes the line.
    pub(crate) fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) {
        if !self.root.push(facts, self.omit, out) {
            out.extend_from_slice(b"{}");
        }
        out.push(b'\n');
    }
}

impl Node {
    fn compile(value: &Value) -> Result<Self, String> {
        Ok(match &value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Constant(value.to_string().into_bytes()),
            // The shortest text, and none of its fraction where there is none.
            Some(Kind::NumberValue(number)) => Self::Constant(number.to_string().into_bytes()),
            Some(Kind::StringValue(text)) => {
                let format = Format::compile(text)?;
                match format.constant() {
                    Some(text) => Self::Constant(quoted(text)),
                    None => Self::Text(format),
                }
            }
            Some(Kind::StructValue(object)) => fields(object)?,
            Some(Kind::ListValue(list)) => {
                let values = list.values.iter().map(Self::compile);
                Self::Values(values.collect::<Result<_, _>>()?)
            }
        })
    }

    fn each_format(&self, look: &mut dyn FnMut(&Format)) {
        match self {
            Self::Constant(_) | Self::Null => {}
            Self::Fields(fields) => {
                for (_, node) in fields {
                    node.each_format(look);
                }
            }
            Self::Text(format) => look(format),
            Self::Values(values) => {
                for node in values {
                    node.each_format(look);
                }
            }
        }
    }

    /// Writes the value. False, and nothing written, where it is left out.
    fn push(&self, facts: &Facts<'_>, omit: bool, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Constant(text) => out.extend_from_slice(text),
            Self::Fields(fields) => {
                let all = fields.iter().map(|(name, node)| (name.as_slice(), node));
                return push_all([b'{', b'}'], all, facts, omit, out);
            }
            Self::Null if omit => return false,
            Self::Null => out.extend_from_slice(b"null"),
            Self::Text(format) => return push_text(format, facts, omit, out),
            Self::Values(values) => {
                let all = values.iter().map(|node| (&b""[..], node));
                return push_all([b'[', b']'], all, facts, omit, out);
            }
        }
        true
    }
}

fn fields(object: &Struct) -> Result<Node, String> {
    let mut fields = Vec::new();
    let mut names: Vec<&String> = object.fields.keys().collect();
    names.sort_unstable();
    for name in names {
        let mut text = quoted(name.as_bytes());
        text.push(b':');
        fields.push((text, Node::compile(&object.fields[name])?));
    }
    Ok(Node::Fields(fields))
}

fn push_all<'n>(
    [open, close]: [u8; 2],
    all: impl Iterator<Item = (&'n [u8], &'n Node)>,
    facts: &Facts<'_>,
    omit: bool,
    out: &mut Vec<u8>,
) -> bool {
    let start = out.len();
    out.push(open);
    for (name, node) in all {
        let before = out.len();
        if before > start + 1 {
            out.push(b',');
        }
        out.extend_from_slice(name);
        if !node.push(facts, omit, out) {
            out.truncate(before);
        }
    }
    if omit && out.len() == start + 1 {
        out.truncate(start);
        return false;
    }
    out.push(close);
    true
}

fn push_text(format: &Format, facts: &Facts<'_>, omit: bool, out: &mut Vec<u8>) -> bool {
    let mut value = Vec::new();
    let Some(operator) = format.single() else {
        format.push(facts, if omit { b"" } else { b"-" }, &mut value);
        push_quoted(&value, out);
        return true;
    };
    match operator.push(facts, &mut value) {
        true if operator.is_number() => out.extend_from_slice(&value),
        true => push_quoted(&value, out),
        false if omit => return false,
        false => out.extend_from_slice(b"null"),
    }
    true
}

fn quoted(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_quoted(text, &mut out);
    out
}

/// Writes a JSON string. Bytes that are no UTF-8 stand for the characters of these numbers, as in
/// Envoy, which then also writes quotes by their numbers.
fn push_quoted(text: &[u8], out: &mut Vec<u8>) {
    let valid = std::str::from_utf8(text).is_ok();
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' if valid => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' if valid => out.extend_from_slice(b"\\n"),
            b'\r' if valid => out.extend_from_slice(b"\\r"),
            b'\t' if valid => out.extend_from_slice(b"\\t"),
            8 if valid => out.extend_from_slice(b"\\b"),
            12 if valid => out.extend_from_slice(b"\\f"),
            b'"' | b'\\' | 0..32 | 127 => push_number(*byte, out),
            128.. if !valid => push_number(*byte, out),
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

fn push_number(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
}
