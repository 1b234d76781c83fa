// SPDX-License-Identifier: Apache-2.0
//! Status of a BackendTrafficPolicy.
//!
//! In: its verdict. Out: an entry per ancestor, the most important ones where there are too many.

use std::cmp::Reverse;

use sluicegate_attach::verdict::{Outcome, TrafficAncestor, TrafficVerdict};

use crate::{
    Context, ObjectStatus,
    ancestors::{self, Ancestor, MAX},
    condition::{Conditions, State},
};

pub(crate) fn status(verdict: &TrafficVerdict, context: &Context<'_>) -> ObjectStatus {
    let mut shown: Vec<&TrafficAncestor> = verdict.ancestors.iter().collect();
    shown.sort_by_key(|ancestor| importance(ancestor));
    let cut = shown.len() > MAX;
    shown.truncate(MAX);
    let last = shown.len().saturating_sub(1);
    let entries = shown.into_iter().enumerate().map(|(index, ancestor)| {
        let conditions = programmed(conditions(verdict, ancestor), verdict, context);
        Ancestor {
            object: ancestor.ancestor.clone(),
            section: ancestor.section.clone(),
            controller: context.controller_of(&ancestor.ancestor),
            conditions: match cut && index == last {
                true => aggregated(conditions, verdict.ancestors.len()),
                false => conditions,
            },
        }
    });
    let mut entries: Vec<Ancestor<'_>> = entries.collect();
    entries.extend(itself(verdict, context));
    ObjectStatus {
        object: verdict.policy.reference().clone(),
        status: ancestors::status(entries),
    }
}

/// Bad news first, then by reference.
fn importance(ancestor: &TrafficAncestor) -> impl Ord + use<> {
    let news = match (ancestor.accepted.is_ok(), ancestor.overridden.is_empty()) {
        (false, _) => 2,
        (true, false) => 1,
        (true, true) => 0,
    };
    let object = &ancestor.ancestor;
    let section = ancestor.section.clone();
    (
        Reverse(news),
        object.namespace.clone(),
        object.name.clone(),
        section,
    )
}

fn aggregated(conditions: Conditions, all: usize) -> Conditions {
    let message = format!("{MAX} of {all} ancestors are shown");
    conditions.add("Aggregated", State::True, "Aggregated", &message)
}

fn conditions(verdict: &TrafficVerdict, ancestor: &TrafficAncestor) -> Conditions {
    let mut conditions = accepted(verdict, &ancestor.accepted);
    if !ancestor.overridden.is_empty() {
        let message = ancestor.overridden.join("; ");
        conditions = conditions.add("Overridden", State::True, "Overridden", &message);
    }
    if !ancestor.merged.is_empty() {
        let message = ancestor.merged.join("; ");
        conditions = conditions.add("Merged", State::True, "Merged", &message);
    }
    warnings(conditions, verdict, ancestor)
}

/// Told only when it is bad news: an Envoy that never connects says nothing about a policy.
fn programmed(
    conditions: Conditions,
    verdict: &TrafficVerdict,
    context: &Context<'_>,
) -> Conditions {
    let refused = context.runtime.and_then(|runtime| {
        let refused = &runtime.refused_traffic_policies;
        refused.get(verdict.policy.reference())
    });
    match refused {
        Some(words) => conditions.add("Programmed", State::False, "Invalid", words),
        None => conditions,
    }
}

fn accepted(verdict: &TrafficVerdict, outcome: &Outcome) -> Conditions {
    let conditions = Conditions::of(verdict.policy.metadata.generation);
    match outcome {
        Outcome::Ok => conditions.add("Accepted", State::True, "Accepted", "Policy accepted"),
        no => conditions.outcome("Accepted", no, "Accepted"),
    }
}

/// One condition: with its reason when all have the same one.
fn warnings(
    conditions: Conditions,
    verdict: &TrafficVerdict,
    ancestor: &TrafficAncestor,
) -> Conditions {
    let decoded = verdict.policy.warnings();
    let decoded = decoded.filter(|_| verdict.errors.is_empty());
    let decoded = decoded.map(|found| {
        let reason = match found.code {
            "hash-without-input" => "NoHashInput",
            "no-effect" => "NoEffect",
            "not-enforced" | "unsupported-field" => "NotImplemented",
            "unknown-field" => "UnknownField",
            _ => "Doubtful",
        };
        (reason, format!("{}: {}", found.path, found.message))
    });
    let here = ancestor.warnings.iter();
    let here = here.map(|it| (it.reason, format!("{}: {}", it.path, it.message)));
    let all: Vec<(&str, String)> = decoded.chain(here).collect();
    let Some((first, _)) = all.first() else {
        return conditions;
    };
    let reason = match all.iter().all(|(reason, _)| reason == first) {
        true => first,
        false => "Warnings",
    };
    let messages: Vec<&str> = all.iter().map(|(_, message)| message.as_str()).collect();
    conditions.add("Warning", State::True, reason, &messages.join("; "))
}

/// The entry for the policy itself, when it has no target that could have one.
fn itself<'a>(verdict: &TrafficVerdict, context: &'a Context<'_>) -> Option<Ancestor<'a>> {
    let has_news = !verdict.errors.is_empty() || !verdict.unmatched_selectors.is_empty();
    if !verdict.ancestors.is_empty() || !has_news {
        return None;
    }
    let outcome = if verdict.errors.is_empty() {
        let paths = verdict.unmatched_selectors.iter();
        let sentences: Vec<String> = paths
            .map(|path| format!("{path} selects no object"))
            .collect();
        Outcome::No("TargetNotFound", sentences.join("; "))
    } else {
        Outcome::No("Invalid", verdict.errors.join("; "))
    };
    Some(Ancestor {
        object: verdict.policy.reference().clone(),
        section: None,
        controller: &context.options.controller_name,
        conditions: accepted(verdict, &outcome),
    })
}
