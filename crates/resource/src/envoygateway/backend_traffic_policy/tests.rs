// SPDX-License-Identifier: Apache-2.0
//! The schema, both dialects, and the founding document word by word.

mod accepted;
mod dialects;
mod poison;
mod rules;
mod scalars;
mod seeds;
mod targets;
mod whole;

use sluicegate_manifest::{Diagnostic, Severity};

use super::BackendTrafficPolicy;
use crate::{
    Object, codes,
    testing::{Verdict, assert_verdicts, traffic_policy},
};

/// A row of a table: what is tested, the spec, and everything that must be said about it.
type Row<'r> = (&'r str, &'r str, &'r [Verdict<'r>]);

/// What was found, but for the word that nothing is enforced, which stands at every policy.
fn found(policy: &Object<BackendTrafficPolicy>) -> Vec<Diagnostic> {
    let (standing, found): (Vec<_>, Vec<_>) = policy
        .diagnostics
        .iter()
        .cloned()
        .partition(|found| found.code == codes::NOT_ENFORCED);
    assert_eq!(standing.len(), 1, "{standing:#?}");
    assert_eq!(standing[0].path.to_string(), "kind");
    assert_eq!(standing[0].severity, Severity::Warning);
    found
}

/// Every row is refused for exactly what it says.
fn refuses(rows: &[Row<'_>]) {
    for (rule, spec, expected) in rows {
        let policy = traffic_policy(spec);
        assert!(!policy.is_valid(), "{rule}: {spec}");
        assert_verdicts(&format!("{rule}: {spec}"), &found(&policy), expected);
    }
}

/// Every row is accepted, with exactly the doubts that it says.
fn accepts(rows: &[Row<'_>]) {
    for (rule, spec, expected) in rows {
        let policy = traffic_policy(spec);
        let found = found(&policy);
        assert!(policy.is_valid(), "{rule}: {spec}\n{found:#?}");
        assert_verdicts(&format!("{rule}: {spec}"), &found, expected);
    }
}

/// The model of a spec that nothing is said against.
fn model(spec: &str) -> BackendTrafficPolicy {
    let policy = traffic_policy(spec);
    let found = found(&policy);
    assert!(found.is_empty(), "{spec}\n{found:#?}");
    policy.spec.clone()
}
