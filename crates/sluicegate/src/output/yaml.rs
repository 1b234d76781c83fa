// SPDX-License-Identifier: Apache-2.0
//! JSON values as YAML.
//!
//! In: a value. Out: block-style YAML that every version of YAML reads back as the same value: text
//! is quoted unless it is plainly text. Our own, because the maintained emitters differ in what they
//! leave unquoted and this is the whole of what we need.

use serde_json::Value;

/// The text, with a newline at the end.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Array(items) if !items.is_empty() => sequence(items, 0, &mut out),
        Value::Object(entries) if !entries.is_empty() => mapping(entries, 0, false, &mut out),
        scalar => {
            out.push_str(&flow(scalar));
            out.push('\n');
        }
    }
    out
}

fn mapping(
    entries: &serde_json::Map<String, Value>,
    indent: usize,
    first_is_placed: bool,
    out: &mut String,
) {
    for (position, (key, value)) in entries.iter().enumerate() {
        if position > 0 || !first_is_placed {
            out.push_str(&" ".repeat(indent));
        }
        out.push_str(&text(key));
        out.push(':');
        match value {
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(items, indent, out);
            }
            Value::Object(entries) if !entries.is_empty() => {
                out.push('\n');
                mapping(entries, indent + 2, false, out);
            }
            scalar => {
                out.push(' ');
                out.push_str(&flow(scalar));
                out.push('\n');
            }
        }
    }
}

fn sequence(items: &[Value], indent: usize, out: &mut String) {
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push('-');
        match item {
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(items, indent + 2, out);
            }
            Value::Object(entries) if !entries.is_empty() => {
                out.push(' ');
                mapping(entries, indent + 2, true, out);
            }
            scalar => {
                out.push(' ');
                out.push_str(&flow(scalar));
                out.push('\n');
            }
        }
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Array(_) => "[]".into(),
        Value::Object(_) => "{}".into(),
        // `10.0` and `10` are one number to protobuf; people expect the short one.
        Value::Number(number) => match number.as_f64() {
            Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 1e15 => {
                format!("{value:.0}")
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// Text, in JSON's quotes when it could be taken for anything else.
fn text(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

fn is_plain(text: &str) -> bool {
    if is_duration(text) {
        return true;
    }
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    let inside = |c: char| c.is_ascii_alphanumeric() || "_./:@~-+ ()".contains(c);
    starts
        && text.chars().all(inside)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// `5s`, `0.250s`.
fn is_duration(text: &str) -> bool {
    let Some(number) = text.strip_suffix('s') else {
        return false;
    };
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Words that some version of YAML reads as something else than text.
const WORDS: [&str; 9] = ["false", "n", "no", "null", "off", "on", "true", "y", "yes"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use sluicegate_manifest::{SourceText, parse};

    use super::*;

    #[test]
    fn reads_back_as_the_same_value() {
        let value = json!({
            "apiVersion": "v1", "kind": "Any", "empty": {}, "none": [], "null": null,
            "numbers": [0, -1, 1.5, 10.0],
            "tricky": ["", "no", "Yes", "1e3", "0x1f", "a: b", "a #b", "x:", "- a", "*", "&a", "!t",
                "5s", "0.250s", "2001-01-01", "127.0.0.1", "%a", "line\nbreak", "tab\t", "ü", "'", "\"",
                "a'b", "@a", "`", "{", "[", "|", ">", "?", "~", ".inf", " lead", "trail ", "a:b"],
            "nested": [[1, [2]], [{"a": {"b": [{"c": true}]}}]],
            "kube_a.b/c": {"true": 1, "x y": 2},
        });
        let yaml = to_string(&value);
        let parsed = parse(Arc::new(SourceText::new("t", yaml.clone())));
        assert!(
            parsed.diagnostics.is_empty(),
            "{yaml}\n{:?}",
            parsed.diagnostics
        );
        let mut expected = value;
        expected["numbers"][3] = json!(10);
        assert_eq!(parsed.documents[0].root.to_json(), expected, "{yaml}");
    }
}
