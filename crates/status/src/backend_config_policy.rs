// SPDX-License-Identifier: Apache-2.0
//! Status of a BackendConfigPolicy.
//!
//! In: its verdict. Out: an entry per target object. Selectors that select nothing have no object:
//! they are told under the policy itself, as is a policy without any target.

use sluicegate_attach::verdict::{AncestorVerdict, Attachment, Outcome, PolicyVerdict, Warning};

use crate::{
    Context, ObjectStatus,
    ancestors::{self, Ancestor},
    condition::{Conditions, State},
};

pub(crate) fn status(verdict: &PolicyVerdict, context: &Context<'_>) -> ObjectStatus {
    let generation = verdict.policy.metadata.generation;
    let controller = &context.options.controller_name;
    let mut entries: Vec<Ancestor<'_>> = verdict
        .ancestors
        .iter()
        .map(|ancestor| Ancestor {
            object: ancestor.ancestor.clone(),
            section: None,
            controller,
            conditions: programmed(
                target(ancestor, generation),
                refusals(verdict, ancestor, context),
            ),
        })
        .collect();
    if let Some(conditions) = itself(verdict, generation) {
        entries.push(Ancestor {
            object: verdict.policy.reference().clone(),
            section: None,
            controller,
            conditions,
        });
    }
    ObjectStatus {
        object: verdict.policy.reference().clone(),
        status: ancestors::status(entries),
    }
}

fn target(verdict: &AncestorVerdict, generation: i64) -> Conditions {
    let mut conditions = accepted(&verdict.accepted, generation);
    conditions = match verdict.attachment {
        Attachment::Attached => conditions.add(
            "Attached",
            State::True,
            "Attached",
            "Attached to all targets",
        ),
        Attachment::Merged => conditions.add(
            "Attached",
            State::True,
            "Merged",
            "Some settings lose to other policies on this target",
        ),
        Attachment::Overridden => conditions.add(
            "Attached",
            State::False,
            "Overridden",
            "Every setting loses to other policies on this target",
        ),
        Attachment::Pending => conditions.add("Attached", State::False, "Pending", ""),
    };
    if let Some(winner) = &verdict.overridden_by {
        let message = format!("spec.tls overridden by BackendTLSPolicy {winner}");
        let reason = "ConflictedWithBackendTLSPolicy";
        conditions = conditions.add("Overridden", State::True, reason, &message);
    }
    match verdict.warnings.first() {
        Some(first) => {
            let message = sentences(&verdict.warnings);
            conditions.add("Warning", State::True, first.reason, &message)
        }
        None => conditions,
    }
}

/// What Envoys refuse of the target's backends, in their words.
fn refusals(
    verdict: &PolicyVerdict,
    ancestor: &AncestorVerdict,
    context: &Context<'_>,
) -> Vec<String> {
    let Some(runtime) = context.runtime else {
        return Vec::new();
    };
    let refused = runtime.refused_backends.iter().filter(|(key, _)| {
        let backend = context.graph.backends.get(key);
        let bound = backend.is_some_and(|backend| {
            let mut bound = backend.bound.iter();
            bound.any(|policy| policy.reference() == verdict.policy.reference())
        });
        // A Hostname is no object that a backend is made of.
        let named = ancestor.ancestor.kind == key.object.kind;
        bound && (!named || ancestor.ancestor == key.object)
    });
    refused.map(|(_, words)| words.clone()).collect()
}

/// Told only when it is bad news: an Envoy that never connects says nothing about a policy.
fn programmed(conditions: Conditions, refusals: Vec<String>) -> Conditions {
    match refusals.is_empty() {
        true => conditions,
        false => conditions.add("Programmed", State::False, "Invalid", &refusals.join("; ")),
    }
}

/// The entry for the policy itself, when its targets cannot tell everything.
fn itself(verdict: &PolicyVerdict, generation: i64) -> Option<Conditions> {
    let unmatched: Vec<String> = verdict
        .unmatched_selectors
        .iter()
        .map(|path| format!("{path} selects no object"))
        .collect();
    let no_target = verdict.ancestors.is_empty();
    if !no_target && unmatched.is_empty() {
        return None;
    }
    let unmatched = unmatched.join("; ");
    let outcome = if !verdict.errors.is_empty() {
        Outcome::No("Invalid", verdict.errors.join("; "))
    } else if no_target && unmatched.is_empty() {
        Outcome::No("TargetNotFound", "the policy names no target".to_owned())
    } else if no_target {
        Outcome::No("TargetNotFound", unmatched.clone())
    } else {
        Outcome::Ok
    };
    let conditions = accepted(&outcome, generation).add("Attached", State::False, "Pending", "");
    Some(if outcome.is_ok() {
        conditions.add("Warning", State::True, "TargetNotFound", &unmatched)
    } else {
        conditions
    })
}

/// kgateway's word for what is accepted.
pub(crate) fn accepted(outcome: &Outcome, generation: i64) -> Conditions {
    let conditions = Conditions::of(generation);
    match outcome {
        Outcome::Ok => conditions.add("Accepted", State::True, "Valid", "Policy accepted"),
        no => conditions.outcome("Accepted", no, "Valid"),
    }
}

/// `path: message` of each, so that the field can be found.
pub(crate) fn sentences(warnings: &[Warning]) -> String {
    let sentences = warnings
        .iter()
        .map(|warning| format!("{}: {}", warning.path, warning.message));
    sentences.collect::<Vec<_>>().join("; ")
}
