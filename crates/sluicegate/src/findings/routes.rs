// SPDX-License-Identifier: Apache-2.0
//! Findings about routes.
//!
//! In: the verdicts on routes, and routes that name no Gateway of ours. Out: diagnostics at
//! parentRefs, backendRefs and filters.

use std::sync::Arc;

use sluicegate_attach::verdict::{Outcome, RouteVerdict};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity, nearest};
use sluicegate_resource::{
    Object, ObjectRef,
    gateway::{Carried, ParentRef, Route},
};

use super::{codes, place::about};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    // Of a UDPRoute it is told that it does nothing.
    let served = |verdict: &&RouteVerdict| verdict.route.spec.carried != Carried::Udp;
    for verdict in round.graph.routes.iter().filter(served) {
        let route = &verdict.route;
        for parent in &verdict.parents {
            if let Outcome::No(reason, message) = &parent.accepted {
                let words = (codes::of(reason), message.clone());
                let path = parent_path(route, &parent.parent);
                found.push(about(route, &path, Severity::Error, words));
            }
        }
        for broken in &verdict.broken {
            let words = (codes::of(broken.reason), broken.message.clone());
            let path = reference_path(&broken.path, broken.reason, &broken.message);
            let diagnostic = about(route, &path, Severity::Error, words);
            let diagnostic = diagnostic.note(match route.spec.carried {
                Carried::Grpc => "Its share of requests is answered UNAVAILABLE.",
                Carried::Http => "Its share of requests is answered 500.",
                Carried::Tcp | Carried::Tls | Carried::Udp => "Its share of connections is closed.",
            });
            found.push(match suggestion(round, broken.reason, &broken.message) {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
    }
    older_routes(round, found);
    for route in round.store.routes.values() {
        for parent in &route.spec.parent_refs {
            missing_parent(round, route, parent, found);
        }
    }
}

/// Routes that are attached where an older one has the connections.
fn older_routes(round: &Round, found: &mut Vec<Diagnostic>) {
    for listener in round.graph.gateways.iter().flat_map(|it| &it.listeners) {
        for attached in &listener.routes {
            for (host, older) in &attached.older {
                let what = match attached.route.spec.carried {
                    Carried::Tls => format!("connections for {host}"),
                    _ => "connections".to_owned(),
                };
                let words = format!(
                    "{older} is older and has the {what} of {}, {}",
                    listener.owner, listener.spec.name
                );
                let path = FieldPath::dotted("spec.parentRefs");
                let words = (codes::of("OlderRoute"), words);
                found.push(about(&attached.route, &path, Severity::Warning, words));
            }
        }
    }
}

fn parent_path(route: &Object<Route>, parent: &ParentRef) -> FieldPath {
    let index = route.spec.parent_refs.iter().position(|it| it == parent);
    let path = FieldPath::dotted("spec.parentRefs").index(index.unwrap_or_default());
    // The field that the verdict is about, when there is one: otherwise the whole reference.
    match (&parent.section_name, parent.port) {
        (Some(_), _) => path.field("sectionName"),
        (None, Some(_)) => path.field("port"),
        (None, None) => path.field("name"),
    }
}

/// The field of a reference that is wrong.
fn reference_path(path: &FieldPath, reason: &str, message: &str) -> FieldPath {
    match reason {
        "BackendNotFound" if message.contains(" has no port ") => path.field("port"),
        "BackendNotFound" => path.field("name"),
        "RefNotPermitted" => path.field("namespace"),
        _ => path.clone(),
    }
}

/// A Gateway may be somewhere else than in these manifests, so this is only a warning.
fn missing_parent(
    round: &Round,
    route: &Arc<Object<Route>>,
    parent: &ParentRef,
    found: &mut Vec<Diagnostic>,
) {
    let namespace = parent.namespace.as_deref();
    let gateway = ObjectRef::new(
        &parent.group,
        &parent.kind,
        namespace.unwrap_or(route.metadata.namespace()),
        &parent.name,
    );
    let exists = match parent.kind.as_str() {
        "Gateway" => round.store.gateways.contains_key(&gateway),
        "ListenerSet" => round.store.listener_sets.contains_key(&gateway),
        _ => true,
    };
    if exists {
        return;
    }
    let index = route.spec.parent_refs.iter().position(|it| it == parent);
    let path = FieldPath::dotted("spec.parentRefs")
        .index(index.unwrap_or_default())
        .field("name");
    let words = (
        codes::of("ParentNotFound"),
        format!("{gateway} does not exist"),
    );
    let diagnostic =
        about(route, &path, Severity::Warning, words).note("The route is not attached there.");
    let wanted = gateway.to_string();
    let known: Vec<String> = round
        .store
        .gateways
        .keys()
        .chain(round.store.listener_sets.keys())
        .map(ToString::to_string)
        .collect();
    found.push(match nearest(&wanted, known.iter().map(String::as_str)) {
        Some(name) => diagnostic.help(format!("did you mean {name}?")),
        None => diagnostic,
    });
}

/// What a missing backend may have been meant to be.
fn suggestion(round: &Round, reason: &str, message: &str) -> Option<String> {
    if reason != "BackendNotFound" {
        return None;
    }
    let (wanted, rest) = message
        .split_once(" has no port")
        .or_else(|| message.split_once(" does not exist"))?;
    let keys = round.graph.backends.keys();
    if !rest.is_empty() {
        let ports: Vec<String> = keys
            .filter(|key| key.object.to_string() == wanted)
            .map(|key| key.port.to_string())
            .collect();
        return (!ports.is_empty()).then(|| format!("its ports are {}", ports.join(", ")));
    }
    let known: Vec<String> = keys.map(|key| key.object.to_string()).collect();
    let name = nearest(wanted, known.iter().map(String::as_str))?;
    Some(format!("did you mean {name}?"))
}
