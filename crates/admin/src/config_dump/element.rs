// SPDX-License-Identifier: Apache-2.0
//! One resource as a list element of its section.
//!
//! In: an encoded resource with its history. Out: its JSON, redacted. A resource that cannot be
//! shown keeps its place in the list with the reason, and does not break the dump.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::json;

use super::{endpoints, ledger::Seen, redact::redact, section::typed};

/// The element of `seen`.
pub(super) fn print(seen: &Seen) -> Arc<str> {
    let resource = &seen.resource;
    let name: Value = resource.name.as_ref().into();
    let version: Value = seen.version_info.as_ref().into();
    let updated: Value = timestamp(seen.last_updated).into();
    let body = |resource_type: ResourceType| {
        message(resource_type.message_name(), &resource.name, &resource.body)
    };
    text(&match resource.resource_type {
        kind @ ResourceType::Cluster => object([
            ("version_info", version),
            ("cluster", body(kind)),
            ("last_updated", updated),
        ]),
        ResourceType::Endpoint => endpoints::element(&resource.name, &resource.body),
        kind @ ResourceType::Listener => object([
            ("name", name),
            (
                "active_state",
                object([
                    ("version_info", version),
                    ("listener", body(kind)),
                    ("last_updated", updated),
                ]),
            ),
        ]),
        kind @ ResourceType::Route => object([
            ("version_info", version),
            ("route_config", body(kind)),
            ("last_updated", updated),
        ]),
        kind @ ResourceType::Secret => object([
            ("name", name),
            ("version_info", version),
            ("last_updated", updated),
            ("secret", body(kind)),
        ]),
    })
}

/// A message with its type first, or its name and the reason why it cannot be shown.
pub(super) fn message(full_name: &str, name: &str, body: &[u8]) -> Value {
    let shown = json::message_to_value(full_name, body).map(|mut value| {
        redact(&mut value, full_name);
        value
    });
    let value = shown.unwrap_or_else(|error| {
        object([("name", name.into()), ("error", error.to_string().into())])
    });
    typed(full_name, value)
}

/// An object of these members in this order.
pub(super) fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter();
    Value::Object(Map::from_iter(
        members.map(|(name, value)| (name.to_owned(), value)),
    ))
}

/// JSON without the final line break.
pub(super) fn text(value: &Value) -> Arc<str> {
    json::to_string(value).trim_end().into()
}

/// A time as Envoy prints it, such as `2026-11-21T06:23:58.876Z`.
pub(super) fn timestamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
