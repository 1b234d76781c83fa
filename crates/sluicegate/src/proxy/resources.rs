// SPDX-License-Identifier: Apache-2.0
//! The resources that stand in a bootstrap.
//!
//! In: `static_resources`. Out: a snapshot of them, and those that this data plane cannot enforce
//! as they are written, each with the reason.

use std::{collections::BTreeSet, sync::Arc};

use sluicegate_dataplane::examine;
use sluicegate_snapshot::{Builder, Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::{
    pb::envoy::config::bootstrap::v3::bootstrap::StaticResources,
    prost::Message,
    reference::{Reference, Source, Wanted, references},
};

/// A resource, or a setting of one, that is not enforced as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Type of the resource.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: String,
    /// Its path in the bootstrap, in proto names.
    pub(super) field: String,
    /// Why.
    pub reason: String,
    /// Whether the rest of the resource can be enforced.
    pub(super) partly: bool,
}

impl Refused {
    /// The last part of the type's name, as people say it.
    pub fn kind(&self) -> &'static str {
        let name = self.resource_type.message_name();
        name.rsplit('.').next().unwrap_or(name)
    }
}

/// The snapshot, and what is wrong with the resources in it. With `ads`, they may name what comes
/// from a management server.
pub(super) fn snapshot(resources: &StaticResources, ads: bool) -> (Arc<Snapshot>, Vec<Refused>) {
    let all = encoded(resources);
    let secrets: BTreeSet<&str> = resources
        .secrets
        .iter()
        .map(|secret| secret.name.as_str())
        .collect();
    let mut builder = Builder::default();
    let mut refused = Vec::new();
    let mut seen = BTreeSet::new();
    for (resource, field) in all {
        let mut say = |field: String, reason: String, partly| {
            refused.push(Refused {
                resource_type: resource.resource_type,
                name: resource.name.to_string(),
                field,
                reason,
                partly,
            });
        };
        if !seen.insert((resource.resource_type, resource.name.clone())) {
            say(
                field.clone(),
                "there is another one of this name".to_owned(),
                false,
            );
        }
        let examined = examine(&resource);
        for reason in examined.refused {
            say(field.clone(), reason, false);
        }
        for setting in examined.unenforced {
            say(field.clone(), format!("{setting} is not enforced"), true);
        }
        let name = resource.resource_type.message_name();
        for reference in references(name, &resource.body).unwrap_or_default() {
            if let Some(reason) = unresolved(&reference, ads, &secrets) {
                let below = reference.field.find(['.', '[']).unwrap_or_default();
                say(
                    format!("{field}{}", &reference.field[below..]),
                    reason,
                    false,
                );
            }
        }
        builder.add(Arc::new(resource));
    }
    (Arc::new(builder.build()), refused)
}

/// Each resource with its path.
fn encoded(resources: &StaticResources) -> Vec<(Resource, String)> {
    let one = |kind, name: &str, body, list: &str, index| {
        let resource = Resource::new(kind, name, body, Version::default());
        (
            resource,
            format!("Bootstrap.static_resources.{list}[{index}]"),
        )
    };
    let clusters = resources.clusters.iter().enumerate().map(|(index, it)| {
        let body = it.encode_to_vec();
        one(ResourceType::Cluster, &it.name, body, "clusters", index)
    });
    let listeners = resources.listeners.iter().enumerate().map(|(index, it)| {
        let mut listener = it.clone();
        if listener.name.is_empty() {
            // Envoy makes a name up as well; it shows in the admin API only.
            listener.name = format!("listener-{index}");
        }
        let body = listener.encode_to_vec();
        one(
            ResourceType::Listener,
            &listener.name,
            body,
            "listeners",
            index,
        )
    });
    let secrets = resources.secrets.iter().enumerate().map(|(index, it)| {
        let body = it.encode_to_vec();
        one(ResourceType::Secret, &it.name, body, "secrets", index)
    });
    clusters.chain(listeners).chain(secrets).collect()
}

/// Why nobody will give what `reference` asks for.
pub(super) fn unresolved(
    reference: &Reference,
    ads: bool,
    secrets: &BTreeSet<&str>,
) -> Option<String> {
    match (reference.source, &reference.wanted) {
        (Source::Static, Wanted::Secret(name)) if !secrets.contains(name.as_str()) => {
            Some(format!("static_resources has no secret {name}"))
        }
        (Source::Static, Wanted::Secret(_)) => None,
        (Source::Ads, Wanted::Other) => {
            Some("what this config source is for is not implemented".to_owned())
        }
        (Source::Ads, _) if ads => None,
        (Source::Ads, _) => {
            Some("it asks for ADS, but dynamic_resources has no ads_config".to_owned())
        }
        (Source::Other("") | Source::Static, _) => Some("a config source is missing".to_owned()),
        (Source::Other(specifier), _) => Some(format!(
            "{specifier} is not implemented: only `ads: {{}}` is, with ads_config in dynamic_resources"
        )),
    }
}
