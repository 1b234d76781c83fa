// SPDX-License-Identifier: Apache-2.0
//! What became of each BackendTrafficPolicy.
//!
//! In: policies with their places, routes with their parents, facts. Out: an entry per ancestor: the
//! Gateway or ListenerSet for a policy of one or of a route, the target itself where no Gateway is behind it,
//! nothing where another controller serves it.

use std::collections::BTreeMap;

use sluicegate_resource::{ObjectRef, Store, gateway::ParentRef};

use super::{
    apply::{Fact, What, accepted},
    bind::{Bound, BoundTraffic, Place},
};
use crate::{
    AttachedListenerSet, Gateway,
    grants::GATEWAY_API,
    verdict::{Outcome, RouteVerdict, TrafficAncestor, TrafficVerdict},
};

/// The Gateway, and the listener that is named.
type Key = (ObjectRef, Option<String>);

/// One verdict per policy, by reference.
pub(super) fn verdicts(
    bound: &Bound,
    store: &Store,
    gateways: &[Gateway],
    routes: &[RouteVerdict],
    facts: &[Fact],
) -> Vec<TrafficVerdict> {
    let mut of_policy: BTreeMap<usize, Vec<&Fact>> = BTreeMap::new();
    for fact in facts {
        of_policy.entry(fact.policy).or_default().push(fact);
    }
    let mut verdicts: Vec<TrafficVerdict> = bound
        .policies
        .iter()
        .enumerate()
        .map(|(index, policy)| {
            let facts = of_policy.remove(&index).unwrap_or_default();
            verdict(policy, store, gateways, routes, &facts)
        })
        .collect();
    verdicts.sort_by(|a, b| a.policy.reference().cmp(b.policy.reference()));
    verdicts
}

fn verdict(
    bound: &BoundTraffic,
    store: &Store,
    gateways: &[Gateway],
    routes: &[RouteVerdict],
    facts: &[&Fact],
) -> TrafficVerdict {
    let mut ancestors: BTreeMap<Key, Outcome> = BTreeMap::new();
    for (place, outcome) in &bound.places {
        let mut keys = ancestors_of(place, gateways, routes);
        let mut outcome = outcome.clone();
        if keys.is_empty() {
            if is_of_others(place, store, gateways) {
                continue;
            }
            keys.push((place.object.clone(), place.section.clone()));
            if outcome.is_ok() {
                let message = format!("{} belongs to no Gateway of ours", place.object);
                outcome = Outcome::No("TargetNotFound", message);
            }
        }
        if !bound.errors.is_empty() {
            outcome = Outcome::No("Invalid", bound.errors.join("; "));
        }
        for key in keys {
            // A policy may win one target of a Gateway and lose another: the loss is told.
            let known = ancestors.entry(key).or_default();
            if known.is_ok() {
                known.clone_from(&outcome);
            }
        }
    }
    let objects: Vec<ObjectRef> = ancestors.keys().map(|(object, _)| object.clone()).collect();
    TrafficVerdict {
        policy: bound.policy.clone(),
        ancestors: ancestors
            .into_iter()
            .map(|(key, outcome)| {
                let here = facts_of(&key, &objects, facts);
                ancestor(key, outcome, &here)
            })
            .collect(),
        unmatched_selectors: bound.unmatched_selectors.clone(),
        errors: bound.errors.clone(),
    }
}

/// Whether another controller serves it, which tells the policy's author more than we can.
fn is_of_others(place: &Place, store: &Store, gateways: &[Gateway]) -> bool {
    let theirs = |gateway: &ObjectRef| {
        let mut ours = gateways.iter().map(|it| it.object.reference());
        store.gateways.contains_key(gateway) && ours.all(|it| it != gateway)
    };
    let set_is_theirs = |set: &ObjectRef| {
        let set = store.listener_sets.get(set);
        set.is_some_and(|set| theirs(&set.spec.parent))
    };
    match &*place.object.kind {
        "Gateway" => theirs(&place.object),
        "ListenerSet" => set_is_theirs(&place.object),
        _ => store.routes.get(&place.object).is_some_and(|route| {
            let mut parents = route.spec.parent_refs.iter();
            parents.any(|parent| {
                let parent = parent_of(&place.object, parent);
                theirs(&parent) || set_is_theirs(&parent)
            })
        }),
    }
}

fn parent_of(route: &ObjectRef, parent: &ParentRef) -> ObjectRef {
    let namespace = parent.namespace.as_deref().unwrap_or(&route.namespace);
    ObjectRef::new(GATEWAY_API, &parent.kind, namespace, &parent.name)
}

fn ancestors_of(place: &Place, gateways: &[Gateway], routes: &[RouteVerdict]) -> Vec<Key> {
    if matches!(&*place.object.kind, "Gateway" | "ListenerSet") {
        let is_it = |set: &AttachedListenerSet| *set.object.reference() == place.object;
        let ours = gateways.iter().any(|gateway| {
            *gateway.object.reference() == place.object || gateway.listener_sets.iter().any(is_it)
        });
        return match ours {
            true => vec![(place.object.clone(), place.section.clone())],
            false => Vec::new(),
        };
    }
    let route = routes
        .iter()
        .find(|verdict| *verdict.route.reference() == place.object);
    let parents = route.into_iter().flat_map(|verdict| &verdict.parents);
    parents
        .map(|verdict| {
            let parent = &verdict.parent;
            let object = parent_of(&place.object, parent);
            (object, parent.section_name.clone())
        })
        .collect()
}

/// What became of the policy at an ancestor: a fact about a listener of a ListenerSet is told there,
/// or at the Gateway when the ListenerSet is no ancestor.
fn facts_of<'f>(
    (object, section): &Key,
    ancestors: &[ObjectRef],
    facts: &[&'f Fact],
) -> Vec<&'f Fact> {
    let facts = facts.iter().copied().filter(|fact| match section {
        Some(name) => fact.owner == *object && fact.listener == *name,
        None if ancestors.contains(&fact.owner) => fact.owner == *object,
        None => fact.gateway == *object,
    });
    facts.collect()
}

fn ancestor((object, section): Key, outcome: Outcome, here: &[&Fact]) -> TrafficAncestor {
    let accepted = match outcome {
        Outcome::Ok => accepted(here),
        no => no,
    };
    let mut verdict = TrafficAncestor {
        ancestor: object,
        section,
        accepted,
        overridden: Vec::new(),
        merged: Vec::new(),
        warnings: Vec::new(),
    };
    for fact in here {
        match &fact.what {
            What::Invalid(_) => {}
            What::Merged(words) => push(&mut verdict.merged, words),
            What::Overridden(words) => push(&mut verdict.overridden, words),
            What::Warning(warning) => push(&mut verdict.warnings, warning),
        }
    }
    verdict
}

fn push<T: Clone + PartialEq>(list: &mut Vec<T>, item: &T) {
    if !list.contains(item) {
        list.push(item.clone());
    }
}
