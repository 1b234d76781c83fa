// SPDX-License-Identifier: Apache-2.0
//! Which Gateway a node serves.
//!
//! In: the node of a stream's first request. Out: the first of these that names a Gateway: the
//! metadata key `sluicegate.dev/gateway`, the cluster, the beginning of the id. Nothing is guessed.

use sluicegate_xds::pb::{
    envoy::config::core::v3::{Node, node::UserAgentVersionType},
    google::protobuf::value::Kind,
};

use crate::{Catalog, GatewayName};

/// The key of the node's metadata that names its Gateway as `namespace/name`.
pub const METADATA_KEY: &str = "sluicegate.dev/gateway";

/// The Gateway of `node`.
///
/// # Errors
/// A sentence for the person who runs that Envoy.
pub(crate) fn gateway(node: &Node, catalog: &Catalog) -> Result<GatewayName, String> {
    let claims = [
        ("metadata", metadata(node)),
        ("cluster", Some(node.cluster.clone())),
        ("id", Some(id_prefix(&node.id))),
    ];
    let claims: Vec<(&str, GatewayName)> = claims
        .into_iter()
        .filter_map(|(place, claim)| Some((place, claim?.parse().ok()?)))
        .collect();
    let known = claims.iter().find(|(_, name)| catalog.contains_key(name));
    if let Some((_, name)) = known {
        return Ok(name.clone());
    }
    let id = &node.id;
    let problem = match claims.first() {
        Some((place, name)) => {
            format!("node {id:?}: its {place} names Gateway {name}, which does not exist")
        }
        None => format!(
            "node {id:?} names no Gateway: its metadata {METADATA_KEY:?}, its cluster or the \
             beginning of its id must be namespace/name"
        ),
    };
    Err(format!("{problem}; {}", available(catalog)))
}

fn available(catalog: &Catalog) -> String {
    /// Names in one message.
    const SHOWN: usize = 20;
    if catalog.is_empty() {
        return "there is no Gateway".to_owned();
    }
    let names: Vec<String> = catalog
        .keys()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = match catalog.len() {
        count if count > SHOWN => format!(" and {} more", count - SHOWN),
        _ => String::new(),
    };
    format!("Gateways are: {}{more}", names.join(", "))
}

fn metadata(node: &Node) -> Option<String> {
    let value = node.metadata.as_ref()?.fields.get(METADATA_KEY)?;
    match value.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

/// `namespace/name` of `namespace/name/instance`.
fn id_prefix(id: &str) -> String {
    id.split('/').take(2).collect::<Vec<_>>().join("/")
}

/// Such as `envoy 1.40.0`.
pub(crate) fn user_agent(node: &Node) -> String {
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => {
            build.version.as_ref().map_or_else(String::new, |version| {
                format!(
                    "{}.{}.{}",
                    version.major_number, version.minor_number, version.patch
                )
            })
        }
        None => String::new(),
    };
    format!("{} {version}", node.user_agent_name)
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_xds::pb::google::protobuf::{Struct, Value};

    use super::*;

    fn catalog() -> Catalog {
        ["default/http", "edge/public"]
            .map(|name| (name.parse().unwrap(), Arc::default()))
            .into()
    }

    fn node(metadata: Option<&str>, cluster: &str, id: &str) -> Node {
        let fields = metadata.map(|text| {
            let kind = Some(Kind::StringValue(text.to_owned()));
            (METADATA_KEY.to_owned(), Value { kind })
        });
        Node {
            id: id.to_owned(),
            cluster: cluster.to_owned(),
            metadata: Some(Struct {
                fields: fields.into_iter().collect(),
            }),
            ..Node::default()
        }
    }

    #[test]
    fn metadata_comes_before_cluster_and_cluster_before_id() {
        let of = |node: &Node| gateway(node, &catalog()).unwrap().to_string();
        let all = node(Some("default/http"), "edge/public", "edge/public");
        assert_eq!(of(&all), "default/http");
        assert_eq!(
            of(&node(None, "default/http", "edge/public")),
            "default/http"
        );
        assert_eq!(of(&node(None, "prod", "edge/public/host-1")), "edge/public");
        // A cluster may be named for other reasons.
        assert_eq!(of(&node(None, "team/a", "edge/public/1")), "edge/public");
    }

    #[test]
    fn refusals_say_what_there_is() {
        let error = gateway(&node(None, "prod", "envoy-1"), &catalog()).unwrap_err();
        assert!(error.contains("\"envoy-1\" names no Gateway"), "{error}");
        assert!(error.contains("default/http, edge/public"), "{error}");
        let error = gateway(&node(Some("default/no"), "", "x"), &catalog()).unwrap_err();
        assert!(
            error.contains("metadata names Gateway default/no"),
            "{error}"
        );
        let error = gateway(&node(None, "", "a/b"), &Catalog::new()).unwrap_err();
        assert!(error.ends_with("there is no Gateway"), "{error}");
    }
}
