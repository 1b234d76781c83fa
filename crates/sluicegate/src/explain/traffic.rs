// SPDX-License-Identifier: Apache-2.0
//! The facts about BackendTrafficPolicies on a rule or a backend.
//!
//! In: a rule as it is attached, or a backend. Out: the policy in force, what it replaces and why,
//! and what became of each of its settings.

mod setting;

use std::collections::BTreeSet;

use serde::Serialize;
use sluicegate_attach::{
    AppliedTraffic, AttachedRoute, Backend, Ranked, ResolvedBackend, ResolvedRule,
    verdict::TrafficVerdict,
};
use sluicegate_manifest::FieldPath;
use sluicegate_resource::gateway::Carried;

use super::route::{RuleFacts, outcome};
use crate::pipeline::Round;
pub use setting::TrafficSetting;
pub(super) use setting::is_own;
use setting::{REQUEST_TIMEOUT, not_enforced, on_backend, on_route, words};

/// The policy in force for a rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficFacts {
    /// `Gateway namespace/name, listener` (or `ListenerSet …`) of each listener where it is so; for a backend, the routes.
    pub listeners: Vec<String>,
    /// The policy.
    pub policy: RankedPolicy,
    /// What it is merged with.
    pub merged_with: Option<RankedPolicy>,
    /// Less specific policies that it replaces as a whole.
    pub replaces: Vec<RankedPolicy>,
    /// Why every request is answered 500, or every connection closed, when it is.
    pub closed: Option<String>,
    /// What became of its settings.
    pub settings: Vec<TrafficSetting>,
    /// The cluster of each backend.
    pub clusters: Vec<String>,
}

/// A policy where it is attached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedPolicy {
    /// Kind, namespace and name.
    pub policy: String,
    /// `rule`, `route`, `listener`, `ListenerSet` or `Gateway`.
    pub rank: String,
    /// `file:line`.
    pub source: String,
}

/// What `explain policy` says about a BackendTrafficPolicy.
#[derive(Debug, Clone, Serialize)]
pub struct TrafficPolicyFacts {
    /// `namespace/name`.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// Why it contributes nothing; empty when it is valid.
    pub errors: Vec<String>,
    /// What decoding found doubtful, as settings that change no traffic yet.
    pub warnings: Vec<String>,
    /// What became of it at each ancestor.
    pub ancestors: Vec<AncestorFacts>,
}

/// What became of a policy at an ancestor.
#[derive(Debug, Clone, Serialize)]
pub struct AncestorFacts {
    /// The Gateway, with the listener, or the target itself.
    pub ancestor: String,
    /// `Accepted`, or the reason why not, with a sentence.
    pub accepted: String,
    /// What replaced it, or beat one of its settings.
    pub overridden: Vec<String>,
    /// What it is merged with or into.
    pub merged: Vec<String>,
    /// Doubts.
    pub warnings: Vec<String>,
}

/// The facts about a policy.
pub fn policy(verdict: &TrafficVerdict) -> TrafficPolicyFacts {
    let policy = &verdict.policy;
    let ancestors = verdict.ancestors.iter().map(|it| AncestorFacts {
        ancestor: match &it.section {
            Some(section) => format!("{}, {section}", it.ancestor),
            None => it.ancestor.to_string(),
        },
        accepted: outcome(&it.accepted, "Accepted"),
        overridden: it.overridden.clone(),
        merged: it.merged.clone(),
        warnings: it
            .warnings
            .iter()
            .map(|it| format!("{} {}: {}", it.reason, it.path, it.message))
            .collect(),
    });
    TrafficPolicyFacts {
        name: format!("{}/{}", policy.metadata.namespace(), policy.metadata.name()),
        source: policy.document.place(&FieldPath::dotted("metadata.name")),
        errors: verdict.errors.clone(),
        warnings: policy
            .warnings()
            .map(|it| format!("{}: {}", it.path, it.message))
            .collect(),
        ancestors: ancestors.collect(),
    }
}

/// Puts what policies set into the limits of a rule.
pub(super) fn refine(rule: &mut RuleFacts, resolved: &ResolvedRule) {
    if rule.traffic.is_empty() {
        return;
    }
    let all = &rule.traffic;
    if let Some(limit) = rule
        .timeout
        .as_mut()
        .filter(|_| !is_own(REQUEST_TIMEOUT, resolved))
        && let Some(time) = agreed(all, REQUEST_TIMEOUT, None, limit)
    {
        *limit = time;
    }
    for (index, backend) in rule.backends.iter_mut().enumerate() {
        let set = |now: &mut Option<String>, name| {
            let before = now.clone().unwrap_or_default();
            if let Some(time) = agreed(all, name, Some(&backend.backend), &before) {
                *now = Some(time);
            }
        };
        set(&mut backend.connect_timeout, "timeout.tcp.connectTimeout");
        set(
            &mut backend.idle_timeout,
            "timeout.http.connectionIdleTimeout",
        );
        // Broken references have no cluster, and no place in the list.
        let broken = resolved.backends[..index]
            .iter()
            .filter(|it| it.key.is_none());
        let at = index - broken.count();
        let clusters: BTreeSet<&String> = all.iter().filter_map(|it| it.clusters.get(at)).collect();
        if backend.cluster.is_some() && !clusters.is_empty() {
            let clusters = clusters.into_iter().map(String::as_str);
            backend.cluster = Some(clusters.collect::<Vec<_>>().join(" or "));
        }
    }
}

