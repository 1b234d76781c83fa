// SPDX-License-Identifier: Apache-2.0
//! Decoding of listeners.
//!
//! In: the items of `listeners`. Out: listeners that obey the rules for their protocol.

use super::{
    super::reference, AllowedRoutes, FromNamespaces, Listener, ListenerTls, NamespaceSelector,
    RouteKind,
};
use crate::{
    admission::{Block, Field, GATEWAY},
    codes,
    value::{is_domain_prefixed, is_hostname},
};

const PROTOCOLS: &[&str] = &["HTTP", "HTTPS", "TLS", "TCP", "UDP"];

/// Decodes the listeners of one Gateway or ListenerSet.
pub(in super::super) fn listeners(items: &[Field<'_>]) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for item in items {
        let Some(Some(listener)) = item.object(|block| listener(block, item)) else {
            continue;
        };
        if listeners.iter().any(|other| other.name == listener.name) {
            item.reject("Listener name must be unique within the Gateway");
        }
        let place = |listener: &Listener| {
            let Listener {
                port,
                protocol,
                hostname,
                ..
            } = listener;
            (*port, protocol.clone(), hostname.clone())
        };
        if listeners
            .iter()
            .any(|other| place(other) == place(&listener))
        {
            item.reject(
                "Combination of port, protocol and hostname must be unique for each listener",
            );
        }
        listeners.push(listener);
    }
    listeners
}

/// Whether `value` is not in `values` yet.
pub(super) fn unique<T: PartialEq>(values: &[T], value: &T) -> bool {
    !values.contains(value)
}

fn listener(block: &Block<'_>, item: &Field<'_>) -> Option<Listener> {
    block.required("name");
    let name = reference::section_name(block, "name");
    let port = block.required("port").and_then(|field| field.port());
    let protocol = block
        .required("protocol")
        .and_then(|field| protocol(&field));
    let hostname = block.optional("hostname").and_then(|field| {
        let hostname = field.string().filter(|hostname| !hostname.is_empty())?;
        if !is_hostname(hostname) {
            field.reject("must be a lower case DNS hostname, optionally with a leading \"*.\"");
        }
        Some(hostname.to_owned())
    });
    let tls = block.optional("tls");
    let tls = tls.and_then(|field| field.object(|block| listener_tls(block, &field)));
    let allowed_routes = block.optional("allowedRoutes");
    let allowed_routes = allowed_routes.and_then(|field| field.object(AllowedRoutes::decode));
    let listener = Listener {
        name: name?,
        hostname,
        port: port?,
        protocol: protocol?,
        tls,
        allowed_routes: allowed_routes.unwrap_or_default(),
    };
    check_protocol(&listener, item);
    Some(listener)
}

fn protocol(field: &Field<'_>) -> Option<String> {
    let protocol = field.text(255)?;
    if !PROTOCOLS.contains(&protocol) && !is_domain_prefixed(protocol) {
        let error = field.error(
            codes::UNSUPPORTED_VALUE,
            format!(
                "Unsupported value: {protocol:?}: supported values: \"HTTP\", \"HTTPS\", \
                 \"TLS\", \"TCP\", \"UDP\", or a domain-prefixed protocol"
            ),
        );
        let upper = protocol.to_ascii_uppercase();
        field.push(match PROTOCOLS.iter().find(|name| **name == upper) {
            Some(name) => error.help(format!("did you mean `{name}`?")),
            None => error,
        });
    }
    Some(protocol.to_owned())
}

fn check_protocol(listener: &Listener, item: &Field<'_>) {
    let protocol = listener.protocol.as_str();
    let mode = listener.tls.as_ref().map(|tls| tls.mode.as_str());
    match (protocol, mode) {
        ("HTTP" | "TCP" | "UDP", Some(_)) => {
            item.reject("tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']");
        }
        ("HTTPS", Some("Passthrough")) => {
            item.reject("tls mode must be Terminate for protocol HTTPS");
        }
        ("TLS", None) => item.reject("tls mode must be set for protocol TLS"),
        _ => {}
    }
    if matches!(protocol, "TCP" | "UDP") && listener.hostname.is_some() {
        item.reject("hostname must not be specified for protocols ['TCP', 'UDP']");
    }
}

fn listener_tls(block: &Block<'_>, field: &Field<'_>) -> ListenerTls {
    block.unsupported(&["frontendValidation"]);
    let mode = block
        .optional("mode")
        .and_then(|field| field.word(&["Terminate", "Passthrough"]))
        // API default.
        .unwrap_or_else(|| "Terminate".to_owned());
    let references = block.list("certificateRefs", 0..=64);
    let options = block.optional("options").map_or(0, |options| {
        let count = options.string_map().len();
        options.check_length(count, 0..=16);
        count
    });
    if mode == "Terminate" && references.is_empty() && options == 0 {
        field.reject("certificateRefs or options must be specified when mode is Terminate");
    }
    ListenerTls {
        mode,
        certificate_refs: references
            .iter()
            .filter_map(|item| item.object(reference::secret))
            .collect(),
    }
}

impl AllowedRoutes {
    fn decode(block: &Block<'_>) -> Self {
        let kinds = block.list("kinds", 0..=8);
        let namespaces = block.optional("namespaces");
        Self {
            from: namespaces
                .and_then(|field| field.object(FromNamespaces::decode))
                .unwrap_or_default(),
            kinds: kinds
                .iter()
                .filter_map(|item| item.object(route_kind))
                .collect(),
        }
    }
}

fn route_kind(block: &Block<'_>) -> RouteKind {
    RouteKind {
        group: reference::group(block, Some(GATEWAY)),
        kind: reference::kind(block, None),
    }
}

impl FromNamespaces {
    /// Absent: `Same`.
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let from = block
            .optional("from")
            .and_then(|field| field.word(&["All", "Selector", "Same", "None"]));
        let selector = block.optional("selector");
        let selector = selector.and_then(|field| field.object(NamespaceSelector::decode));
        match (from.as_deref(), selector) {
            (Some("All"), _) => Self::All,
            (Some("None"), _) => Self::None,
            (Some("Selector"), Some(selector)) => Self::Selector(selector),
            // Without a selector nothing is selected: the API server lets this pass.
            (Some("Selector"), None) => Self::None,
            _ => Self::Same,
        }
    }
}
