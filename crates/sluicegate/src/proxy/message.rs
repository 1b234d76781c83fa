// SPDX-License-Identifier: Apache-2.0
//! A tree of YAML or JSON to one of Envoy's messages.
//!
//! In: a tree whose nodes know their places, and the descriptor of a message. Out: the message, or
//! everything that keeps the tree from being one, each with its place: unknown fields and types,
//! values that do not fit, two members of one choice.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor,
};
use sluicegate_manifest::{
    Diagnostic, Entry, FieldPath, Node, SourceText, Span, Value, diagnostic::problem, nearest,
};
use sluicegate_xds::{
    descriptor::pool,
    prost::{Message, Name},
};

use super::codes;

/// Reads a message.
///
/// # Errors
/// Every problem of the tree.
pub(super) fn read<M: Message + Name + Default>(
    source: &Arc<SourceText>,
    root: &Node,
) -> Result<M, Vec<Diagnostic>> {
    let name = M::full_name();
    let Some(descriptor) = pool().get_message_by_name(&name) else {
        let words = format!("no descriptor for {name}");
        return Err(vec![problem(codes::TYPE, words, source, root.span)]);
    };
    let mut walk = Walk {
        source,
        found: Vec::new(),
    };
    walk.message(&descriptor, root, &FieldPath::root());
    if !walk.found.is_empty() {
        return Err(walk.found);
    }
    let message = parse(&descriptor, root.to_json()).map_err(|error| error.to_string());
    let message = message.and_then(|message| {
        let typed = message.transcode_to::<M>();
        typed.map_err(|error| error.to_string())
    });
    message.map_err(|words| vec![problem(codes::VALUE, words, source, root.span)])
}

struct Walk<'a> {
    source: &'a Arc<SourceText>,
    found: Vec<Diagnostic>,
}

