// SPDX-License-Identifier: Apache-2.0
//! Judging what a response holds.
//!
//! In: a response. Out: its good resources in place of older ones, and a text that names each bad
//! one with the reason, in Envoy's form, so that a server finds the resource in it.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use prost::bytes::Bytes;
use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::{
    reference::{Reference, Source, Wanted, references},
    validate::violations,
};

use super::{Accepted, Received, Response, Session, WORLD, Want, is_wildcard};

impl Session {
    /// Takes what is good of a response; says what is not.
    pub(super) fn take(&mut self, response: Response, now: Instant) -> Option<String> {
        let resource_type = response.resource_type;
        let mut refused = Vec::new();
        let mut there: BTreeSet<Arc<str>> = BTreeSet::new();
        for received in response.resources {
            let name: Arc<str> = received.name.as_str().into();
            if !there.insert(name.clone()) {
                refused.push(format!("{name}: it is there twice"));
                continue;
            }
            if self.is_unwanted(resource_type, &name) {
                continue;
            }
            match self.accept(resource_type, received, now) {
                Ok(accepted) => {
                    let kind = &mut self.kinds[resource_type as usize];
                    kind.accepted.insert(name, accepted);
                }
                Err(reason) => refused.push(format!("{name}: {reason}")),
            }
        }
        let kind = &mut self.kinds[resource_type as usize];
        if is_wildcard(resource_type) {
            match self.variant == WORLD {
                true => kind.accepted.retain(|name, _| there.contains(name)),
                false => kind
                    .accepted
                    .retain(|name, _| !response.removed.iter().any(|gone| **gone == **name)),
            }
        } else {
            // As in Envoy, what is still referred to stays in force.
            for name in &response.removed {
                if let Some(accepted) = kind.accepted.get_mut(name.as_str()) {
                    accepted.version.clear();
                }
            }
        }
        if refused.is_empty() {
            kind.version = response.version;
            return None;
        }
        Some(format!(
            "Error adding/updating {} {}",
            plural(resource_type),
            refused.join(", ")
        ))
    }

    /// Whether a resource changes nothing: nobody wants it, or the bootstrap has one of its name.
    fn is_unwanted(&self, resource_type: ResourceType, name: &str) -> bool {
        if self.fixed.get(resource_type, name).is_some() {
            tracing::warn!("{name} of the server is not used: the bootstrap has one of this name");
            return true;
        }
        let asked = self.kinds[resource_type as usize].asked.as_ref();
        !is_wildcard(resource_type) && !asked.is_some_and(|asked| asked.contains(name))
    }

    fn accept(
        &self,
        resource_type: ResourceType,
        received: Received,
        now: Instant,
    ) -> Result<Accepted, String> {
        let body = received.body?;
        if received.name.is_empty() {
            return Err("it has no name".to_owned());
        }
        let resource = new_resource(resource_type, &received.name, &body);
        let known = self.kinds[resource_type as usize]
            .accepted
            .get(&resource.name);
        if let Some(known) = known.filter(|known| known.resource.version == resource.version) {
            return Ok(Accepted {
                version: received.version,
                ..known.clone()
            });
        }
        let broken = violations(resource_type.message_name(), &body);
        let broken = broken.map_err(|error| error.to_string())?;
        if !broken.is_empty() {
            let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
            return Err(broken.join("; "));
        }
        let wants = wants(&resource, &self.fixed)?;
        (self.judge.0)(&resource)?;
        Ok(Accepted {
            resource: Arc::new(resource),
            version: received.version,
            wants: wants.into(),
            since: now,
        })
    }
}

fn new_resource(resource_type: ResourceType, name: &str, body: &Bytes) -> Resource {
    Resource::new(resource_type, name, body.to_vec(), Version::default())
}

/// What `resource` needs of the server; or why nobody will give it.
pub(super) fn wants(resource: &Resource, fixed: &Snapshot) -> Result<Vec<Want>, String> {
    let name = resource.resource_type.message_name();
    let found = references(name, &resource.body).map_err(|error| error.to_string())?;
    let mut wants = Vec::new();
    for reference in found {
        if let Some(want) = want(&reference, fixed)? {
            wants.push(want);
        }
    }
    Ok(wants)
}

fn want(reference: &Reference, fixed: &Snapshot) -> Result<Option<Want>, String> {
    let field = &reference.field;
    let kind = match &reference.wanted {
        Wanted::Endpoints(name) => Some((ResourceType::Endpoint, name)),
        Wanted::Other => None,
        Wanted::Routes(name) => Some((ResourceType::Route, name)),
        Wanted::Secret(name) => Some((ResourceType::Secret, name)),
    };
    match (reference.source, kind) {
        (Source::Ads, Some((kind, name))) => {
            let here = fixed.get(kind, name).is_some();
            Ok((!here).then(|| (kind, name.as_str().into())))
        }
        (Source::Static, Some((kind, name))) if fixed.get(kind, name).is_some() => Ok(None),
        (Source::Static, Some((_, name))) => Err(format!(
            "{field}: the bootstrap has no {name}, and no config source is set"
        )),
        (Source::Other(""), _) => Err(format!("{field}: no config source is set")),
        (Source::Other(specifier), _) => Err(format!(
            "{field}: {specifier} is not implemented, only ads is"
        )),
        (Source::Ads | Source::Static, None) => Err(format!(
            "{field}: what this config source is for is not implemented"
        )),
    }
}

fn plural(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Cluster => "cluster(s)",
        ResourceType::Endpoint => "load assignment(s)",
        ResourceType::Listener => "listener(s)",
        ResourceType::Route => "route configuration(s)",
        ResourceType::Secret => "secret(s)",
    }
}
