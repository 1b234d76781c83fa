// SPDX-License-Identifier: Apache-2.0
//! Why one policy comes before another.
//!
//! In: two policies of one backend in order of precedence. Out: the words for it, from the
//! winner's side.

use sluicegate_resource::{Object, kgateway::BackendConfigPolicy};

/// The rule that decided: weight, then age, then name.
pub(super) fn why(
    winner: &Object<BackendConfigPolicy>,
    loser: &Object<BackendConfigPolicy>,
) -> String {
    let (high, low) = (winner.spec.weight, loser.spec.weight);
    if high != low {
        return format!("policy-weight {high} beats {low}");
    }
    let (first, second) = (
        winner.metadata.creation_timestamp,
        loser.metadata.creation_timestamp,
    );
    match (first, second) {
        (None, Some(_)) => "no creationTimestamp counts as older".to_owned(),
        (first, second) if first != second => "older".to_owned(),
        _ => format!(
            "same weight and age, and {:?} sorts before {:?}",
            text(winner),
            text(loser)
        ),
    }
}

fn text(policy: &Object<BackendConfigPolicy>) -> String {
    format!("{}/{}", policy.metadata.namespace(), policy.metadata.name())
}
