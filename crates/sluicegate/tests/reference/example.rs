// SPDX-License-Identifier: Apache-2.0
//! Examples of policies, and what becomes of each when one field is another.
//!
//! In: the examples. Out: the places of their fields; the same example with another value at one of
//! them, or without it.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate_manifest::{FieldPath, SourceText, parse_value};

const POLICIES: &str = include_str!("policies.yaml");

/// The spec of a policy.
#[derive(Clone)]
pub(crate) struct Example {
    /// As it is written, with a target.
    pub(crate) text: String,
    /// The same as a value.
    pub(crate) spec: Value,
    /// The route that it is for.
    pub(crate) route: String,
}

/// Every example.
pub(crate) fn all() -> Vec<Example> {
    POLICIES.split("\n---\n").map(Example::new).collect()
}

impl Example {
    fn new(text: &str) -> Self {
        let target = if text.contains("target") {
            ""
        } else {
            "targetRef: {kind: HTTPRoute, name: web}\n"
        };
        let text = format!("{target}{text}");
        let spec = value(&text);
        let name = spec["targetRef"]["name"].as_str().unwrap_or("web");
        Self {
            route: name.to_owned(),
            text,
            spec,
        }
    }

    /// The paths of everything without fields of its own.
    pub(crate) fn places(&self) -> Vec<FieldPath> {
        places(&self.spec)
    }

    /// The same with another value at `place`, or without it; those that are most telling first.
    pub(crate) fn variants(&self, place: &FieldPath, words: &[&str]) -> Vec<Value> {
        let pointer = pointer(place);
        let written = self.spec.pointer(&pointer).unwrap();
        let others = others(written, words).into_iter().map(|other| {
            let mut spec = self.spec.clone();
            *spec.pointer_mut(&pointer).unwrap() = other;
            spec
        });
        others.chain(self.without(&pointer)).collect()
    }

    /// The same without each of the blocks that `place` is in, the innermost first.
    pub(crate) fn without_blocks(&self, place: &FieldPath) -> Vec<Value> {
        let pointer = pointer(place);
        let ends = pointer.rmatch_indices('/').map(|(end, _)| end);
        let blocks = ends.filter(|end| *end > 0).map(|end| &pointer[..end]);
        blocks.filter_map(|it| self.without(it)).collect()
    }

    /// The same without what is at `pointer`.
    pub(crate) fn without(&self, pointer: &str) -> Option<Value> {
        let mut spec = self.spec.clone();
        let (above, name) = pointer.rsplit_once('/')?;
        match spec.pointer_mut(above)? {
            Value::Array(items) => drop(items.remove(name.parse().ok()?)),
            block => drop(block.as_object_mut()?.shift_remove(name)?),
        }
        Some(spec)
    }

    /// The same with what is at `from` at `to`.
    pub(crate) fn moved(&self, from: &str, to: &str) -> Value {
        let value = self.spec.pointer(from).cloned().unwrap_or_default();
        let rest = Self {
            spec: self.without(from).unwrap_or_default(),
            ..self.clone()
        };
        rest.with(to, value)
    }

    /// The same with `value` at `pointer`.
    pub(crate) fn with(&self, pointer: &str, value: Value) -> Value {
        let mut spec = self.spec.clone();
        let mut at = &mut spec;
        for step in pointer.split('/').skip(1) {
            at = match step.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[step],
            };
        }
        *at = value;
        spec
    }
}

/// The paths of everything in a spec that has no fields of its own.
pub(crate) fn places(spec: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    walk(spec, &FieldPath::dotted("spec"), &mut found);
    found
}

/// A YAML text as a value.
pub(crate) fn value(text: &str) -> Value {
    let source = Arc::new(SourceText::new("policies.yaml", text.to_owned()));
    let parsed = parse_value(&source);
    parsed
        .unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
        .to_json()
}

/// Where a field is in the value of a spec.
pub(crate) fn pointer(place: &FieldPath) -> String {
    use sluicegate_manifest::Segment;
    let segments = place.segments().iter().skip(1);
    let steps = segments.map(|it| match it {
        Segment::Field(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        Segment::Index(index) => format!("/{index}"),
    });
    steps.collect()
}

fn walk(value: &Value, at: &FieldPath, found: &mut Vec<FieldPath>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                walk(value, &at.field(name), found);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.iter().enumerate() {
                walk(value, &at.index(index), found);
            }
        }
        _ => found.push(at.clone()),
    }
}

/// Other values of the kind.
fn others(value: &Value, words: &[&str]) -> Vec<Value> {
    match value {
        Value::Bool(it) => vec![json!(!it)],
        Value::Number(it) if it.is_f64() => vec![json!(it.as_f64().unwrap() + 0.25)],
        Value::Number(it) => {
            let number = it.as_i64().unwrap();
            // The last one is a prime number.
            vec![
                json!(number + 1),
                json!(number - 1),
                json!(302),
                json!(2039),
            ]
        }
        Value::String(_) if !words.is_empty() => {
            let others = words.iter().filter(|it| *value != **it);
            others.map(|it| json!(it)).collect()
        }
        Value::String(text) => {
            // Of each kind one: a time, bytes, addresses, base64, a method, the name of a ConfigMap.
            let kinds = [
                "7s",
                "45m",
                "96Ki",
                "192.168.0.0/16",
                "cGlu",
                "PUT",
                "other",
            ];
            let longer = format!("{text}x");
            let all = kinds.map(str::to_owned).into_iter().chain([longer]);
            all.map(Value::from).collect()
        }
        Value::Array(items) if items.len() > 1 => vec![json!(items[1..])],
        _ => Vec::new(),
    }
}
