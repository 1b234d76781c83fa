// SPDX-License-Identifier: Apache-2.0
//! Findings about BackendTLSPolicies.
//!
//! In: the verdicts on them. Out: diagnostics at targets and certificate authorities.

use sluicegate_attach::verdict::Outcome;
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};

use super::{codes, place::about};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    for verdict in &round.graph.tls_policies {
        let mut told = None;
        if let Outcome::No(reason, message) = &verdict.accepted {
            let path = match *reason {
                "TargetNotFound" | "Conflicted" => "spec.targetRefs",
                "NoValidCACertificate" => "spec.validation.caCertificateRefs",
                _ => "spec.validation.wellKnownCACertificates",
            };
            let words = (codes::of(reason), message.clone());
            let path = FieldPath::dotted(path);
            found.push(about(&verdict.policy, &path, Severity::Error, words));
            told = Some(message);
        }
        if let Outcome::No(reason, message) = &verdict.resolved_refs
            && told != Some(message)
        {
            let words = (codes::of(reason), message.clone());
            let path = FieldPath::dotted("spec.validation.caCertificateRefs");
            found.push(about(&verdict.policy, &path, Severity::Error, words));
        }
    }
}
