// SPDX-License-Identifier: Apache-2.0
//! Status of a ListenerSet.
//!
//! In: the ListenerSet as its Gateway has it, and what a running data plane knows. Out: its
//! conditions and listeners.

use serde_json::{Value, json};
use sluicegate_attach::{AttachedListenerSet, Gateway, verdict::Outcome};

use crate::{
    Context, ObjectStatus, Runtime,
    condition::{Conditions, State},
    gateway::{listener, port_error},
};

pub(crate) fn status(
    gateway: &Gateway,
    set: &AttachedListenerSet,
    context: &Context<'_>,
) -> ObjectStatus {
    let reference = set.object.reference();
    let generation = set.object.metadata.generation;
    let conditions = Conditions::of(generation).outcome("Accepted", &set.accepted, "Accepted");
    let conditions = programmed(gateway, set, context.runtime, conditions);
    let listeners: Vec<Value> = gateway
        .listeners_of(reference)
        .map(|it| listener::status((gateway, generation), it, context.runtime))
        .collect();
    ObjectStatus {
        object: reference.clone(),
        status: json!({ "conditions": conditions.into_json(), "listeners": listeners }),
    }
}

/// As for a Gateway: at least one listener is bound.
fn programmed(
    gateway: &Gateway,
    set: &AttachedListenerSet,
    runtime: Option<&Runtime>,
    conditions: Conditions,
) -> Conditions {
    let name = "Programmed";
    if let Outcome::No(reason, _) = &set.accepted {
        let reason = match *reason {
            "ParentNotAccepted" => "ParentNotProgrammed",
            other => other,
        };
        return conditions.add(
            name,
            State::False,
            reason,
            "The ListenerSet is not accepted",
        );
    }
    let Some(runtime) = runtime else {
        let message = "No data plane has reported yet";
        return conditions.add(name, State::Unknown, "Pending", message);
    };
    let mut failures = Vec::new();
    let listeners = gateway.listeners_of(set.object.reference());
    for listener in listeners.filter(|it| it.verdict.is_programmed()) {
        match port_error(gateway, listener, runtime) {
            None => return conditions.add(name, State::True, "Programmed", ""),
            Some(error) => failures.push(error),
        }
    }
    failures.dedup();
    match failures.is_empty() {
        true => conditions.add(name, State::False, "Invalid", "No listener can serve"),
        false => conditions.add(name, State::False, "Pending", &failures.join("; ")),
    }
}
