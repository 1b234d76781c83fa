// SPDX-License-Identifier: Apache-2.0
//! The facts about BackendTrafficPolicies on a rule or a backend.
//!
//! In: a rule as it is attached, or a backend. Out: the policy in force, what it replaces and why,
//! and what became of each of its settings.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value as Json;
use sluicegate_attach::{
    AppliedTraffic, AttachedRoute, Backend, BackendSide, ON_ROUTE, Ranked, ResolvedBackend,
    ResolvedRule, RowVerdict, Source, TrafficPolicy, all_without_effect, verdict::TrafficVerdict,
    weigh, without_effect,
};
use sluicegate_manifest::FieldPath;
use sluicegate_resource::{codes, gateway::Carried};
use sluicegate_translate::fields::envoy_field_of_traffic;

use super::{
    name::text,
    route::{RuleFacts, outcome},
    setting::below_spec,
};
use crate::pipeline::Round;

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

/// What became of a setting.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficSetting {
    /// Path below `spec`, as written.
    pub field: String,
    /// The value, as written.
    pub value: Json,
    /// `file:line`.
    pub source: String,
    /// The policy that sets it.
    pub policy: String,
    /// The backend; none for what concerns the route.
    pub backend: Option<String>,
    /// The field of Envoy's Cluster or Route that it becomes.
    pub envoy_field: Option<&'static str>,
    /// `in force`, `lost`, `no effect` or `not enforced`.
    pub state: &'static str,
    /// Whom it beat or lost to, and by which rule; why it has no effect; what happens instead.
    pub detail: String,
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
                it.field == name && it.state == "in force" && it.backend.as_deref() == backend
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

const REQUEST_TIMEOUT: &str = "timeout.http.requestTimeout";

/// Whether a route has a setting of its own, which is more specific than any policy.
pub(super) fn is_own(setting: &str, rule: &ResolvedRule) -> bool {
    let rule = &rule.rule;
    match setting {
        REQUEST_TIMEOUT => {
            rule.timeouts.request.is_some()
                || rule.timeouts.backend_request.is_some() && rule.retry.is_none()
        }
        "retry" => rule.retry.is_some(),
        _ => false,
    }
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

/// Settings of the route, and those that do nothing for what it carries.
fn on_route(policy: &TrafficPolicy, rule: &ResolvedRule, carried: Carried) -> Vec<TrafficSetting> {
    let idle = all_without_effect(policy, carried);
    let here = ON_ROUTE
        .into_iter()
        .filter(|name| without_effect(name, carried).is_none());
    let here = here.filter_map(|name| {
        let source = policy.source(name)?;
        let verdict = match is_own(name, rule) {
            true => (
                "lost",
                "to the route itself, which is more specific".to_owned(),
            ),
            false => ("in force", String::new()),
        };
        Some(setting((name, &source), None, verdict))
    });
    let idle = idle.into_iter().filter_map(|(name, reason)| {
        let source = policy.source(name)?;
        Some(setting((name, &source), None, ("no effect", reason)))
    });
    here.chain(idle).collect()
}

/// Settings that are read and checked only.
fn not_enforced(policy: &TrafficPolicy) -> impl Iterator<Item = TrafficSetting> {
    let own = &policy.own.policy.document.root;
    let policies = std::iter::once(&policy.own).chain(&policy.parent);
    let found = policies.flat_map(|by| by.policy.warnings().map(move |it| (by, it)));
    let found = found.filter(|(_, it)| it.code == codes::NOT_ENFORCED);
    let found = found.filter(move |(by, it)| {
        by.policy.reference() == policy.own.policy.reference() || own.at(&it.path).is_none()
    });
    found.map(|(by, it)| {
        let source = Source {
            by: by.clone(),
            path: it.path.clone(),
        };
        let (_, reason) = it.message.split_once(": ").unwrap_or_default();
        setting(("", &source), None, ("not enforced", reason.to_owned()))
    })
}

fn on_backend(policy: &TrafficPolicy, backend: &Backend, carried: Carried) -> Vec<TrafficSetting> {
    let weighed = weigh(policy, backend, carried).into_iter();
    let settings = weighed.map(|it| {
        let rule = it.row.class().rule();
        let verdict = match &it.verdict {
            RowVerdict::InForce(None) => ("in force", String::new()),
            RowVerdict::InForce(Some(side)) => {
                ("in force", format!("beats {}: {rule}", shown(side)))
            }
            RowVerdict::Lost(side) => ("lost", format!("to {}: {rule}", shown(side))),
            RowVerdict::NoEffect(reason) => ("no effect", reason.clone()),
        };
        let named = (it.row.name(), &it.source);
        setting(named, Some(text(&backend.key)), verdict)
    });
    settings.collect()
}

fn shown(side: &BackendSide) -> String {
    let value = side.policy.document.root.at(&side.path);
    let value = value.map_or(Json::Null, sluicegate_manifest::Node::to_json);
    format!(
        "{} ({}), which has {} {}",
        side.policy.reference(),
        side.policy.document.place(&side.path),
        below_spec(&side.path),
        words(&value),
    )
}

fn setting(
    (name, source): (&str, &Source),
    backend: Option<String>,
    (state, detail): (&'static str, String),
) -> TrafficSetting {
    let policy = &source.by.policy;
    let node = policy.document.root.at(&source.path);
    TrafficSetting {
        field: below_spec(&source.path),
        value: node.map_or(Json::Null, sluicegate_manifest::Node::to_json),
        source: policy.document.place(&source.path),
        policy: policy.reference().to_string(),
        backend,
        envoy_field: envoy_field_of_traffic(name),
        state,
        detail,
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

/// A value as people read it.
fn words(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
