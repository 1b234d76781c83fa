// SPDX-License-Identifier: Apache-2.0
//! Targets of BackendTrafficPolicies, and who holds each.
//!
//! In: the store. Out: every policy, oldest first, with its places; for each place the policy that
//! holds it. Later policies of a place are in conflict and have no effect there.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Metadata, Object, ObjectRef, Store,
    envoygateway::{
        BackendTrafficPolicy,
        backend_traffic_policy::{SelectedTarget, TargetKind, TargetNamespaces, TargetReference},
    },
    gateway::NamespaceSelector,
};

use super::bodies::{Bodies, bodies};
use crate::{
    grants::{GATEWAY_API, Referrer, permitted_to},
    parents::selects,
    verdict::Outcome,
};

/// What a policy is attached to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// A Gateway, a ListenerSet or a route.
    pub(super) object: ObjectRef,
    /// A listener or a rule of it.
    pub(super) section: Option<String>,
}

/// A policy with its places.
#[derive(Debug)]
pub(super) struct BoundTraffic {
    pub(super) policy: Arc<Object<BackendTrafficPolicy>>,
    /// Why it contributes nothing, `path: sentence` each; empty when it is valid.
    pub(super) errors: Vec<String>,
    /// In the order of the policy, each with what became of it.
    pub(super) places: Vec<(Place, Outcome)>,
    pub(super) unmatched_selectors: Vec<FieldPath>,
    /// Texts of ConfigMaps that it refers to.
    pub(super) bodies: Bodies,
}

impl BoundTraffic {
    /// Whether it is Invalid and asks for PROXY headers: its traffic is refused rather than sent
    /// without them.
    pub(super) fn closes(&self) -> bool {
        !self.errors.is_empty() && self.policy.spec.secures_connection
    }
}

/// All policies.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// Oldest first.
    pub(super) policies: Vec<BoundTraffic>,
    holders: BTreeMap<Place, usize>,
}

impl Bound {
    /// The policy that holds a place, by index.
    pub(super) fn holder(&self, object: &ObjectRef, section: Option<&str>) -> Option<usize> {
        let place = Place {
            object: object.clone(),
            section: section.map(str::to_owned),
        };
        self.holders.get(&place).copied()
    }
}

/// Finds every place of every policy.
pub(super) fn bind(store: &Store) -> Bound {
    let mut policies: Vec<BoundTraffic> = store
        .backend_traffic_policies
        .values()
        .map(|policy| bind_one(store, policy))
        .collect();
    policies.sort_by(|a, b| {
        let (a, b) = (&a.policy.metadata, &b.policy.metadata);
        a.age_order().cmp(&b.age_order())
    });
    let mut holders: BTreeMap<Place, usize> = BTreeMap::new();
    let mut conflicts: Vec<(usize, usize, ObjectRef)> = Vec::new();
    for (index, bound) in policies.iter().enumerate() {
        if !bound.errors.is_empty() && !bound.closes() {
            continue;
        }
        for (at, (place, outcome)) in bound.places.iter().enumerate() {
            if !outcome.is_ok() {
                continue;
            }
            let first = *holders.entry(place.clone()).or_insert(index);
            if first != index {
                conflicts.push((index, at, policies[first].policy.reference().clone()));
            }
        }
    }
    for (index, at, winner) in conflicts {
        let (place, outcome) = &mut policies[index].places[at];
        let message = format!("{} already has {winner}", described(place));
        *outcome = Outcome::No("Conflicted", message);
    }
    Bound { policies, holders }
}

/// `HTTPRoute a/b, section c`.
pub(super) fn described(place: &Place) -> String {
    match &place.section {
        Some(section) => format!("{}, section {section}", place.object),
        None => place.object.to_string(),
    }
}

