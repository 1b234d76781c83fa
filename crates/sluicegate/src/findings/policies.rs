// SPDX-License-Identifier: Apache-2.0
//! Findings about BackendConfigPolicies.
//!
//! In: the verdicts on policies. Out: diagnostics at targets and settings. What decoding found is
//! not told again.

use sluicegate_attach::verdict::{AncestorVerdict, Attachment, PolicyVerdict};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity, nearest};
use sluicegate_resource::ObjectRef;

use super::{
    codes,
    place::{about, name},
};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for verdict in &round.graph.policies {
        let before = found.len();
        invalid(verdict, found);
        for path in &verdict.unmatched_selectors {
            let words = (
                codes::of("TargetNotFound"),
                format!("{path} selects no object"),
            );
            let diagnostic = about(&verdict.policy, path, Severity::Warning, words)
                .note("Labels are those of the object itself, in the policy's namespace.");
            found.push(diagnostic);
        }
        for ancestor in &verdict.ancestors {
            target(round, verdict, ancestor, found);
        }
        merge(found, before);
    }
}

/// Several targets, or ports of one, may give one finding: the first is told, the others are notes.
fn merge(found: &mut Vec<Diagnostic>, from: usize) {
    let mut merged: Vec<Diagnostic> = Vec::new();
    for one in found.split_off(from) {
        let same = |it: &&mut Diagnostic| (it.code, &it.path) == (one.code, &one.path);
        match merged.iter_mut().find(same) {
            None => merged.push(one),
            Some(first) if first.message == one.message => {}
            Some(first) => first.notes.push(one.message),
        }
    }
    found.append(&mut merged);
}

/// Only `tls` can be Invalid for a reason outside the policy's own document.
fn invalid(verdict: &PolicyVerdict, found: &mut Vec<Diagnostic>) {
    let policy = &verdict.policy;
    let decoded = |error: &&String| {
        let mut diagnostics = policy.diagnostics.iter();
        diagnostics.any(|diagnostic| diagnostic.message == **error)
    };
    for error in verdict.errors.iter().filter(|error| !decoded(error)) {
        let tls = policy.spec.tls.as_ref();
        let path = tls.map_or_else(name, |written| written.path.clone());
        let words = (codes::of("Invalid"), error.clone());
        let diagnostic = about(policy, &path, Severity::Error, words).note(
            "The policy secures the connection, so its backends answer 500 until it is valid.",
        );
        found.push(diagnostic);
    }
}

fn target(
    round: &Round,
    verdict: &PolicyVerdict,
    ancestor: &AncestorVerdict,
    found: &mut Vec<Diagnostic>,
) {
    let policy = &verdict.policy;
    let object = &ancestor.ancestor;
    if !ancestor.exists {
        let words = (
            codes::of("TargetNotFound"),
            format!("{object} does not exist"),
        );
        let diagnostic = about(
            policy,
            &target_path(verdict, object),
            Severity::Error,
            words,
        );
        found.push(match suggestion(round, object) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
    let mut doubt = |reason: &str, message: String, path: &FieldPath| {
        let words = (codes::of(reason), message);
        found.push(about(policy, path, Severity::Warning, words));
    };
    for warning in &ancestor.warnings {
        doubt(warning.reason, warning.message.clone(), &warning.path);
    }
    if let (Some(winner), Some(tls)) = (&ancestor.overridden_by, &policy.spec.tls) {
        let message = format!("BackendTLSPolicy {winner} replaces this on {object}");
        doubt("Overridden", message, &tls.path);
    }
    if ancestor.attachment == Attachment::Overridden {
        let message = format!("every setting loses to other policies on {object}");
        doubt("Overridden", message, &name());
    }
}

fn target_path(verdict: &PolicyVerdict, object: &ObjectRef) -> FieldPath {
    let mut targets = verdict.policy.spec.target_refs.iter();
    let target = targets.find(|target| *target.value.name == *object.name);
    target.map_or_else(name, |target| target.path.field("name"))
}

fn suggestion(round: &Round, missing: &ObjectRef) -> Option<String> {
    let objects = || round.graph.backends.keys().map(|key| &key.object);
    let here = objects()
        .filter(|object| object.kind == missing.kind && object.namespace == missing.namespace);
    if let Some(name) = nearest(&missing.name, here.map(|object| &*object.name)) {
        return Some(format!("did you mean {name:?}?"));
    }
    let elsewhere =
        objects().find(|object| object.kind == missing.kind && object.name == missing.name)?;
    Some(format!(
        "{elsewhere} exists: a policy targets objects of its own namespace, so move the policy there"
    ))
}
