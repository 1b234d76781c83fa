// SPDX-License-Identifier: Apache-2.0
//! The facts about one backend.
//!
//! In: a backend of the graph. Out: every unit that a policy sets, with its values, sources and
//! losers; what nobody sets; doubts; and whether the backend is closed.

use serde::Serialize;
use sluicegate_attach::{AttachedRoute, Backend, ProtocolClass, Unit, Winner};
use sluicegate_resource::{Object, kgateway::BackendConfigPolicy};
use sluicegate_translate::names;

use super::{
    defaults::{self, Default},
    name::text,
    precedence::why,
    setting::{Setting, below_spec, settings},
    traffic::{self, TrafficFacts},
    uses::Uses,
};
use crate::pipeline::Round;

/// What `explain backend` says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendFacts {
    /// `namespace/name:port`.
    pub name: String,
    /// Kind, namespace and name of the object.
    pub object: String,
    /// Name of the Envoy cluster.
    pub cluster: String,
    /// How it speaks HTTP.
    pub protocol: &'static str,
    /// Why routes to it answer 500, when they do.
    pub closed: Option<String>,
    /// The BackendTLSPolicy that secures it.
    pub tls_policy: Option<String>,
    /// Routes that send requests there.
    pub routes: Vec<String>,
    /// Units that policies set.
    pub units: Vec<UnitFacts>,
    /// Policies that are bound and contribute nothing because they are invalid.
    pub invalid: Vec<InvalidPolicy>,
    /// Doubts about settings that are in force.
    pub warnings: Vec<Doubt>,
    /// BackendTrafficPolicies of routes that lead there.
    pub traffic: Vec<TrafficFacts>,
    /// What no policy sets.
    pub defaults: Vec<Default>,
}

/// One unit with its winner.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitFacts {
    /// The unit in today's spelling.
    pub unit: &'static str,
    /// The policy that sets it.
    pub policy: String,
    /// Why it has no effect on this backend, when it has none.
    pub without_effect: Option<String>,
    /// Its values.
    pub settings: Vec<Setting>,
    /// Policies that set it, too, and lost, in order of precedence.
    pub beaten: Vec<BeatenPolicy>,
}

/// A policy that lost a unit.
#[derive(Debug, Clone, Serialize)]
pub struct BeatenPolicy {
    /// The policy.
    pub policy: String,
    /// `file:line`.
    pub source: String,
    /// What it would have set.
    pub settings: Vec<Setting>,
    /// Why it lost.
    pub why: String,
}

/// A policy that contributes nothing.
#[derive(Debug, Clone, Serialize)]
pub struct InvalidPolicy {
    /// The policy.
    pub policy: String,
    /// `file:line`.
    pub source: String,
    /// Why, one sentence each.
    pub errors: Vec<String>,
}

/// A doubt about a setting.
#[derive(Debug, Clone, Serialize)]
pub struct Doubt {
    /// Reason in CamelCase.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
    /// Path below `spec`, as written.
    pub field: String,
    /// `file:line`.
    pub source: String,
}

/// The facts about `backend`.
pub fn facts(round: &Round, backend: &Backend) -> BackendFacts {
    facts_with(round, backend, &Uses::of_one(round, &backend.key))
}

/// The same, for who knows the routes already.
pub fn facts_with(round: &Round, backend: &Backend, uses: &Uses<'_>) -> BackendFacts {
    let uses = uses.routes(&backend.key);
    let policy = &backend.policy;
    let in_force = policy
        .winners()
        .map(|(unit, winner)| unit_facts(backend, unit, winner, None));
    let mut units: Vec<(Unit, UnitFacts)> = in_force.collect();
    for (unit, (winner, reason)) in &policy.without_effect {
        units.push(unit_facts(backend, *unit, winner, Some(reason)));
    }
    units.sort_by_key(|(unit, _)| *unit);
    let units: Vec<UnitFacts> = units.into_iter().map(|(_, facts)| facts).collect();
    let effective: Vec<&Setting> = units
        .iter()
        .filter(|unit| unit.without_effect.is_none())
        .flat_map(|unit| &unit.settings)
        .collect();
    let defaults = defaults::of_backend(backend, &effective);
    BackendFacts {
        name: text(&backend.key),
        object: backend.key.object.to_string(),
        cluster: names::cluster(&backend.key),
        protocol: protocol(backend.protocol),
        closed: backend.closed.clone(),
        tls_policy: backend
            .tls_policy
            .as_ref()
            .map(|policy| policy.policy.reference().to_string()),
        routes: routes(uses),
        invalid: invalid(round, backend),
        warnings: doubts(backend),
        traffic: traffic::of_backend(round, backend, uses),
        units,
        defaults,
    }
}

fn unit_facts(
    backend: &Backend,
    unit: Unit,
    winner: &Winner,
    without_effect: Option<&String>,
) -> (Unit, UnitFacts) {
    let mut values = settings(&winner.policy, unit, &winner.path);
    let filled_in = defaults::of_api(&backend.policy, unit, &winner.path, &values);
    // An empty block stands for what is filled in.
    values.retain(|setting| {
        let block = format!("{}.", setting.field);
        !filled_in.iter().any(|it| it.field.starts_with(&block))
            || setting.value != serde_json::json!({})
    });
    values.extend(filled_in);
    let beaten = winner.beaten.iter().map(|beaten| BeatenPolicy {
        policy: beaten.policy.reference().to_string(),
        source: beaten.policy.document.place(&beaten.path),
        settings: settings(&beaten.policy, unit, &beaten.path),
        why: why(&winner.policy, &beaten.policy),
    });
    let facts = UnitFacts {
        unit: unit.name(),
        policy: winner.policy.reference().to_string(),
        without_effect: without_effect.cloned(),
        settings: values,
        beaten: beaten.collect(),
    };
    (unit, facts)
}

fn invalid(round: &Round, backend: &Backend) -> Vec<InvalidPolicy> {
    let errors_of = |policy: &Object<BackendConfigPolicy>| {
        let verdicts = &round.graph.policies;
        let verdict = verdicts
            .iter()
            .find(|verdict| verdict.policy.reference() == policy.reference());
        verdict
            .map(|verdict| verdict.errors.clone())
            .unwrap_or_default()
    };
    let name = sluicegate_manifest::FieldPath::dotted("metadata.name");
    let bound = backend.bound.iter().map(|policy| InvalidPolicy {
        policy: policy.reference().to_string(),
        source: policy.document.place(&name),
        errors: errors_of(policy),
    });
    bound.filter(|policy| !policy.errors.is_empty()).collect()
}

fn doubts(backend: &Backend) -> Vec<Doubt> {
    let doubts = backend
        .policy
        .warnings
        .iter()
        .filter_map(|(unit, warning)| {
            let winner = backend.policy.winner(*unit)?;
            Some(Doubt {
                reason: warning.reason,
                message: warning.message.clone(),
                field: below_spec(&warning.path),
                source: winner.policy.document.place(&warning.path),
            })
        });
    doubts.collect()
}

/// Routes that are accepted somewhere and send a share of their requests there.
fn routes(uses: &[&AttachedRoute]) -> Vec<String> {
    let names = uses.iter().map(|it| it.route.reference().to_string());
    let mut routes: Vec<String> = names.collect();
    routes.sort();
    routes.dedup();
    routes
}

fn protocol(class: ProtocolClass) -> &'static str {
    match class {
        ProtocolClass::Http1 => "HTTP/1.1",
        ProtocolClass::Http2 => "HTTP/2",
        ProtocolClass::WebSocket => "HTTP/1.1 with WebSocket",
    }
}
