// SPDX-License-Identifier: Apache-2.0
//! The facts about one BackendConfigPolicy.
//!
//! In: its verdict and the graph. Out: its targets, and per backend the units that it won, lost, or
//! set in vain.

use std::sync::Arc;

use serde::Serialize;
use sluicegate_attach::{
    Backend, Unit, Winner,
    verdict::{Attachment, PolicyVerdict},
};
use sluicegate_manifest::FieldPath;

use super::{backend::Doubt, name::text, precedence::why, route::outcome, setting::below_spec};
use crate::pipeline::Round;

/// What `explain policy` says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFacts {
    /// `namespace/name`.
    pub name: String,
    /// `file:line`.
    pub source: String,
    /// `kgateway.dev/policy-weight`.
    pub weight: i64,
    /// Why it contributes nothing; empty when it is valid.
    pub errors: Vec<String>,
    /// Its targets.
    pub targets: Vec<TargetFacts>,
    /// Selectors that select nothing.
    pub unmatched_selectors: Vec<String>,
    /// What it does on each backend.
    pub backends: Vec<ShareFacts>,
    /// Doubts, over all targets.
    pub warnings: Vec<Doubt>,
}

/// One target.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetFacts {
    /// The object.
    pub target: String,
    /// `Valid`, or the reason why not, with a sentence.
    pub accepted: String,
    /// `Attached`, `Merged`, `Overridden` or `Pending`.
    pub attached: &'static str,
    /// The BackendTLSPolicy that replaces `tls` there.
    pub tls_overridden_by: Option<String>,
}

/// What the policy does on one backend.
#[derive(Debug, Clone, Serialize)]
pub struct ShareFacts {
    /// `namespace/name:port`.
    pub backend: String,
    /// Why routes to it answer 500, when they do.
    pub closed: Option<String>,
    /// One per unit that the policy sets.
    pub units: Vec<UnitShare>,
}

/// What became of one unit.
#[derive(Debug, Clone, Serialize)]
pub struct UnitShare {
    /// The unit in today's spelling.
    pub unit: &'static str,
    /// `in force`, `lost` or `no effect`.
    pub state: &'static str,
    /// To whom and why, or why it has no effect; whom it beat, when it is in force.
    pub detail: String,
}

/// The facts about a policy.
pub fn facts(round: &Round, verdict: &PolicyVerdict) -> PolicyFacts {
    let policy = &verdict.policy;
    let metadata = &policy.metadata;
    let targets = verdict.ancestors.iter().map(|ancestor| TargetFacts {
        target: ancestor.ancestor.to_string(),
        accepted: outcome(&ancestor.accepted, "Valid"),
        attached: match ancestor.attachment {
            Attachment::Attached => "Attached",
            Attachment::Merged => "Merged",
            Attachment::Overridden => "Overridden",
            Attachment::Pending => "Pending",
        },
        tls_overridden_by: ancestor.overridden_by.clone(),
    });
    let mut warnings: Vec<Doubt> = Vec::new();
    for warning in verdict.ancestors.iter().flat_map(|it| &it.warnings) {
        let known = warnings.iter().any(|it| it.message == warning.message);
        if !known {
            warnings.push(Doubt {
                reason: warning.reason,
                message: warning.message.clone(),
                field: below_spec(&warning.path),
                source: policy.document.place(&warning.path),
            });
        }
    }
    let unmatched = verdict.unmatched_selectors.iter().map(below_spec);
    PolicyFacts {
        name: format!("{}/{}", metadata.namespace(), metadata.name()),
        source: policy.document.place(&FieldPath::dotted("metadata.name")),
        weight: policy.spec.weight,
        errors: verdict.errors.clone(),
        targets: targets.collect(),
        unmatched_selectors: unmatched.collect(),
        backends: shares(round, verdict),
        warnings,
    }
}

fn shares(round: &Round, verdict: &PolicyVerdict) -> Vec<ShareFacts> {
    let bound = round.graph.backends.values().filter(|backend| {
        let mut bound = backend.bound.iter();
        bound.any(|policy| Arc::ptr_eq(policy, &verdict.policy))
    });
    let shares = bound.map(|backend| ShareFacts {
        backend: text(&backend.key),
        closed: backend.closed.clone(),
        units: Unit::ALL
            .iter()
            .filter_map(|unit| share(backend, *unit, verdict))
            .collect(),
    });
    shares.collect()
}

fn share(backend: &Backend, unit: Unit, verdict: &PolicyVerdict) -> Option<UnitShare> {
    unit.written(&verdict.policy)?;
    let without_effect = backend.policy.without_effect.get(&unit);
    let winner = without_effect
        .map(|(winner, _)| winner)
        .or_else(|| backend.policy.winner(unit))?;
    let (state, detail) = if !Arc::ptr_eq(&winner.policy, &verdict.policy) {
        let reason = why(&winner.policy, &verdict.policy);
        (
            "lost",
            format!("to {}: {reason}", winner.policy.reference()),
        )
    } else if let Some((_, reason)) = without_effect {
        ("no effect", reason.clone())
    } else {
        ("in force", beaten(winner))
    };
    Some(UnitShare {
        unit: unit.name(),
        state,
        detail,
    })
}

fn beaten(winner: &Winner) -> String {
    let names: Vec<String> = winner
        .beaten
        .iter()
        .map(|beaten| beaten.policy.reference().to_string())
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("beats {}", names.join(", ")),
    }
}
