// SPDX-License-Identifier: Apache-2.0
//! The schema, both dialects, and the founding document word by word.

mod accepted;
mod dialects;
mod merge;
mod poison;
mod rules;
mod scalars;
mod seeds;
mod targets;
mod whole;

use sluicegate_manifest::Diagnostic;

use super::BackendTrafficPolicy;
use crate::{
    Object, codes,
    testing::{Verdict, assert_verdicts, traffic_policy},
};

/// A row of a table: what is tested, the spec, and everything that must be said about it.
type Row<'r> = (&'r str, &'r str, &'r [Verdict<'r>]);

/// What was found, but for the settings that change no traffic yet.
fn found(policy: &Object<BackendTrafficPolicy>) -> Vec<Diagnostic> {
    let found = policy.diagnostics.iter().cloned();
    found
        .filter(|found| found.code != codes::NOT_ENFORCED)
        .collect()
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
