// SPDX-License-Identifier: Apache-2.0
//! Status of a BackendTLSPolicy.
//!
//! In: its verdict. Out: an entry per Gateway that uses its targets.

use sluicegate_attach::verdict::TlsPolicyVerdict;

use crate::{
    Context, ObjectStatus,
    ancestors::{self, Ancestor},
    condition::Conditions,
};

pub(crate) fn status(verdict: &TlsPolicyVerdict, context: &Context<'_>) -> ObjectStatus {
    let generation = verdict.policy.metadata.generation;
    let ancestors = verdict.ancestors.iter().map(|it| Ancestor {
        object: it.ancestor.clone(),
        section: None,
        controller: context.controller_of(&it.ancestor),
        conditions: Conditions::of(generation)
            .outcome("Accepted", &it.accepted, "Accepted")
            .outcome("ResolvedRefs", &verdict.resolved_refs, "ResolvedRefs"),
    });
    ObjectStatus {
        object: verdict.policy.reference().clone(),
        status: ancestors::status(ancestors.collect()),
    }
}
