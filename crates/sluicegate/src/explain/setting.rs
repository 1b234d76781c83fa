// SPDX-License-Identifier: Apache-2.0
//! The leaves of a unit as its author wrote them.
//!
//! In: a policy and the path of a unit in it. Out: each scalar below with its value, line and Envoy
//! field.

use serde::Serialize;
use serde_json::Value as Json;
use sluicegate_attach::Unit;
use sluicegate_manifest::{Document, FieldPath, Node, Segment, Value};
use sluicegate_resource::{Object, kgateway::BackendConfigPolicy};
use sluicegate_translate::fields::envoy_field;

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Path below `spec`, as written.
    pub field: String,
    /// The value, as written.
    pub value: Json,
    /// `file:line`, or `default`.
    pub source: String,
    /// The field of Envoy's Cluster that it becomes.
    pub envoy_field: Option<&'static str>,
    /// The API server fills it in: the policy's author did not write it.
    pub is_api_default: bool,
}

impl Setting {
    /// The value as people read it.
    pub fn text(&self) -> String {
        match &self.value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

/// The leaves of the unit at `path` of `policy`.
pub(super) fn settings(
    policy: &Object<BackendConfigPolicy>,
    unit: Unit,
    path: &FieldPath,
) -> Vec<Setting> {
    let depth = path.segments().len();
    let leaves = leaves(&policy.document, path).into_iter();
    let settings = leaves.map(|(leaf, node)| Setting {
        field: below_spec(&leaf),
        value: node.to_json(),
        source: policy.document.place(&leaf),
        envoy_field: field_of(unit, &leaf.segments()[depth..]),
        is_api_default: false,
    });
    settings.collect()
}

/// The leaves at and below `path` of a document; a list of scalars is one.
pub(super) fn leaves<'d>(document: &'d Document, path: &FieldPath) -> Vec<(FieldPath, &'d Node)> {
    let mut found = Vec::new();
    if let Some(node) = document.root.at(path) {
        walk(node, path, &mut found);
    }
    found
}

fn walk<'d>(node: &'d Node, path: &FieldPath, found: &mut Vec<(FieldPath, &'d Node)>) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            for entry in entries {
                walk(&entry.value, &path.field(&entry.key), found);
            }
        }
        Value::Sequence(items) if items.iter().any(is_block) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &path.index(index), found);
            }
        }
        _ => found.push((path.clone(), node)),
    }
}

/// The Envoy field of the leaf at `below` a unit, or of the nearest block above that has one.
pub(super) fn field_of(unit: Unit, below: &[Segment]) -> Option<&'static str> {
    let names = below.iter().filter_map(|segment| match segment {
        Segment::Field(name) => Some(name.as_str()),
        Segment::Index(_) => None,
    });
    let mut names: Vec<&str> = names.collect();
    loop {
        if let Some(field) = envoy_field(unit, &names.join(".")) {
            return Some(field);
        }
        names.pop()?;
    }
}

fn is_block(node: &Node) -> bool {
    matches!(node.value, Value::Mapping(_) | Value::Sequence(_))
}

/// `spec.tls.sni` as `tls.sni`.
pub(crate) fn below_spec(path: &FieldPath) -> String {
    let text = path.to_string();
    text.strip_prefix("spec.")
        .map_or(text.clone(), str::to_owned)
}
