// SPDX-License-Identifier: Apache-2.0
//! What a resource names that comes from elsewhere.
//!
//! In: an encoded message. Out: every route configuration, endpoint resource and secret that it
//! asks a config source for, packed messages included, and every other config source in it.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use crate::{
    json::{JsonError, decode},
    packed::packed,
};

/// One name, and who is to be asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Path of the field in proto names, such as `Cluster.eds_cluster_config`.
    pub field: String,
    /// What is named.
    pub wanted: Wanted,
    /// Where it comes from.
    pub source: Source,
}

/// What a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A ClusterLoadAssignment.
    Endpoints(String),
    /// Something that is none of the others.
    Other,
    /// A RouteConfiguration.
    Routes(String),
    /// A Secret.
    Secret(String),
}

/// Where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `ads: {}`.
    Ads,
    /// Another specifier, under its name; empty when none is set.
    Other(&'static str),
    /// No config source: the bootstrap itself.
    Static,
}

/// Every reference in an encoded message of type `full_name`.
///
/// # Errors
/// When the type is unknown or the bytes do not decode.
pub fn references(full_name: &str, bytes: &[u8]) -> Result<Vec<Reference>, JsonError> {
    let message = decode(full_name, bytes)?;
    let mut found = Vec::new();
    let name = full_name.rsplit('.').next().unwrap_or(full_name);
    walk(&message, name, "", &mut found);
    Ok(found)
}

/// `owner` is the name of the message around this one.
fn walk(message: &DynamicMessage, path: &str, owner: &str, found: &mut Vec<Reference>) {
    let descriptor = message.descriptor();
    let (wanted, field) = match descriptor.full_name() {
        // What is of an unknown type is refused by whoever needs it.
        "google.protobuf.Any" => {
            return packed(message)
                .into_iter()
                .for_each(|inner| walk(&inner, path, "", found));
        }
        "envoy.config.cluster.v3.Cluster.EdsClusterConfig" => {
            let name = text(message, "service_name");
            let name = if name.is_empty() {
                owner.to_owned()
            } else {
                name
            };
            (Wanted::Endpoints(name), "eds_config")
        }
        "envoy.extensions.filters.network.http_connection_manager.v3.Rds" => {
            let name = text(message, "route_config_name");
            (Wanted::Routes(name), "config_source")
        }
        "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig" => {
            (Wanted::Secret(text(message, "name")), "sds_config")
        }
        "envoy.config.core.v3.ConfigSource" => {
            let source = source(message);
            return found.push(Reference {
                field: path.to_owned(),
                wanted: Wanted::Other,
                source,
            });
        }
        _ => return walk_fields(message, path, found),
    };
    let source = match message.get_field_by_name(field).as_deref() {
        Some(Value::Message(config)) if message.has_field_by_name(field) => source(config),
        _ => Source::Static,
    };
    found.push(Reference {
        field: path.to_owned(),
        wanted,
        source,
    });
}

fn walk_fields(message: &DynamicMessage, path: &str, found: &mut Vec<Reference>) {
    let owner = text(message, "name");
    for (field, value) in message.fields() {
        let path = format!("{path}.{}", field.name());
        match value {
            Value::Message(inner) => walk(inner, &path, &owner, found),
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Value::Message(inner) = item {
                        walk(inner, &format!("{path}[{index}]"), &owner, found);
                    }
                }
            }
            Value::Map(entries) => {
                for (key, item) in entries {
                    if let (Value::Message(inner), Some(key)) = (item, key.as_str()) {
                        walk(inner, &format!("{path}[{key}]"), &owner, found);
                    }
                }
            }
            _ => {}
        }
    }
}

fn source(config: &DynamicMessage) -> Source {
    let specifiers = config.descriptor().oneofs().next();
    let set = specifiers.and_then(|choice| choice.fields().find(|it| config.has_field(it)));
    match set.as_ref().map(prost_reflect::FieldDescriptor::name) {
        Some("ads") => Source::Ads,
        Some("api_config_source") => Source::Other("api_config_source"),
        Some("path_config_source") => Source::Other("path_config_source"),
        Some("path") => Source::Other("path"),
        Some("self") => Source::Other("self"),
        _ => Source::Other(""),
    }
}

fn text(message: &DynamicMessage, field: &str) -> String {
    match message.get_field_by_name(field).as_deref() {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use envoy_types::pb::envoy::config::cluster::v3::Cluster;
    use prost::{Message, Name};

    use super::*;

    #[test]
    fn finds_names_and_sources() {
        let cluster: Cluster = crate::json::from_str(
            r#"{
                "name": "a",
                "eds_cluster_config": { "eds_config": { "ads": {} } },
                "transport_socket": { "name": "tls", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "common_tls_context": { "tls_certificate_sds_secret_configs": [
                        { "name": "here" },
                        { "name": "there", "sds_config": { "path_config_source": { "path": "/x" } } }
                    ] }
                } }
            }"#,
        )
        .unwrap();
        let found = references(&Cluster::full_name(), &cluster.encode_to_vec()).unwrap();
        let found: Vec<_> = found.into_iter().map(|it| (it.wanted, it.source)).collect();
        assert_eq!(
            found,
            [
                (Wanted::Endpoints("a".into()), Source::Ads),
                (Wanted::Secret("here".into()), Source::Static),
                (
                    Wanted::Secret("there".into()),
                    Source::Other("path_config_source")
                ),
            ]
        );
    }
}
