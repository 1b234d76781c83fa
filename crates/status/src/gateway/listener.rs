// SPDX-License-Identifier: Apache-2.0
//! Status of a listener.
//!
//! In: the listener with its verdict. Out: its entry in the status of its Gateway or ListenerSet.

use serde_json::{Value, json};
use sluicegate_attach::{Gateway, Listener};

use super::port_error;
use crate::{
    Runtime,
    condition::{Conditions, GATEWAY_API, State},
};

/// `generation` is that of the object that has the listener.
pub(crate) fn status(
    (gateway, generation): (&Gateway, i64),
    listener: &Listener,
    runtime: Option<&Runtime>,
) -> Value {
    let verdict = &listener.verdict;
    let conditions = Conditions::of(generation).outcome("Accepted", &verdict.accepted, "Accepted");
    let conditions = programmed(gateway, listener, runtime, conditions);
    let conditions = conditions.outcome("ResolvedRefs", &verdict.resolved_refs, "ResolvedRefs");
    let conditions = match verdict.conflicted {
        Some(reason) => {
            let message = "Another listener of this Gateway cannot be told apart from it";
            conditions.add("Conflicted", State::True, reason, message)
        }
        None => conditions.add("Conflicted", State::False, "NoConflicts", ""),
    };
    let conditions = if verdict.overlapping_tls {
        let message = "Another HTTPS listener of this port covers the same host names: a client \
                       may reuse a connection for a host of the other one";
        let name = "OverlappingTLSConfig";
        conditions.add(name, State::True, "OverlappingHostnames", message)
    } else {
        conditions
    };
    let kinds: Vec<Value> = verdict
        .supported_kinds
        .iter()
        .map(|kind| json!({ "group": GATEWAY_API, "kind": kind }))
        .collect();
    json!({
        "name": listener.spec.name,
        "supportedKinds": kinds,
        "attachedRoutes": verdict.attached_routes,
        "conditions": conditions.into_json(),
    })
}

fn programmed(
    gateway: &Gateway,
    listener: &Listener,
    runtime: Option<&Runtime>,
    conditions: Conditions,
) -> Conditions {
    let name = "Programmed";
    if !listener.verdict.is_programmed() {
        // Of a ListenerSet it is the conflict's own reason, as the API says.
        let of_set = &*listener.owner.kind == "ListenerSet";
        let reason = listener.verdict.conflicted.filter(|_| of_set);
        let reason = reason.unwrap_or("Invalid");
        return conditions.add(name, State::False, reason, "The listener cannot serve");
    }
    match runtime.map(|runtime| port_error(gateway, listener, runtime)) {
        None => {
            let message = "No data plane has reported yet";
            conditions.add(name, State::Unknown, "Pending", message)
        }
        Some(Some(error)) => conditions.add(name, State::False, "Pending", &error),
        Some(None) => conditions.add(name, State::True, "Programmed", ""),
    }
}