impl Walk<'_> {
    fn say(&mut self, code: &'static str, words: String, path: &FieldPath, span: Span) {
        let mut diagnostic = problem(code, words, self.source, span);
        diagnostic.path = path.clone();
        self.found.push(diagnostic);
    }

    /// Recursion is bounded: a tree has a greatest depth.
    fn message(&mut self, descriptor: &MessageDescriptor, node: &Node, path: &FieldPath) {
        let entries = match &node.value {
            // Unset, as in JSON.
            Value::Null => return,
            Value::Mapping(entries) => entries,
            _ => {
                let words = format!("expected an object, got {}", node.shape());
                return self.say(codes::VALUE, words, path, node.span);
            }
        };
        let mut chosen: HashMap<String, String> = HashMap::new();
        for entry in entries {
            let path = path.field(&entry.key);
            let Some(field) = field_of(descriptor, &entry.key) else {
                self.unknown_field(descriptor, entry, &path);
                continue;
            };
            if let Some(choice) = choice_of(&field, entry)
                && let Some(other) = chosen.insert(choice.name().to_owned(), entry.key.clone())
            {
                let words = format!("only one of {other} and {} can be set", entry.key);
                self.say(codes::VALUE, words, &path, entry.key_span);
            }
            self.field(&field, &entry.value, &path);
        }
    }

    fn unknown_field(&mut self, descriptor: &MessageDescriptor, entry: &Entry, path: &FieldPath) {
        let words = format!("{} has no field {}", descriptor.full_name(), entry.key);
        let fields: Vec<FieldDescriptor> = descriptor.fields().collect();
        let meant = nearest(&entry.key, fields.iter().map(FieldDescriptor::name));
        let help = meant.map(|meant| format!("did you mean {meant}?"));
        self.say(codes::FIELD, words, path, entry.key_span);
        if let Some(last) = self.found.last_mut() {
            last.help = help;
        }
    }

    fn field(&mut self, field: &FieldDescriptor, node: &Node, path: &FieldPath) {
        match &node.value {
            Value::Null => {}
            Value::Sequence(items) if field.is_list() => {
                for (index, item) in items.iter().enumerate() {
                    let value = |item| serde_json::Value::Array(vec![item]);
                    self.value(field, item, &path.index(index), value);
                }
            }
            Value::Mapping(entries) if field.is_map() => {
                for entry in entries {
                    let value = |item| {
                        let pair = [(entry.key.clone(), item)];
                        serde_json::Value::Object(pair.into_iter().collect())
                    };
                    let path = path.field(&entry.key);
                    self.value(field, &entry.value, &path, value);
                }
            }
            _ if field.is_list() || field.is_map() => {
                let wanted = if field.is_list() {
                    "a list"
                } else {
                    "an object"
                };
                let words = format!("expected {wanted}, got {}", node.shape());
                self.say(codes::VALUE, words, path, node.span);
            }
            _ => self.value(field, node, path, |value| value),
        }
    }

    /// One value of a field; `whole` makes the value of the field of it.
    fn value(
        &mut self,
        field: &FieldDescriptor,
        node: &Node,
        path: &FieldPath,
        whole: impl FnOnce(serde_json::Value) -> serde_json::Value,
    ) {
        let kind = match field.kind() {
            Kind::Message(pair) if field.is_map() => pair.map_entry_value_field().kind(),
            kind => kind,
        };
        match &kind {
            Kind::Message(inner) if inner.full_name() == "google.protobuf.Any" => {
                return self.packed(node, path);
            }
            Kind::Message(inner) if !is_well_known(inner) => {
                return self.message(inner, node, path);
            }
            _ => {}
        }
        // A value by itself: the parser says what is wrong with it, and we know where it is.
        let alone = [(field.name().to_owned(), whole(node.to_json()))];
        let alone = serde_json::Value::Object(alone.into_iter().collect());
        if let Err(error) = parse(field.parent_message(), alone) {
            let words = match &kind {
                Kind::Enum(names) => not_a_name(names, node),
                _ => error.to_string(),
            };
            self.say(codes::VALUE, words, path, node.span);
        }
    }

    /// A message that says its own type.
    fn packed(&mut self, node: &Node, path: &FieldPath) {
        let Some(entry) = node.entry("@type") else {
            let words = "no @type, which says what this is".to_owned();
            return self.say(codes::TYPE, words, path, node.span);
        };
        let url = entry.value.as_str().unwrap_or_default();
        let name = url.rsplit('/').next().unwrap_or_default();
        let Some(descriptor) = pool().get_message_by_name(name) else {
            let words = format!("{url:?} is not implemented");
            return self.say(codes::TYPE, words, &path.field("@type"), entry.value.span);
        };
        if is_well_known(&descriptor) {
            return;
        }
        let mut inner = node.clone();
        if let Value::Mapping(entries) = &mut inner.value {
            entries.retain(|entry| entry.key != "@type");
        }
        self.message(&descriptor, &inner, path);
    }
}

fn field_of(descriptor: &MessageDescriptor, key: &str) -> Option<FieldDescriptor> {
    descriptor
        .get_field_by_json_name(key)
        .or_else(|| descriptor.get_field_by_name(key))
}

/// The choice of which a field is a member, when it is set.
fn choice_of(field: &FieldDescriptor, entry: &Entry) -> Option<OneofDescriptor> {
    let choice = field.containing_oneof()?;
    (entry.value.value != Value::Null && !choice.is_synthetic()).then_some(choice)
}

/// Whether JSON has a form of its own for it.
fn is_well_known(descriptor: &MessageDescriptor) -> bool {
    descriptor.package_name() == "google.protobuf"
}

fn not_a_name(names: &EnumDescriptor, node: &Node) -> String {
    let written = match &node.value {
        Value::String(text) => text.clone(),
        _ => node.to_json().to_string(),
    };
    let known: Vec<String> = names.values().map(|it| it.name().to_owned()).collect();
    format!("{written} is none of {}", known.join(", "))
}

fn parse(
    descriptor: &MessageDescriptor,
    json: serde_json::Value,
) -> Result<DynamicMessage, serde_json::Error> {
    DynamicMessage::deserialize(descriptor.clone(), json)
}
