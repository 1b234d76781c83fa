// SPDX-License-Identifier: Apache-2.0
//! The fields of a policy, from the schema that we ship.
//!
//! In: the definition of a kind. Out: each field with its other names, and its type in words.

use serde_json::Value;
use sluicegate::crds;
use sluicegate_manifest::{FieldPath, Segment};

/// A field of a `spec`. Items of lists are `[]` in its path, values of maps `*`.
pub(crate) struct Field {
    pub(crate) path: String,
    /// The block that it is in.
    above: String,
    schema: Value,
    pub(crate) is_required: bool,
}

/// The schema of the `spec` of a kind.
pub(crate) fn spec(kind: &str) -> Value {
    let definition = crds::ALL.iter().find(|it| it.kind == kind).unwrap();
    let manifest = definition.manifest();
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    manifest.pointer(path).unwrap().clone()
}

/// Every field and block below `spec`, in the order of the schema.
pub(crate) fn fields(spec: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    collect(spec, "", &mut found);
    found
}

fn collect(block: &Value, above: &str, found: &mut Vec<Field>) {
    let required = block["required"].as_array();
    for (name, schema) in block["properties"].as_object().into_iter().flatten() {
        let dot = if above.is_empty() { "" } else { "." };
        let path = format!("{above}{dot}{name}");
        found.push(Field {
            path: path.clone(),
            above: above.to_owned(),
            schema: schema.clone(),
            is_required: required.is_some_and(|it| it.contains(&Value::from(name.as_str()))),
        });
        if let Some((inner, step)) = inner(schema) {
            collect(inner, &format!("{path}{step}"), found);
        }
    }
}

/// The block that is behind a field, and the step to it.
fn inner(schema: &Value) -> Option<(&Value, &'static str)> {
    let ways = [("items", "[]"), ("additionalProperties", ".*")];
    let ways = ways.map(|(key, step)| (&schema[key], step));
    let mut ways = std::iter::once((schema, "")).chain(ways);
    ways.find(|(schema, _)| schema["properties"].is_object())
}

/// The path of a field of a document as it stands in [`Field::path`]; `None` for what the schema
/// does not have.
pub(crate) fn name_of(spec: &Value, path: &FieldPath) -> Option<String> {
    let (mut schema, mut name) = (spec, String::new());
    for segment in path.segments().iter().skip(1) {
        let Segment::Field(field) = segment else {
            schema = &schema["items"];
            name.push_str("[]");
            continue;
        };
        if !name.is_empty() {
            name.push('.');
        }
        match (
            &schema["properties"][field],
            &schema["additionalProperties"],
        ) {
            (Value::Null, Value::Null) => return None,
            // Values of a map that are no blocks are the map.
            (Value::Null, values) => match values["properties"].is_object() {
                true => {
                    schema = values;
                    name.push('*');
                }
                false => return Some(name.trim_end_matches('.').to_owned()),
            },
            (inner, _) => {
                schema = inner;
                name.push_str(field);
            }
        }
    }
    Some(name)
}

impl Field {
    /// Whether it has a value of its own.
    pub(crate) fn is_leaf(&self) -> bool {
        inner(&self.schema).is_none()
    }

    /// The field that this is another name of.
    pub(crate) fn stands_for(&self) -> Option<String> {
        let name = self.says().strip_prefix("Other name of ")?;
        let name = name.strip_suffix('.')?;
        let dot = if self.above.is_empty() { "" } else { "." };
        Some(format!("{}{dot}{name}", self.above))
    }

    /// The default that its description names.
    pub(crate) fn absent(&self) -> Option<&str> {
        let (_, default) = self.says().split_once("Absent: ")?;
        default.strip_suffix('.')
    }

    fn says(&self) -> &str {
        self.schema["description"].as_str().unwrap_or_default()
    }

    /// The words that it may have.
    pub(crate) fn words(&self) -> Vec<&str> {
        let words = self.schema["enum"].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).collect()
    }

    /// Its type and range in words.
    pub(crate) fn kind(&self) -> String {
        kind(&self.schema)
    }
}

fn kind(schema: &Value) -> String {
    let says = schema["description"].as_str().unwrap_or_default();
    let bound = |key| schema[key].as_f64().map(|it| it.to_string());
    let messages = schema["x-kubernetes-validations"].as_array();
    let message = messages.and_then(|all| all[0]["message"].as_str());
    let message = message.unwrap_or_default();
    let pattern = schema["pattern"].as_str().unwrap_or_default();
    match schema["type"].as_str() {
        Some("array") => {
            let item = kind(&schema["items"]);
            match (bound("minItems"), bound("maxItems")) {
                (None, None) => format!("list of {item}"),
                (least, most) => format!("list of {item}, {}", range(least, most)),
            }
        }
        Some("object") if schema["additionalProperties"].is_object() => {
            format!("map of {}", kind(&schema["additionalProperties"]))
        }
        Some("object") => "block".to_owned(),
        Some("boolean") => "true, false".to_owned(),
        Some("integer") => range(bound("minimum"), bound("maximum")),
        Some("number") => format!("decimal, {}", range(bound("minimum"), bound("maximum"))),
        Some("string") if schema["enum"].is_array() => {
            let words = schema["enum"].as_array().into_iter().flatten();
            let words = words.filter_map(Value::as_str).map(|it| format!("`{it}`"));
            words.collect::<Vec<_>>().join(", ")
        }
        Some("string") if pattern.contains("h|m|s|ms") => match message {
            "" => "duration".to_owned(),
            message if message.contains("greater than 0s") => "duration above 0s".to_owned(),
            message => format!("duration, {}", message.trim_start_matches("must be ")),
        },
        Some("string") if pattern.is_empty() && schema["maxLength"].is_null() => "text".to_owned(),
        Some("string") => {
            let what = if pattern.is_empty() {
                "text"
            } else {
                "header name"
            };
            let least = bound("minLength").or(Some("0".to_owned()));
            format!("{what}, {} bytes", range(least, bound("maxLength")))
        }
        _ if message.contains("bytes") => {
            let range = message.trim_start_matches("must be ");
            let (range, _) = range.split_once(',').unwrap_or((range, ""));
            format!("quantity: {range}")
        }
        _ => says.trim_end_matches('.').to_owned(),
    }
}

fn range(least: Option<String>, most: Option<String>) -> String {
    // The schema's way to say that there is no bound.
    let most = most.filter(|it| it != "9223372036854776000");
    match (least, most) {
        (Some(least), Some(most)) => format!("{least}..{most}"),
        (Some(least), None) => format!("{least} or more"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number".to_owned(),
    }
}
