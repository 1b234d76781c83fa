// SPDX-License-Identifier: Apache-2.0
//! Status of an HTTPListenerPolicy.
//!
//! In: its verdict. Out: an entry per Gateway or listener that it names, with kgateway's conditions.

use sluicegate_attach::verdict::{ListenerPolicyAncestor, ListenerPolicyVerdict, Outcome};

use crate::{
    Context, ObjectStatus,
    ancestors::{self, Ancestor},
    backend_config_policy::{accepted, sentences},
    condition::{Conditions, State},
};

pub(crate) fn status(verdict: &ListenerPolicyVerdict, context: &Context<'_>) -> ObjectStatus {
    let generation = verdict.policy.metadata.generation;
    let ancestors = verdict.ancestors.iter().map(|it| Ancestor {
        object: it.ancestor.clone(),
        section: it.section.clone(),
        controller: context.controller_of(&it.ancestor),
        conditions: conditions(it, generation),
    });
    ObjectStatus {
        object: verdict.policy.reference().clone(),
        status: ancestors::status(ancestors.collect()),
    }
}

fn conditions(verdict: &ListenerPolicyAncestor, generation: i64) -> Conditions {
    let conditions = accepted(&verdict.accepted, generation);
    let conditions = match verdict.accepted {
        Outcome::Ok => {
            let message = "Attached to all targets";
            conditions.add("Attached", State::True, "Attached", message)
        }
        Outcome::No(..) => conditions.add("Attached", State::False, "Pending", ""),
    };
    match verdict.warnings.first() {
        Some(first) => {
            let message = sentences(&verdict.warnings);
            conditions.add("Warning", State::True, first.reason, &message)
        }
        None => conditions,
    }
}
