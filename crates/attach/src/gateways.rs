// SPDX-License-Identifier: Apache-2.0
//! Our Gateways and their listeners, before routes attach.
//!
//! In: the store. Out: Gateways with a verdict on each listener: protocol, conflicts, certificates.

use std::{collections::BTreeSet, sync::Arc};

use sluicegate_resource::{
    Object, ObjectRef, Store,
    gateway::{self, ObjectReference, RouteKind},
};

use crate::{
    Gateway, ListenAddress, Listener, Listening, Options, addresses,
    certificate::KeyPair,
    grants::permitted,
    hostname::covers,
    listener_sets, ports,
    telemetry::{Telemetry, proxy_of_gateway},
    verdict::{ListenerVerdict, Outcome},
};

/// Builds every Gateway whose class is ours, and says where they listen.
pub(crate) fn build(store: &Store, options: &Options) -> (Vec<Gateway>, Listening) {
    let mut objects: Vec<_> = store
        .gateways
        .values()
        .filter(|g| is_ours(g, store, options))
        .collect();
    objects.sort_by_key(|it| {
        let mut known = options.oldest.iter();
        let place = known.position(|known| known == it.reference());
        (place.unwrap_or(usize::MAX), it.metadata.age_order())
    });
    let built = objects.into_iter().map(|object| build_one(object, store));
    let mut gateways: Vec<Gateway> = built.collect();
    let listening = addresses::give(&mut gateways, store, options);
    ports::share(&mut gateways, listening == Listening::Mapped);
    for gateway in &mut gateways {
        gateway.accepted = accepted(gateway);
        listener_sets::judge(gateway);
    }
    gateways.sort_by(|a, b| a.object.reference().cmp(b.object.reference()));
    (gateways, listening)
}

/// A Gateway is ours when its class is, or when no class of that name was given: manifests in a
/// directory imply their class.
fn is_ours(gateway: &Object<gateway::Gateway>, store: &Store, options: &Options) -> bool {
    let class = ObjectRef::new(
        "gateway.networking.k8s.io",
        "GatewayClass",
        "",
        &gateway.spec.gateway_class_name,
    );
    store.gateway_classes.get(&class).is_none_or(|class| {
        options
            .controller_names
            .contains(&class.spec.controller_name)
    })
}

fn build_one(object: &Arc<Object<gateway::Gateway>>, store: &Store) -> Gateway {
    let owned = |owner: &ObjectRef, specs: &[gateway::Listener]| -> Vec<Listener> {
        let specs = specs.iter();
        specs.map(|spec| listener(owner, spec, store)).collect()
    };
    let (proxy, parameters) = match proxy_of_gateway(object, store) {
        Ok(proxy) => (proxy, Outcome::Ok),
        Err(message) => (None, Outcome::No("InvalidParameters", message)),
    };
    let mut listeners = owned(object.reference(), &object.spec.listeners);
    mark_conflicts(&mut listeners);
    let listener_sets = listener_sets::of(object, store);
    for set in listener_sets.iter().filter(|set| set.accepted.is_ok()) {
        for listener in owned(set.object.reference(), &set.object.spec.listeners) {
            listener_sets::add(listener, &mut listeners);
        }
    }
    mark_overlaps(&mut listeners);
    Gateway {
        object: object.clone(),
        accepted: parameters,
        listeners,
        listener_sets,
        proxy,
        given: None,
        listens: true,
    }
}

fn accepted(gateway: &Gateway) -> Outcome {
    if !gateway.accepted.is_ok() {
        return gateway.accepted.clone();
    }
    let unsupported = gateway
        .object
        .spec
        .addresses
        .iter()
        .find(|(kind, _)| !matches!(kind.as_str(), "IPAddress" | "Hostname"));
    if let Some((kind, _)) = unsupported {
        let message = format!("address type {kind} is not supported");
        return Outcome::No("UnsupportedAddress", message);
    }
    if gateway
        .listeners_of(gateway.object.reference())
        .all(|listener| !listener.verdict.accepted.is_ok())
    {
        return Outcome::No("ListenersNotValid", "no listener is valid".to_owned());
    }
    Outcome::Ok
}

fn listener(owner: &ObjectRef, spec: &gateway::Listener, store: &Store) -> Listener {
    let mut verdict = ListenerVerdict::default();
    let mut certificates = Vec::new();
    match spec.protocol.as_str() {
        "HTTP" | "HTTPS" => verdict.supported_kinds = vec!["HTTPRoute", "GRPCRoute"],
        "TCP" => verdict.supported_kinds = vec!["TCPRoute"],
        "TLS" => verdict.supported_kinds = vec!["TLSRoute"],
        other => {
            let message =
                format!("protocol {other} is not supported; HTTP, HTTPS, TCP and TLS are");
            verdict.accepted = Outcome::No("UnsupportedProtocol", message);
        }
    }
    if spec.terminates() {
        for reference in spec.tls.iter().flat_map(|tls| &tls.certificate_refs) {
            match certificate(owner, reference, store) {
                Ok(pair) => certificates.push(Arc::new(pair)),
                Err((reason, message)) => verdict.resolved_refs = Outcome::No(reason, message),
            }
        }
        if certificates.is_empty() && verdict.resolved_refs.is_ok() {
            let message = "no certificateRefs".to_owned();
            verdict.resolved_refs = Outcome::No("InvalidCertificateRef", message);
        }
    }
    restrict_kinds(&mut verdict, &spec.allowed_routes.kinds);
    Listener {
        spec: spec.clone(),
        at: ListenAddress {
            ip: None,
            port: spec.port,
        },
        owner: owner.clone(),
        certificates,
        routes: Vec::new(),
        telemetry: Telemetry::default(),
        verdict,
    }
}

