// SPDX-License-Identifier: Apache-2.0
//! xDS resources for people.
//!
//! In: a snapshot. Out: its resources as JSON by type, under the names of the command line.

use anyhow::Context;
use clap::ValueEnum;
use serde_json::{Map, Value};
use sluicegate_snapshot::{Resource, ResourceType, Snapshot};
use sluicegate_xds::json::message_to_value;

use crate::redact::redact;

/// A type of resource, as arguments name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Cluster
    Clusters,
    /// ClusterLoadAssignment
    Endpoints,
    /// Listener
    Listeners,
    /// RouteConfiguration
    Routes,
    /// Secret
    Secrets,
}

impl Kind {
    /// Every kind, in the order of [`ResourceType::ALL`].
    pub const ALL: [Self; 5] = [
        Self::Clusters,
        Self::Endpoints,
        Self::Listeners,
        Self::Routes,
        Self::Secrets,
    ];

    /// The type.
    pub fn resource_type(self) -> ResourceType {
        match self {
            Self::Clusters => ResourceType::Cluster,
            Self::Endpoints => ResourceType::Endpoint,
            Self::Listeners => ResourceType::Listener,
            Self::Routes => ResourceType::Route,
            Self::Secrets => ResourceType::Secret,
        }
    }

    /// The plural in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::Endpoints => "endpoints",
            Self::Listeners => "listeners",
            Self::Routes => "routes",
            Self::Secrets => "secrets",
        }
    }

    /// The plural with a capital, a section of `translate -o resources`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Clusters => "Clusters",
            Self::Endpoints => "Endpoints",
            Self::Listeners => "Listeners",
            Self::Routes => "Routes",
            Self::Secrets => "Secrets",
        }
    }
}

/// One resource as JSON, without secrets unless they are asked for.
///
/// # Errors
/// When the descriptor pool lacks a type that the resource holds.
pub fn resource(resource: &Resource, show_secrets: bool) -> anyhow::Result<Value> {
    let name = resource.resource_type.message_name();
    let mut value = message_to_value(name, &resource.body)
        .with_context(|| format!("{name} {}", resource.name))?;
    if !show_secrets {
        redact(&mut value);
    }
    Ok(value)
}

/// The resources of one kind, by name.
///
/// # Errors
/// As [`resource`].
pub fn resources(snapshot: &Snapshot, kind: Kind, show_secrets: bool) -> anyhow::Result<Value> {
    let resources = snapshot.resources(kind.resource_type()).values();
    resources.map(|it| resource(it, show_secrets)).collect()
}

/// All kinds that have resources, each under `title` of it.
///
/// # Errors
/// As [`resource`].
pub fn sections(
    snapshot: &Snapshot,
    kinds: &[Kind],
    title: fn(Kind) -> &'static str,
    show_secrets: bool,
) -> anyhow::Result<Map<String, Value>> {
    let mut sections = Map::new();
    for kind in kinds {
        let resources = resources(snapshot, *kind, show_secrets)?;
        if resources.as_array().is_some_and(|list| !list.is_empty()) {
            sections.insert(title(*kind).to_owned(), resources);
        }
    }
    Ok(sections)
}
