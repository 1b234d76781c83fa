// SPDX-License-Identifier: Apache-2.0
//! `metadata`: what every object has.
//!
//! In: the `metadata` block of a document and the rules of its kind. Out: [`Metadata`], or nothing
//! when the object cannot even be named.

use std::collections::BTreeMap;

use crate::{
    Metadata, ObjectRef,
    admission::{Block, Field, Kind},
    value::{is_label, is_label_value, is_qualified_name, is_service_name, is_subdomain},
};

/// Keys that an API server writes or that steer it; none matters to translation.
const SERVER_KEYS: &[&str] = &[
    "clusterName",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Which names a kind allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// RFC 1123 label (Namespace).
    Label,
    /// RFC 1035 label (Service).
    Service,
    /// RFC 1123 subdomain (everything else).
    Subdomain,
}

/// Reads `metadata` by the rules of `kind`.
pub(crate) fn metadata(block: &Block<'_>, kind: &Kind) -> Option<Metadata> {
    block.accept(SERVER_KEYS);
    let labels = block.optional("labels").map(|field| labels(&field));
    let annotations = block
        .optional("annotations")
        .map(|field| annotations(&field));
    let creation_timestamp = block
        .optional("creationTimestamp")
        .and_then(|field| timestamp(&field));
    let generation = block
        .optional("generation")
        .and_then(|field| field.integer(0..=i64::MAX));
    let namespace = block
        .optional("namespace")
        .and_then(|field| namespace(&field));
    let name = block
        .required("name")
        .and_then(|field| name(&field, kind.name_rule));
    // No namespace in a manifest means `default` (design decision 10).
    let namespace = match kind.namespaced {
        true => namespace.unwrap_or("default"),
        false => "",
    };
    Some(Metadata {
        reference: ObjectRef::new(kind.group, kind.name, namespace, name?),
        labels: labels.unwrap_or_default(),
        annotations: annotations.unwrap_or_default(),
        creation_timestamp,
        generation: generation.unwrap_or(1),
    })
}

fn name<'d>(field: &Field<'d>, rule: NameRule) -> Option<&'d str> {
    let name = field.string()?;
    if name.is_empty() {
        field.reject("must not be empty");
        return None;
    }
    let (valid, text) = match rule {
        NameRule::Label => (
            is_label(name),
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character",
        ),
        NameRule::Service => (
            is_service_name(name),
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character",
        ),
        NameRule::Subdomain => (
            is_subdomain(name),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character",
        ),
    };
    if !valid {
        field.reject(text);
    }
    Some(name)
}

fn namespace<'d>(field: &Field<'d>) -> Option<&'d str> {
    let namespace = field.string().filter(|namespace| !namespace.is_empty())?;
    if !is_label(namespace) {
        field.reject(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character",
        );
    }
    Some(namespace)
}

fn labels(field: &Field<'_>) -> BTreeMap<String, String> {
    check_keys(field);
    for (_, value) in field.entries() {
        if value
            .node
            .as_str()
            .is_some_and(|text| !is_label_value(text))
        {
            value.reject(
                "a valid label must be an empty string or consist of at most 63 alphanumeric \
                 characters, '-', '_' or '.', and must start and end with an alphanumeric \
                 character",
            );
        }
    }
    field.string_map()
}

fn annotations(field: &Field<'_>) -> BTreeMap<String, String> {
    check_keys(field);
    field.string_map()
}

fn check_keys(field: &Field<'_>) {
    if !matches!(field.node.value, sluicegate_manifest::Value::Mapping(_)) {
        return;
    }
    for (key, value) in field.entries() {
        // Annotation keys may have upper case in the prefix; the API server lowers it first.
        if !is_qualified_name(&key.to_lowercase()) {
            value.reject(format!(
                "the key {key:?} must be a name of alphanumeric characters, '-', '_' or '.', with \
                 an optional DNS subdomain prefix and '/'"
            ));
        }
    }
}

fn timestamp(field: &Field<'_>) -> Option<i128> {
    let text = field.string()?;
    match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => Some(timestamp.as_nanosecond()),
        Err(_) => {
            field.reject_with(
                "must be a time in RFC 3339 format",
                "write it as \"2025-06-18T09:30:00Z\"",
            );
            None
        }
    }
}