fn restrict_kinds(verdict: &mut ListenerVerdict, allowed: &[RouteKind]) {
    if allowed.is_empty() {
        return;
    }
    let is_ours = |kind: &RouteKind| {
        kind.group == "gateway.networking.k8s.io"
            && verdict.supported_kinds.contains(&kind.kind.as_str())
    };
    if let Some(unknown) = allowed.iter().find(|kind| !is_ours(kind)) {
        let message = format!("route kind {} is not supported here", unknown.kind);
        verdict.resolved_refs = Outcome::No("InvalidRouteKinds", message);
    }
    let wanted: BTreeSet<&str> = allowed
        .iter()
        .filter(|kind| is_ours(kind))
        .map(|kind| kind.kind.as_str())
        .collect();
    verdict.supported_kinds.retain(|kind| wanted.contains(kind));
}

fn certificate(
    owner: &ObjectRef,
    reference: &ObjectReference,
    store: &Store,
) -> Result<KeyPair, (&'static str, String)> {
    let bad = |message: String| ("InvalidCertificateRef", message);
    let own = &*owner.namespace;
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    let secret = ObjectRef::new(
        &reference.group,
        &reference.kind,
        namespace,
        &reference.name,
    );
    if !reference.group.is_empty() || reference.kind != "Secret" {
        return Err(bad(format!("{secret} is not a Secret")));
    }
    if !permitted(store, &owner.kind, own, &secret) {
        let message = format!("no ReferenceGrant in {namespace} lets {own} use {secret}");
        return Err(("RefNotPermitted", message));
    }
    let found = store
        .secrets
        .get(&secret)
        .ok_or_else(|| bad(format!("{secret} does not exist")))?;
    let text = |key: &str| {
        let bytes = found
            .spec
            .data
            .get(key)
            .ok_or_else(|| bad(format!("{secret} has no {key}")))?;
        std::str::from_utf8(bytes).map_err(|_| bad(format!("{secret}: {key} is not PEM text")))
    };
    KeyPair::new(text("tls.crt")?, text("tls.key")?)
        .map_err(|error| bad(format!("{secret}: {error}")))
}

/// Listeners of one Gateway that cannot be told apart: all of them lose (spec 4.3).
fn mark_conflicts(listeners: &mut [Listener]) {
    for index in 0..listeners.len() {
        let others = listeners.iter().enumerate();
        let others = others.filter(|(at, _)| *at != index);
        let others = others.map(|(_, other)| &other.spec);
        if let Some(reason) = conflict(&listeners[index].spec, others) {
            lose(&mut listeners[index], reason);
        }
    }
}

/// Why `mine` cannot be told apart from one of `others`.
pub(crate) fn conflict<'a>(
    mine: &gateway::Listener,
    others: impl Iterator<Item = &'a gateway::Listener>,
) -> Option<&'static str> {
    // Datagrams have ports of their own.
    let is_udp = |spec: &gateway::Listener| spec.protocol == "UDP";
    let here = others.filter(|other| other.port == mine.port && is_udp(other) == is_udp(mine));
    let here: Vec<_> = here.collect();
    let beside = |other: &gateway::Listener| {
        other.is_tls() && mine.is_tls() || other.protocol == mine.protocol
    };
    // Nothing but its port tells a TCP listener from others.
    let by_port = matches!(mine.protocol.as_str(), "TCP" | "UDP");
    if here.iter().any(|other| by_port || !beside(other)) {
        return Some("ProtocolConflict");
    }
    let same = here.iter().any(|other| other.hostname == mine.hostname);
    same.then_some("HostnameConflict")
}

pub(crate) fn lose(listener: &mut Listener, reason: &'static str) {
    let message = format!(
        "another listener on port {} cannot be told apart from it",
        listener.spec.port
    );
    listener.verdict.conflicted = Some(reason);
    listener.verdict.accepted = Outcome::No(reason, message);
}

fn mark_overlaps(listeners: &mut [Listener]) {
    for index in 0..listeners.len() {
        let mine = &listeners[index].spec;
        let name = |spec: &gateway::Listener| spec.hostname.clone().unwrap_or_else(|| "*".into());
        let own = name(mine);
        let overlaps = listeners.iter().enumerate().any(|(at, other)| {
            at != index
                && other.spec.port == mine.port
                && other.spec.is_tls()
                && (covers(&own, &name(&other.spec)) || covers(&name(&other.spec), &own))
        });
        listeners[index].verdict.overlapping_tls = overlaps && mine.is_tls();
    }
}
