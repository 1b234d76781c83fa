// SPDX-License-Identifier: Apache-2.0
//! Findings about BackendTLSPolicies.
//!
//! In: the verdicts on them. Out: diagnostics at targets and certificate authorities.

use sluicegate_attach::verdict::{Outcome, TlsPolicyVerdict};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};

use super::{codes, place::about};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for verdict in &round.graph.tls_policies {
        let mut told: Vec<&String> = Vec::new();
        for ancestor in &verdict.ancestors {
            if let Outcome::No(reason, message) = &ancestor.accepted
                && !told.contains(&message)
            {
                let path = match *reason {
                    "TargetNotFound" | "Conflicted" => target(verdict, message),
                    "NoValidCACertificate" => FieldPath::dotted(AUTHORITIES),
                    _ => FieldPath::dotted("spec.validation.wellKnownCACertificates"),
                };
                let words = (codes::of(reason), message.clone());
                found.push(about(&verdict.policy, &path, Severity::Error, words));
                told.push(message);
            }
        }
        if let Outcome::No(reason, message) = &verdict.resolved_refs
            && !told.contains(&message)
        {
            let words = (codes::of(reason), message.clone());
            let path = FieldPath::dotted(AUTHORITIES);
            found.push(about(&verdict.policy, &path, Severity::Error, words));
        }
    }
}

const AUTHORITIES: &str = "spec.validation.caCertificateRefs";

/// The target that a sentence names.
fn target(verdict: &TlsPolicyVerdict, message: &str) -> FieldPath {
    let path = FieldPath::dotted("spec.targetRefs");
    let namespace = verdict.policy.metadata.namespace();
    let index = verdict.policy.spec.target_refs.iter().position(|target| {
        let name = format!("{} {namespace}/{} ", target.kind, target.name);
        message.contains(&name)
    });
    index.map_or(path.clone(), |index| path.index(index).field("name"))
}
