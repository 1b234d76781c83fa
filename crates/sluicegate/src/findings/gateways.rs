// SPDX-License-Identifier: Apache-2.0
//! Findings about Gateways, ListenerSets and their listeners.
//!
//! In: the Gateways of the graph. Out: diagnostics at the Gateway's or the listener's fields.

use std::collections::BTreeSet;

use sluicegate_attach::{Gateway, Listener, verdict::Outcome};
use sluicegate_manifest::{Diagnostic, FieldPath, Severity};
use sluicegate_resource::Object;

use super::{codes, place::about};
use crate::pipeline::Round;

pub(super) fn add(round: &Round, found: &mut Vec<Diagnostic>) {
    add_gateways_of_others(round, found);
    for gateway in &round.graph.gateways {
        // Listeners speak for themselves.
        if let Outcome::No(reason, message) = &gateway.accepted
            && *reason != "ListenersNotValid"
        {
            let path = match *reason {
                "InvalidParameters" => "spec.infrastructure.parametersRef",
                "UnsupportedAddress" => "spec.addresses",
                _ => "metadata.name",
            };
            let words = (codes::of(reason), message.clone());
            let path = FieldPath::dotted(path);
            found.push(about(&gateway.object, &path, Severity::Error, words));
        }
        add_listeners(gateway, &gateway.object, found);
        for set in &gateway.listener_sets {
            if let Outcome::No(reason, message) = &set.accepted
                && *reason != "ListenersNotValid"
            {
                let words = (codes::of(reason), message.clone());
                let path = FieldPath::dotted("spec.parentRef.name");
                let diagnostic = about(&set.object, &path, Severity::Error, words);
                found.push(diagnostic.note("Its listeners do not serve."));
            }
            add_listeners(gateway, &set.object, found);
        }
    }
    for set in round.store.listener_sets.values() {
        let parent = &set.spec.parent;
        if !round.store.gateways.contains_key(parent) {
            let words = (
                codes::of("ParentNotFound"),
                format!("{parent} does not exist"),
            );
            let path = FieldPath::dotted("spec.parentRef.name");
            let diagnostic = about(set, &path, Severity::Warning, words);
            found.push(diagnostic.note("Its listeners do not serve."));
        }
    }
}

/// Whoever moves here must hear why nothing is served.
fn add_gateways_of_others(round: &Round, found: &mut Vec<Diagnostic>) {
    let ours = round.graph.gateways.iter();
    let ours: BTreeSet<_> = ours.map(|it| it.object.reference()).collect();
    let gateways = round.store.gateways.values();
    for gateway in gateways.filter(|it| !ours.contains(it.reference())) {
        let name = &gateway.spec.gateway_class_name;
        let mut classes = round.store.gateway_classes.values();
        let class = classes.find(|class| *class.reference().name == **name);
        let Some(controller) = class.map(|class| &class.spec.controller_name) else {
            continue;
        };
        let words = (
            codes::of("ClassOfOthers"),
            format!("left to another controller: GatewayClass {name} is of {controller}"),
        );
        let path = FieldPath::dotted("spec.gatewayClassName");
        let diagnostic = about(gateway, &path, Severity::Advice, words);
        found.push(
            diagnostic
                .note("Nothing of this Gateway is served here, and its routes are not looked at.")
                .help(format!("`--controller-name {controller}` takes it")),
        );
    }
}

/// The listeners of a Gateway that `object`, itself or a ListenerSet, has.
fn add_listeners<T>(gateway: &Gateway, object: &Object<T>, found: &mut Vec<Diagnostic>) {
    for (index, listener) in gateway.listeners_of(object.reference()).enumerate() {
        add_listener(object, index, listener, found);
    }
}

fn add_listener<T>(
    object: &Object<T>,
    index: usize,
    listener: &Listener,
    found: &mut Vec<Diagnostic>,
) {
    let path = FieldPath::dotted("spec.listeners").index(index);
    let name = &listener.spec.name;
    if let Outcome::No(reason, message) = &listener.verdict.accepted {
        let field = match *reason {
            "UnsupportedProtocol" | "ProtocolConflict" => "protocol",
            "HostnameConflict" if listener.spec.hostname.is_some() => "hostname",
            "HostnameConflict" | "PortUnavailable" => "port",
            _ => "name",
        };
        let words = (codes::of(reason), format!("listener {name}: {message}"));
        let found_here = about(object, &path.field(field), Severity::Error, words);
        found.push(found_here.note("The listener does not serve."));
    }
    if let Outcome::No(reason, message) = &listener.verdict.resolved_refs {
        let field = match *reason {
            "InvalidRouteKinds" => path.field("allowedRoutes").field("kinds"),
            _ => path.field("tls").field("certificateRefs"),
        };
        let words = (codes::of(reason), format!("listener {name}: {message}"));
        found.push(about(object, &field, Severity::Error, words));
    }
}
