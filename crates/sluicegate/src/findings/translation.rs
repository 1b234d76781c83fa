// SPDX-License-Identifier: Apache-2.0
//! Findings about backends as a whole and about resources that Envoy would refuse.
//!
//! In: closed Backends, and what translation held back. Out: diagnostics at the object that the
//! resource was made of.

use std::sync::Arc;

use sluicegate_attach::{Backend, BackendSource};
use sluicegate_manifest::{Diagnostic, Severity};
use sluicegate_resource::kgateway::BackendType;
use sluicegate_snapshot::ResourceType;
use sluicegate_translate::{Refused, names};

use super::{
    codes,
    place::{about, name},
};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for backend in round.graph.backends.values() {
        found.extend(unusable(backend));
    }
    for refused in &round.translation.refused {
        found.push(held_back(round, refused));
    }
}

/// Other reasons to close a backend lie in a policy, and are told there.
fn unusable(backend: &Backend) -> Option<Diagnostic> {
    let BackendSource::Backend { object, groups } = &backend.source else {
        return None;
    };
    let own = matches!(object.spec.backend_type, BackendType::PriorityGroups(_))
        && groups.iter().all(Vec::is_empty);
    let reason = backend.closed.as_ref().filter(|_| own)?;
    let path = sluicegate_manifest::FieldPath::dotted("spec.priorityGroups");
    let words = (codes::of("UnusableBackend"), reason.clone());
    Some(about(object, &path, Severity::Error, words))
}

fn held_back(round: &Round, refused: &Refused) -> Diagnostic {
    let words = (
        codes::of("RefusedResource"),
        format!(
            "{} {}: {}",
            kind(refused.resource_type),
            refused.name,
            refused.message
        ),
    );
    let backend = round
        .graph
        .backends
        .values()
        .find(|backend| names::cluster(&backend.key) == refused.name);
    let diagnostic = match backend {
        Some(backend) => about_backend(backend, words),
        None if round.translation.variants.policy(&refused.name).is_some() => {
            let policy = round.translation.variants.policy(&refused.name);
            let policy = policy.map(ToString::to_string).unwrap_or_default();
            Diagnostic::new(words.0, Severity::Error, words.1).about(policy)
        }
        None => Diagnostic::new(words.0, Severity::Error, words.1),
    };
    diagnostic.note("Envoy would refuse the whole update; only this resource is left out.")
}

fn about_backend(backend: &Arc<Backend>, words: (&'static str, String)) -> Diagnostic {
    let policies: Vec<String> = backend
        .bound
        .iter()
        .map(|policy| policy.reference().to_string())
        .collect();
    let diagnostic = match &backend.source {
        BackendSource::Backend { object, .. } => about(object, &name(), Severity::Error, words),
        BackendSource::Service { object, .. } => about(object, &name(), Severity::Error, words),
        BackendSource::ServiceEntry { object, .. } => {
            about(object, &name(), Severity::Error, words)
        }
    };
    if policies.is_empty() {
        diagnostic
    } else {
        diagnostic.note(format!("Policies in force there: {}.", policies.join(", ")))
    }
}

fn kind(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Cluster => "cluster",
        ResourceType::Endpoint => "endpoints of",
        ResourceType::Listener => "listener",
        ResourceType::Route => "routes",
        ResourceType::Secret => "secret",
    }
}