/// The value of a setting in force on every listener, or all values; `before` is what holds where
/// nobody sets it. `None` when nobody does.
fn agreed(all: &[TrafficFacts], name: &str, backend: Option<&str>, before: &str) -> Option<String> {
    let values: BTreeSet<Option<String>> = all
        .iter()
        .map(|facts| {
            let mut settings = facts.settings.iter();
            let found = settings.find(|it| {
                it.field == name && it.is_in_force() && it.backend.as_deref() == backend
            });
            found.map(|it| format!("{} ({})", words(&it.value), it.policy))
        })
        .collect();
    if values.iter().all(Option::is_none) {
        return None;
    }
    let values = values
        .into_iter()
        .map(|it| it.unwrap_or_else(|| before.to_owned()));
    Some(values.collect::<Vec<_>>().join(" or "))
}

/// The policies in force for the rule `index` of a route, listeners with the same facts together.
pub(super) fn of_rule(round: &Round, route: &str, index: usize) -> Vec<TrafficFacts> {
    let mut found: Vec<TrafficFacts> = Vec::new();
    for gateway in &round.graph.gateways {
        for listener in &gateway.listeners {
            let named = |it: &&AttachedRoute| it.route.reference().to_string() == route;
            let Some(attached) = listener.routes.iter().find(named) else {
                continue;
            };
            let rule = attached.rules.get(index);
            let applied = attached.traffic.get(index).and_then(Option::as_ref);
            let (Some(rule), Some(applied)) = (rule, applied) else {
                continue;
            };
            let carried = attached.route.spec.carried;
            let mut facts = facts(round, (rule, carried), applied);
            let same = found.iter_mut().find(|it| {
                facts.listeners.clone_from(&it.listeners);
                **it == facts
            });
            let name = format!("{}, {}", listener.owner, listener.spec.name);
            match same {
                Some(same) => same.listeners.push(name),
                None => {
                    facts.listeners = vec![name];
                    found.push(facts);
                }
            }
        }
    }
    found
}

fn facts(
    round: &Round,
    (rule, carried): (&ResolvedRule, Carried),
    applied: &AppliedTraffic,
) -> TrafficFacts {
    let policy = &*applied.policy;
    let keys = rule.backends.iter().filter_map(|it| it.key.as_ref());
    let backends = keys.filter_map(|key| round.graph.backends.get(key));
    let backends: Vec<&Backend> = backends.map(|backend| &**backend).collect();
    let mut settings = on_route(policy, rule, carried);
    settings.extend(not_enforced(policy));
    settings.extend(
        backends
            .iter()
            .flat_map(|backend| on_backend(policy, backend, carried)),
    );
    let cluster = |backend: &&Backend| {
        round
            .translation
            .variants
            .cluster(&backend.key, Some(policy))
    };
    TrafficFacts {
        listeners: Vec::new(),
        policy: ranked(&policy.own),
        merged_with: policy.parent.as_ref().map(ranked),
        replaces: applied.replaced.iter().map(ranked).collect(),
        closed: policy.closed.clone(),
        settings,
        clusters: backends.iter().map(cluster).collect(),
    }
}

fn ranked(it: &Ranked) -> RankedPolicy {
    RankedPolicy {
        policy: it.policy.reference().to_string(),
        rank: it.rank.to_string(),
        source: it
            .policy
            .document
            .place(&FieldPath::dotted("metadata.name")),
    }
}

/// Every place where a BackendTrafficPolicy concerns connections to `backend`, the same facts once.
pub(super) fn of_backend(
    round: &Round,
    backend: &Backend,
    uses: &[&AttachedRoute],
) -> Vec<TrafficFacts> {
    let mut found: Vec<TrafficFacts> = Vec::new();
    for attached in uses {
        for (rule, applied) in attached.rules.iter().zip(&attached.traffic) {
            let here = |it: &&ResolvedBackend| it.key.as_ref() == Some(&backend.key);
            let Some(applied) = applied
                .as_ref()
                .filter(|_| rule.backends.iter().any(|it| here(&it)))
            else {
                continue;
            };
            let policy = &*applied.policy;
            let one = TrafficFacts {
                listeners: vec![attached.route.reference().to_string()],
                policy: ranked(&policy.own),
                merged_with: policy.parent.as_ref().map(ranked),
                replaces: Vec::new(),
                closed: policy.closed.clone(),
                settings: on_backend(policy, backend, attached.route.spec.carried),
                clusters: vec![
                    round
                        .translation
                        .variants
                        .cluster(&backend.key, Some(policy)),
                ],
            };
            let same = found.iter_mut().find(|it| {
                TrafficFacts {
                    listeners: it.listeners.clone(),
                    ..one.clone()
                } == **it
            });
            match same {
                Some(same) if same.listeners.contains(&one.listeners[0]) => {}
                Some(same) => same.listeners.extend(one.listeners),
                None => found.push(one),
            }
        }
    }
    found
}
