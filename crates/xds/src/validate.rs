// SPDX-License-Identifier: Apache-2.0
//! The constraint checks that Envoy applies to every message before it looks at it.
//!
//! In: an encoded message. Out: each field that breaks a `validate.rules` annotation of the Envoy
//! API. A resource with a violation is never emitted: Envoy would refuse the whole update for it.

mod compile;
mod rule;

use prost_reflect::{DynamicMessage, MapKey, ReflectMessage, Value};

use crate::json::{JsonError, decode};
use compile::rules_of;
use rule::Rule;

/// One broken constraint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in proto names, such as `Cluster.connect_timeout`.
    pub field: String,
    /// What is demanded.
    pub message: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Every violation in an encoded message of type `full_name`, packed messages included.
///
/// # Errors
/// When the type is unknown or the bytes do not decode.
pub fn violations(full_name: &str, bytes: &[u8]) -> Result<Vec<Violation>, JsonError> {
    let message = decode(full_name, bytes)?;
    let mut found = Vec::new();
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    check_message(&message, name, &mut found);
    Ok(found)
}

fn check_message(message: &DynamicMessage, path: &str, found: &mut Vec<Violation>) {
    let descriptor = message.descriptor();
    if descriptor.full_name() == "google.protobuf.Any" {
        check_any(message, path, found);
        return;
    }
    let rules = rules_of(&descriptor);
    for oneof in &rules.required_oneofs {
        if !oneof.fields().any(|field| message.has_field(&field)) {
            report(
                found,
                path,
                oneof.name(),
                "one of its members is required".to_owned(),
            );
        }
    }
    for (field, rule) in &rules.fields {
        if let Some(message) = check_field(message, field, rule) {
            report(found, path, field.name(), message);
        }
    }
    for (field, value) in message.fields() {
        if !rules.skipped.contains(&field.number()) {
            check_value(value, &format!("{path}.{}", field.name()), found);
        }
    }
}

fn check_field(
    message: &DynamicMessage,
    field: &prost_reflect::FieldDescriptor,
    rule: &Rule,
) -> Option<String> {
    let absent = field.supports_presence() && !message.has_field(field);
    // A member of a oneof is only looked at when it is the one that is set.
    let required = rule.required && field.containing_oneof().is_none();
    match (absent, required) {
        (true, true) => Some("value is required".to_owned()),
        (true, false) => None,
        (false, _) => rule.broken_by(&message.get_field(field)),
    }
}

fn check_value(value: &Value, path: &str, found: &mut Vec<Violation>) {
    match value {
        Value::Message(message) => check_message(message, path, found),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_value(item, &format!("{path}[{index}]"), found);
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                let key = match key {
                    MapKey::String(key) => key.clone(),
                    other => format!("{other:?}"),
                };
                check_value(item, &format!("{path}[{key}]"), found);
            }
        }
        _ => {}
    }
}

/// Envoy validates a packed message when it unpacks it; a type that we do not know cannot be ours.
fn check_any(message: &DynamicMessage, path: &str, found: &mut Vec<Violation>) {
    let part = |name| {
        message
            .get_field_by_name(name)
            .map(std::borrow::Cow::into_owned)
    };
    let (Some(Value::String(url)), Some(Value::Bytes(bytes))) = (part("type_url"), part("value"))
    else {
        return;
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    match decode(name, &bytes) {
        Ok(inner) => check_message(&inner, path, found),
        Err(error) => {
            found.push(Violation {
                field: path.to_owned(),
                message: error.to_string(),
            });
        }
    }
}

fn report(found: &mut Vec<Violation>, path: &str, field: &str, message: String) {
    found.push(Violation {
        field: format!("{path}.{field}"),
        message,
    });
}

#[cfg(test)]
mod tests;
