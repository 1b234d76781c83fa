// SPDX-License-Identifier: Apache-2.0
//! The shape of a dump.
//!
//! In: sections of fields; lists hold elements that are already printed. Out: the whole dump,
//! printed. Elements stay text because a dump of ten thousand clusters as JSON values would take
//! several times the memory of the text; the rare query that looks inside parses them again.

use std::sync::Arc;

use regex::Regex;
use serde_json::{Map, Value};
use sluicegate_xds::{any, json};

/// One message of `configs`.
pub(super) struct Section {
    /// Full protobuf name.
    pub(super) type_name: &'static str,
    /// Set fields in the order of their numbers.
    pub(super) fields: Vec<(&'static str, Content)>,
}

/// What a field holds.
pub(super) enum Content {
    /// Elements of a repeated field.
    List(Vec<Item>),
    /// Anything else.
    Single(Value),
}

/// One element of a list.
pub(super) struct Item {
    /// Name of the resource in it.
    pub(super) name: Arc<str>,
    /// The element as JSON, not indented.
    pub(super) text: Arc<str>,
}

impl Item {
    /// The element taken apart again.
    pub(super) fn value(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Section {
    /// Keeps the list elements whose name matches.
    pub(super) fn retain(&mut self, name: &Regex) {
        for (_, content) in &mut self.fields {
            if let Content::List(items) = content {
                items.retain(|item| name.is_match(&item.name));
            }
        }
    }

    fn print(&self, out: &mut String) {
        out.push_str("  {\n   \"@type\": \"");
        out.push_str(any::PREFIX);
        out.push_str(self.type_name);
        out.push('"');
        for (name, content) in &self.fields {
            match content {
                Content::List(items) if items.is_empty() => {}
                Content::List(items) => {
                    out.push_str(",\n   \"");
                    out.push_str(name);
                    out.push_str("\": [");
                    print_list(out, items);
                }
                Content::Single(value) => {
                    out.push_str(",\n   \"");
                    out.push_str(name);
                    out.push_str("\": ");
                    indented(out, json::to_string(value).trim_end(), "   ");
                }
            }
        }
        out.push_str("\n  }");
    }
}

/// The dump of `sections`; an empty object when there are none.
pub(super) fn print_configs(sections: &[Section]) -> String {
    if sections.is_empty() {
        return "{}\n".to_owned();
    }
    let mut out = String::with_capacity(64 * 1024);
    out.push_str("{\n \"configs\": [\n");
    for (at, section) in sections.iter().enumerate() {
        if at > 0 {
            out.push_str(",\n");
        }
        section.print(&mut out);
    }
    out.push_str("\n ]\n}\n");
    out
}

fn print_list(out: &mut String, items: &[Item]) {
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "\n    " } else { ",\n    " });
        indented(out, &item.text, "    ");
    }
    out.push_str("\n   ]");
}

/// Appends `text` with every line but the first moved to the right. JSON strings hold no raw line
/// breaks, so this cannot change a value.
pub(crate) fn indented(out: &mut String, text: &str, by: &str) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
            out.push_str(by);
        }
        out.push_str(line);
    }
}

/// An object that starts with its type.
pub(super) fn typed(full_name: &str, value: Value) -> Value {
    let url = format!("{}{full_name}", any::PREFIX);
    let mut object = Map::from_iter([("@type".to_owned(), url.into())]);
    if let Value::Object(fields) = value {
        object.extend(fields);
    }
    Value::Object(object)
}
