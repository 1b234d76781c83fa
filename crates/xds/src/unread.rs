// SPDX-License-Identifier: Apache-2.0
//! What a resource sets that nobody will look at.
//!
//! In: an encoded message, and which fields of which messages are read. Out: the paths of all other
//! fields that are set, packed messages included. Nothing below such a field is looked into.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use crate::{
    json::{JsonError, decode},
    packed::packed,
};

/// Whether somebody reads a field, by the full name of its message and its own.
pub type Reads<'a> = &'a dyn Fn(&str, &str) -> bool;

/// Every field that is set and not read, as a path in proto names such as
/// `common_lb_config.override_host_status`, without positions in lists.
///
/// # Errors
/// When the type is unknown or the bytes do not decode.
pub fn unread(full_name: &str, bytes: &[u8], reads: Reads<'_>) -> Result<Vec<String>, JsonError> {
    let mut found = Vec::new();
    walk(&decode(full_name, bytes)?, "", reads, &mut found);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn walk(message: &DynamicMessage, path: &str, reads: Reads<'_>, found: &mut Vec<String>) {
    let descriptor = message.descriptor();
    let name = descriptor.full_name();
    if name == "google.protobuf.Any" {
        return match packed(message) {
            Ok(inner) => walk(&inner, path, reads, found),
            Err(unknown) => found.push(format!("{path} of type {unknown}")),
        };
    }
    if name.starts_with("google.protobuf.") || reads(name, "*") {
        return;
    }
    for (field, value) in message.fields() {
        let path = match path {
            "" => field.name().to_owned(),
            path => format!("{path}.{}", field.name()),
        };
        if !reads(name, field.name()) {
            found.push(path);
            continue;
        }
        match value {
            Value::Message(inner) => walk(inner, &path, reads, found),
            Value::List(items) => {
                let inner = items.iter().filter_map(Value::as_message);
                inner.for_each(|inner| walk(inner, &path, reads, found));
            }
            Value::Map(entries) => {
                let inner = entries.values().filter_map(Value::as_message);
                inner.for_each(|inner| walk(inner, &path, reads, found));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::{envoy::config::cluster::v3::Cluster, google::protobuf::Any};
    use prost::{Message, Name};

    use super::*;

    #[test]
    fn finds_what_is_set_in_any_depth() {
        let mut cluster: Cluster = crate::json::from_str(
            r#"{
                "name": "a",
                "connect_timeout": "1s",
                "health_checks": [{ "alt_port": 1 }, { "alt_port": 2, "timeout": "1s" }],
                "lb_subset_config": { "list_as_any": true },
                "transport_socket": { "name": "tls", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "sni": "b", "enforce_rsa_key_usage": true
                } }
            }"#,
        )
        .unwrap();
        let unknown = Any {
            type_url: "type.googleapis.com/a.B".to_owned(),
            ..Any::default()
        };
        let options = &mut cluster.typed_extension_protocol_options;
        options.insert("c".to_owned(), unknown);
        let reads = |message: &str, field: &str| match message.rsplit('.').next() {
            Some("LbSubsetConfig") => true,
            _ => !["*", "alt_port", "enforce_rsa_key_usage"].contains(&field),
        };
        let found = unread(&Cluster::full_name(), &cluster.encode_to_vec(), &reads).unwrap();
        let paths = [
            "health_checks.alt_port",
            "transport_socket.typed_config.enforce_rsa_key_usage",
            "typed_extension_protocol_options of type a.B",
        ];
        assert_eq!(found, paths);
        let nothing = unread(&Cluster::full_name(), &cluster.encode_to_vec(), &|_, _| {
            false
        });
        assert_eq!(nothing.unwrap().len(), 6);
    }
}
