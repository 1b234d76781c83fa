// SPDX-License-Identifier: Apache-2.0
//! Which leaf of which policy is in force for a cluster or a rule.
//!
//! In: a backend or a rule with the policies on it. Out: each leaf in force with its document, its
//! path as its author wrote it, and the Envoy field that it becomes.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value as Json;
use sluicegate_attach::{
    Backend, ON_ROUTE, ResolvedRule, RowVerdict, TrafficPolicy, weigh, without_effect,
};
use sluicegate_manifest::{Document, FieldPath, Node, Value};
use sluicegate_resource::{ObjectRef, gateway::Carried};
use sluicegate_translate::fields::envoy_field_of_traffic;

use super::{
    setting::{field_of, leaves},
    traffic::is_own,
};

/// A leaf that is in force.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The policy.
    pub(crate) policy: ObjectRef,
    /// Its document.
    pub(crate) document: Arc<Document>,
    /// Where the leaf is in it.
    pub(crate) path: FieldPath,
    /// The field of Envoy's Cluster or Route that it becomes, or of the block that it is part of.
    pub(crate) envoy_field: Option<&'static str>,
}

impl Leaf {
    /// Its value, as written.
    pub(crate) fn value(&self) -> Json {
        let node = self.document.root.at(&self.path);
        node.map_or(Json::Null, Node::to_json)
    }
}

/// The leaves that make the cluster of `backend` what it is, under the policies of its traffic.
pub(crate) fn of_cluster(backend: &Backend, traffic: &[(&TrafficPolicy, Carried)]) -> Vec<Leaf> {
    let mut found = Vec::new();
    let mut beaten = BTreeSet::new();
    for (policy, carried) in traffic {
        for weighed in weigh(policy, backend, *carried) {
            let RowVerdict::InForce(loser) = weighed.verdict else {
                continue;
            };
            beaten.extend(loser.map(|side| (side.policy.reference().clone(), side.path)));
            found.extend(of_setting(policy, weighed.row.name()));
        }
    }
    for (unit, winner) in backend.policy.winners() {
        let policy = winner.policy.reference();
        let depth = winner.path.segments().len();
        let leaves = leaves(&winner.policy.document, &winner.path);
        let kept = leaves.into_iter().filter(|(path, _)| {
            let lost = |(by, above): &(ObjectRef, FieldPath)| {
                by == policy && path.segments().starts_with(above.segments())
            };
            !beaten.iter().any(lost)
        });
        found.extend(kept.map(|(path, _)| Leaf {
            policy: policy.clone(),
            document: winner.policy.document.clone(),
            envoy_field: field_of(unit, &path.segments()[depth..]),
            path,
        }));
    }
    found
}

/// The leaves that `policy` adds to a rule.
pub(crate) fn of_rule(policy: &TrafficPolicy, rule: &ResolvedRule, carried: Carried) -> Vec<Leaf> {
    let names = ON_ROUTE.into_iter();
    let here = names.filter(|it| without_effect(it, carried).is_none() && !is_own(it, rule));
    here.flat_map(|name| of_setting(policy, name)).collect()
}

/// The leaves of a setting; a block that two policies write is merged, and has leaves of both.
fn of_setting(policy: &TrafficPolicy, name: &str) -> Vec<Leaf> {
    let mut found: Vec<Leaf> = Vec::new();
    for by in std::iter::once(&policy.own).chain(&policy.parent) {
        let Some(path) = by.policy.written(name) else {
            continue;
        };
        for (leaf, _) in leaves(&by.policy.document, &path) {
            if found.iter().all(|it| it.path != leaf) {
                found.push(Leaf {
                    policy: by.policy.reference().clone(),
                    document: by.policy.document.clone(),
                    path: leaf,
                    envoy_field: envoy_field_of_traffic(name),
                });
            }
        }
        let is_block = |node: &Node| matches!(node.value, Value::Mapping(_));
        if !by.policy.document.root.at(&path).is_some_and(is_block) {
            break;
        }
    }
    found
}
