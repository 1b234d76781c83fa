// SPDX-License-Identifier: Apache-2.0
//! Findings about BackendTrafficPolicies.
//!
//! In: the verdicts on them. Out: diagnostics at targets and settings. What decoding found is not
//! told again.

use sluicegate_attach::verdict::{Outcome, TrafficAncestor, TrafficVerdict};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity, nearest};

use super::{
    codes,
    place::{about, name},
};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for verdict in &round.graph.traffic_policies {
        let mut mine: Vec<Diagnostic> = Vec::new();
        let mut tell = |path: &FieldPath, severity, reason: &str, message: String| {
            let words = (codes::of(reason), message);
            let one = about(&verdict.policy, path, severity, words);
            let known = |it: &Diagnostic| it.path == one.path && it.message == one.message;
            if !mine.iter().any(known) {
                mine.push(one);
            }
        };
        for path in &verdict.unmatched_selectors {
            let message = format!("{path} selects no object");
            tell(path, Severity::Warning, "TargetNotFound", message);
        }
        for ancestor in &verdict.ancestors {
            if let Some((severity, reason, message)) = refusal(verdict, ancestor) {
                let path = match reason {
                    "Invalid" => FieldPath::dotted("spec.mergeType"),
                    _ => target(verdict, message),
                };
                tell(&path, severity, reason, message.clone());
            }
            for message in &ancestor.overridden {
                let message = format!("overridden: {message}");
                tell(&name(), Severity::Advice, "Overridden", message);
            }
            for warning in &ancestor.warnings {
                let message = warning.message.clone();
                tell(&warning.path, Severity::Warning, warning.reason, message);
            }
        }
        let help = suggestion(round, verdict);
        found.extend(mine.into_iter().map(|one| match &help {
            Some(help) if one.code == codes::of("TargetNotFound") => one.help(help.clone()),
            _ => one,
        }));
    }
}

/// Why the policy is not accepted, unless decoding has told it.
fn refusal<'v>(
    verdict: &TrafficVerdict,
    ancestor: &'v TrafficAncestor,
) -> Option<(Severity, &'static str, &'v String)> {
    match &ancestor.accepted {
        Outcome::Ok => None,
        Outcome::No("Invalid", _) if !verdict.errors.is_empty() => None,
        Outcome::No("Unsupported", message) => Some((Severity::Warning, "Unsupported", message)),
        Outcome::No(reason, message) => Some((Severity::Error, reason, message)),
    }
}

/// The target that a sentence names.
fn target(verdict: &TrafficVerdict, message: &str) -> FieldPath {
    let namespace = verdict.policy.metadata.namespace();
    let targets = verdict.policy.spec.targets.iter();
    let named = targets.filter(|target| {
        let object = format!(
            "{} {namespace}/{}",
            target.value.kind.name(),
            target.value.name
        );
        let section = target.value.section_name.as_deref().unwrap_or_default();
        message.starts_with(&object) && message.contains(section)
    });
    let named = named.max_by_key(|target| target.value.name.len());
    named.map_or_else(name, |target| target.path.field("name"))
}

/// A target of nearly that name.
fn suggestion(round: &Round, verdict: &TrafficVerdict) -> Option<String> {
    let namespace = verdict.policy.metadata.namespace();
    verdict.policy.spec.targets.iter().find_map(|target| {
        let kind = target.value.kind.name();
        let objects = round
            .store
            .routes
            .keys()
            .chain(round.store.gateways.keys())
            .chain(round.store.listener_sets.keys());
        let here: Vec<&str> = objects
            .filter(|object| *object.kind == *kind && *object.namespace == *namespace)
            .map(|object| &*object.name)
            .collect();
        if here.contains(&target.value.name.as_str()) {
            return None;
        }
        let near = nearest(&target.value.name, here)?;
        Some(format!("did you mean {near:?}?"))
    })
}
