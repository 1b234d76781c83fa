// SPDX-License-Identifier: Apache-2.0
//! Everything that is wrong or doubtful, in one list.
//!
//! In: a [`Round`]. Out: diagnostics: those of reading and decoding, and the verdicts of attachment
//! and translation turned into diagnostics that point at the right field.

mod advice;
mod codes;
mod gateways;
mod place;
mod policies;
mod routes;
mod telemetry;
mod tls_policies;
mod traffic_policies;
mod translation;

use sluicegate_manifest::Diagnostic;

use crate::pipeline::Round;

pub use advice::is_practice;
pub use codes::ALL as CODES;

/// Every finding of `round`, in the order file, position.
pub fn findings(round: &Round) -> Vec<Diagnostic> {
    let mut found = round.diagnostics.clone();
    gateways::add(round, &mut found);
    routes::add(round, &mut found);
    policies::add(round, &mut found);
    tls_policies::add(round, &mut found);
    traffic_policies::add(round, &mut found);
    telemetry::add(round, &mut found);
    advice::add(round, &mut found);
    translation::add(round, &mut found);
    found.sort_by_cached_key(Diagnostic::order);
    found
}
