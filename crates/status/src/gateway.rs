// SPDX-License-Identifier: Apache-2.0
//! Status of a Gateway.
//!
//! In: the Gateway as the graph has it, and what a running data plane knows. Out: its conditions,
//! addresses and listeners.

pub(crate) mod listener;

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use sluicegate_attach::{Gateway, Listener, verdict::Outcome};

use crate::{
    Context, ObjectStatus, Runtime,
    condition::{Conditions, State},
};

pub(crate) fn status(gateway: &Gateway, context: &Context<'_>) -> ObjectStatus {
    let generation = gateway.object.metadata.generation;
    let conditions = accepted(gateway, Conditions::of(generation));
    let conditions = programmed(gateway, context.runtime, conditions);
    let conditions = resolved_refs(gateway, conditions);
    let listeners: Vec<Value> = gateway
        .listeners_of(gateway.object.reference())
        .map(|listener| listener::status((gateway, generation), listener, context.runtime))
        .collect();
    let mut status = Map::new();
    let reference = gateway.object.reference();
    let addresses = context
        .runtime
        .map(|runtime| runtime.addresses.of(reference));
    if let Some(addresses) = addresses.filter(|addresses| !addresses.is_empty()) {
        let addresses = addresses
            .iter()
            .map(|value| json!({ "type": address_type(value), "value": value }));
        status.insert("addresses".into(), addresses.collect());
    }
    let sets = gateway.listener_sets.iter();
    let sets = sets.filter(|set| set.accepted.is_ok()).count();
    if sets > 0 {
        status.insert("attachedListenerSets".into(), sets.into());
    }
    status.insert("conditions".into(), conditions.into_json());
    status.insert("listeners".into(), listeners.into());
    ObjectStatus {
        object: gateway.object.reference().clone(),
        status: status.into(),
    }
}

fn address_type(value: &str) -> &'static str {
    match value.parse::<IpAddr>() {
        Ok(_) => "IPAddress",
        Err(_) => "Hostname",
    }
}

fn accepted(gateway: &Gateway, conditions: Conditions) -> Conditions {
    let some_bad = gateway
        .listeners_of(gateway.object.reference())
        .any(|listener| !listener.verdict.accepted.is_ok());
    match &gateway.accepted {
        Outcome::Ok if some_bad => conditions.add(
            "Accepted",
            State::True,
            "ListenersNotValid",
            "Some listeners are not valid; the others serve",
        ),
        outcome => conditions.outcome("Accepted", outcome, "Accepted"),
    }
}

/// Programmed means that the configuration is made and at least one listener is bound.
fn programmed(gateway: &Gateway, runtime: Option<&Runtime>, conditions: Conditions) -> Conditions {
    let name = "Programmed";
    // Parameters say something beside listeners, which serve without them.
    let serves = matches!(gateway.accepted, Outcome::No("InvalidParameters", _));
    if !gateway.accepted.is_ok() && !serves {
        return conditions.add(name, State::False, "Invalid", "The Gateway is not accepted");
    }
    let mut ready = gateway
        .listeners_of(gateway.object.reference())
        .filter(|listener| listener.verdict.is_programmed())
        .peekable();
    if ready.peek().is_none() {
        return conditions.add(name, State::False, "Invalid", "No listener can serve");
    }
    let Some(runtime) = runtime else {
        return conditions.add(
            name,
            State::Unknown,
            "Pending",
            "No data plane has reported yet",
        );
    };
    let reference = gateway.object.reference();
    if let Some((reason, message)) = runtime.addresses.problem_of(reference) {
        return conditions.add(name, State::False, reason, message);
    }
    if let Some(address) = unusable(gateway, runtime) {
        let message = format!("Address {address} is not one of this data plane's");
        return conditions.add(name, State::False, "AddressNotUsable", &message);
    }
    let mut failures = Vec::new();
    for listener in ready {
        match port_error(gateway, listener, runtime) {
            None => return conditions.add(name, State::True, "Programmed", ""),
            Some(error) => failures.push(error),
        }
    }
    failures.dedup();
    conditions.add(name, State::False, "AddressNotUsable", &failures.join("; "))
}

/// Why the port of a listener serves nothing, or not what it should.
pub(crate) fn port_error(
    gateway: &Gateway,
    listener: &Listener,
    runtime: &Runtime,
) -> Option<String> {
    let at = listener.at;
    let reference = gateway.object.reference();
    let refused = runtime.refused_ports.get(&(reference.clone(), at.port));
    let error = runtime.bind_errors.get(&at).or(refused);
    let error = match error {
        _ if !gateway.listens => "the Gateway has no address to listen on",
        error => error?,
    };
    Some(format!("port {}: {error}", at.port))
}

/// An address that the Gateway asks for and that we do not have.
fn unusable<'a>(gateway: &'a Gateway, runtime: &Runtime) -> Option<&'a str> {
    let mut wanted = gateway.object.spec.addresses.iter();
    wanted.find_map(|(kind, value)| {
        let value = value.as_deref().filter(|_| kind == "IPAddress")?;
        let addresses = runtime.addresses.of(gateway.object.reference());
        let known = addresses.iter().any(|address| address == value);
        (!known).then_some(value)
    })
}

fn resolved_refs(gateway: &Gateway, conditions: Conditions) -> Conditions {
    let broken: Vec<&str> = gateway
        .listeners_of(gateway.object.reference())
        .filter(|listener| !listener.verdict.resolved_refs.is_ok())
        .map(|listener| listener.spec.name.as_str())
        .collect();
    if broken.is_empty() {
        return conditions.add("ResolvedRefs", State::True, "ResolvedRefs", "");
    }
    let message = format!("Listeners with broken references: {}", broken.join(", "));
    conditions.add(
        "ResolvedRefs",
        State::False,
        "ListenersNotResolved",
        &message,
    )
}