fn bind_one(store: &Store, policy: &Arc<Object<BackendTrafficPolicy>>) -> BoundTraffic {
    let errors = policy
        .diagnostics
        .iter()
        .filter(|found| found.severity == sluicegate_manifest::Severity::Error);
    let mut bound = BoundTraffic {
        policy: policy.clone(),
        errors: errors
            .map(|error| format!("{}: {}", error.path, error.message))
            .collect(),
        places: Vec::new(),
        unmatched_selectors: Vec::new(),
        bodies: Bodies::new(),
    };
    match bodies(store, policy) {
        Ok(bodies) => bound.bodies = bodies,
        Err(errors) => bound.errors.extend(errors),
    }
    let namespace = policy.metadata.namespace();
    for target in &policy.spec.targets {
        bound.add(named(store, namespace, &target.value));
    }
    for target in &policy.spec.target_selectors {
        let found = selected(store, namespace, &target.value);
        if found.is_empty() {
            bound.unmatched_selectors.push(target.path.clone());
        }
        for object in found {
            let outcome = served(&object);
            let place = Place {
                object,
                section: None,
            };
            bound.add((place, outcome));
        }
    }
    bound
}

impl BoundTraffic {
    fn add(&mut self, found: (Place, Outcome)) {
        if self.places.iter().all(|(place, _)| *place != found.0) {
            self.places.push(found);
        }
    }
}

fn named(store: &Store, namespace: &str, target: &TargetReference) -> (Place, Outcome) {
    let object = ObjectRef::new(GATEWAY_API, target.kind.name(), namespace, &target.name);
    let place = Place {
        object,
        section: target.section_name.clone(),
    };
    let sections: Option<Vec<&str>> = match target.kind {
        TargetKind::Gateway => store.gateways.get(&place.object).map(|gateway| {
            let listeners = gateway.spec.listeners.iter();
            listeners.map(|listener| listener.name.as_str()).collect()
        }),
        TargetKind::ListenerSet => store.listener_sets.get(&place.object).map(|set| {
            let listeners = set.spec.listeners.iter();
            listeners.map(|listener| listener.name.as_str()).collect()
        }),
        _ => store.routes.get(&place.object).map(|route| {
            let rules = route.spec.rules.iter();
            rules.filter_map(|rule| rule.name.as_deref()).collect()
        }),
    };
    let outcome = match (sections, &place.section) {
        (None, _) => {
            let message = format!("{} does not exist", place.object);
            Outcome::No("TargetNotFound", message)
        }
        (Some(sections), Some(section)) if !sections.contains(&section.as_str()) => {
            let message = format!("{} has no section {section}", place.object);
            Outcome::No("TargetNotFound", message)
        }
        _ => served(&place.object),
    };
    (place, outcome)
}

fn served(target: &ObjectRef) -> Outcome {
    match &*target.kind {
        "UDPRoute" => Outcome::No(
            "Unsupported",
            format!("{target}: UDPRoutes are not implemented"),
        ),
        _ => Outcome::Ok,
    }
}

fn selected(store: &Store, namespace: &str, target: &SelectedTarget) -> Vec<ObjectRef> {
    let chosen = |metadata: &&Metadata| {
        in_scope(store, namespace, &target.namespaces, metadata)
            && selects(&target.labels, &metadata.labels)
            && permitted_to(
                store,
                &Referrer::traffic_policy(namespace),
                &metadata.reference,
            )
    };
    let reference = |metadata: &Metadata| metadata.reference.clone();
    match target.kind {
        TargetKind::Gateway => {
            let all = store.gateways.values().map(|object| &object.metadata);
            all.filter(chosen).map(reference).collect()
        }
        TargetKind::ListenerSet => {
            let all = store.listener_sets.values().map(|object| &object.metadata);
            all.filter(chosen).map(reference).collect()
        }
        _ => {
            let all = store.routes.values().map(|object| &object.metadata);
            let all = all.filter(|metadata| *metadata.reference.kind == *target.kind.name());
            all.filter(chosen).map(reference).collect()
        }
    }
}

fn in_scope(
    store: &Store,
    namespace: &str,
    namespaces: &TargetNamespaces,
    metadata: &Metadata,
) -> bool {
    let labels_of = |selector: &NamespaceSelector| {
        let object = ObjectRef::new("", "Namespace", "", metadata.namespace());
        let found = store.namespaces.get(&object);
        found.is_some_and(|found| selects(selector, &found.metadata.labels))
    };
    match namespaces {
        TargetNamespaces::All => true,
        TargetNamespaces::Same => metadata.namespace() == namespace,
        TargetNamespaces::Selector(selector) => labels_of(selector),
    }
}
