// SPDX-License-Identifier: Apache-2.0
//! Redaction: private keys and passwords never leave the process.
//!
//! In: a message as JSON and its type. Out: the same with every field that Envoy's API marks as
//! sensitive replaced, as Envoy does it: strings by `[redacted]`, bytes by its base64 form, numbers
//! and flags left out. Expanded `Any`s are entered by their own type.

use std::{collections::HashSet, sync::LazyLock};

use prost_reflect::{Kind, MessageDescriptor, Value as Reflected};
use serde_json::Value;
use sluicegate_xds::descriptor;

/// Redacts `value`, a message of type `full_name`.
pub(super) fn redact(value: &mut Value, full_name: &str) {
    if let Some(kind) = descriptor::pool().get_message_by_name(full_name) {
        message(value, &kind, false);
    }
}

fn message(value: &mut Value, kind: &MessageDescriptor, sensitive: bool) {
    let Value::Object(fields) = value else {
        // A well-known type with a JSON form of its own, such as a wrapper.
        if sensitive {
            leaf(value, &Kind::String);
        }
        return;
    };
    let inner = fields
        .get("@type")
        .and_then(Value::as_str)
        .and_then(|url| url.rsplit('/').next())
        .and_then(|name| descriptor::pool().get_message_by_name(name));
    let kind = inner.as_ref().unwrap_or(kind);
    fields.retain(|name, value| {
        let Some(field) = kind.get_field_by_name(name) else {
            // A `Struct` or the value of an `Any` with a JSON form of its own.
            if sensitive && name != "@type" {
                everything(value);
            }
            return true;
        };
        let sensitive = sensitive || SENSITIVE.contains(field.full_name());
        each(value, field.is_list(), field.is_map(), |value| {
            let kind = match field.kind() {
                Kind::Message(entry) if field.is_map() => entry.map_entry_value_field().kind(),
                kind => kind,
            };
            match kind {
                Kind::Message(kind) => {
                    message(value, &kind, sensitive);
                    true
                }
                kind => !sensitive || leaf(value, &kind),
            }
        })
    });
}

/// Applies `to` to the value or to each of its elements; false when nothing of it should stay.
fn each(
    value: &mut Value,
    is_list: bool,
    is_map: bool,
    mut to: impl FnMut(&mut Value) -> bool,
) -> bool {
    match value {
        Value::Array(items) if is_list => {
            items.retain_mut(&mut to);
            !items.is_empty()
        }
        Value::Object(members) if is_map => {
            members.retain(|_, value| to(value));
            !members.is_empty()
        }
        value => to(value),
    }
}

/// Replaces a scalar; false when it should be left out.
fn leaf(value: &mut Value, kind: &Kind) -> bool {
    match kind {
        Kind::String => *value = "[redacted]".into(),
        // "[redacted]" in base64.
        Kind::Bytes => *value = "W3JlZGFjdGVkXQ==".into(),
        _ => return false,
    }
    true
}

/// Replaces every string in a value without a descriptor.
fn everything(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(everything),
        Value::Object(members) => members.values_mut().for_each(everything),
        other => *other = "[redacted]".into(),
    }
}

/// Full names of the fields that carry `(udpa.annotations.sensitive) = true`.
static SENSITIVE: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let Some(annotation) = descriptor::pool().get_extension_by_name("udpa.annotations.sensitive")
    else {
        return HashSet::new();
    };
    descriptor::pool()
        .all_messages()
        .flat_map(|message| message.fields().collect::<Vec<_>>())
        .filter(|field| {
            let options = field.options();
            options.get_extension(&annotation).as_ref() == &Reflected::Bool(true)
        })
        .map(|field| field.full_name().to_owned())
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty set would print private keys: this is the test that the annotations are there.
    #[test]
    fn knows_the_sensitive_fields() {
        let tls = "envoy.extensions.transport_sockets.tls.v3";
        for field in [
            "TlsCertificate.private_key",
            "TlsCertificate.password",
            "TlsSessionTicketKeys.keys",
            "GenericSecret.secret",
        ] {
            assert!(SENSITIVE.contains(&format!("{tls}.{field}")), "{field}");
        }
    }

    #[test]
    fn reaches_into_anys_lists_and_bytes() {
        let certificate = |key: &str, value: &str| {
            serde_json::json!({
                "certificate_chain": { "inline_string": "chain" },
                "private_key": { key: value },
            })
        };
        let mut cluster = serde_json::json!({
            "name": "a",
            "transport_socket": { "name": "tls", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "common_tls_context": { "tls_certificates": [
                    certificate("inline_string", "PRIVATE"),
                    certificate("inline_bytes", "UFJJVkFURQ=="),
                    certificate("filename", "/etc/key"),
                ] },
            } },
        });
        redact(&mut cluster, "envoy.config.cluster.v3.Cluster");
        let certificates =
            &cluster["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificates"];
        assert_eq!(certificates[0], certificate("inline_string", "[redacted]"));
        assert_eq!(
            certificates[1],
            certificate("inline_bytes", "W3JlZGFjdGVkXQ==")
        );
        assert_eq!(certificates[2], certificate("filename", "[redacted]"));
        assert_eq!(cluster["name"], "a");
    }
}
