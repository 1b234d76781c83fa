// SPDX-License-Identifier: Apache-2.0
//! Gateway and its listeners.
//!
//! In: a document (`decode`, `listener`). Out: these types.

mod decode;
mod listener;

pub(super) use decode::gateway_reference;
pub(super) use listener::listeners;

use std::collections::BTreeMap;

/// A Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gateway {
    /// `gatewayClassName`.
    pub gateway_class_name: String,
    /// `listeners`, 1..64.
    pub listeners: Vec<Listener>,
    /// `allowedListeners.namespaces`, default none: where ListenerSets may be.
    pub allowed_listeners: FromNamespaces,
    /// `addresses` as (type, value).
    pub addresses: Vec<(String, Option<String>)>,
    /// `infrastructure.labels`, for whatever is made for this Gateway.
    pub infrastructure_labels: BTreeMap<String, String>,
    /// `infrastructure.annotations`, for the same.
    pub infrastructure_annotations: BTreeMap<String, String>,
    /// `infrastructure.parametersRef`, of its own namespace.
    pub parameters_ref: Option<ObjectReference>,
    /// `tls.backend.clientCertificateRef`.
    pub backend_client_certificate: Option<ObjectReference>,
}

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// `name`, unique in the Gateway.
    pub name: String,
    /// `hostname`; `None` means every host.
    pub hostname: Option<String>,
    /// `port`, 1..65535.
    pub port: u16,
    /// `protocol`: `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or a domain-prefixed one.
    pub protocol: String,
    /// `tls`.
    pub tls: Option<ListenerTls>,
    /// `allowedRoutes`, default: same namespace, every kind of the protocol.
    pub allowed_routes: AllowedRoutes,
}

impl Listener {
    /// Whether clients speak TLS to it, and the name that they ask for tells it from others.
    pub fn is_tls(&self) -> bool {
        matches!(self.protocol.as_str(), "HTTPS" | "TLS")
    }

    /// Whether TLS ends here.
    pub fn terminates(&self) -> bool {
        let passthrough = |tls: &ListenerTls| tls.mode == "Passthrough";
        self.is_tls() && !self.tls.as_ref().is_some_and(passthrough)
    }
}

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListenerTls {
    /// `mode`: `Terminate` (default) or `Passthrough`.
    pub mode: String,
    /// `certificateRefs`.
    pub certificate_refs: Vec<ObjectReference>,
}

/// A reference to an object, with the API's defaults applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectReference {
    /// Group; empty for core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; `None` means the referrer's.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// Which routes may attach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedRoutes {
    /// `namespaces.from`.
    pub from: FromNamespaces,
    /// `kinds`; empty means every kind of the protocol.
    pub kinds: Vec<RouteKind>,
}

/// Namespaces whose routes or ListenerSets may attach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FromNamespaces {
    /// Every namespace.
    All,
    /// No namespace.
    None,
    /// The listener's own (API default for routes).
    #[default]
    Same,
    /// Namespaces whose labels match.
    Selector(NamespaceSelector),
}

/// A Kubernetes label selector.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamespaceSelector {
    /// `matchLabels`.
    pub match_labels: BTreeMap<String, String>,
    /// `matchExpressions`.
    pub match_expressions: Vec<SelectorRequirement>,
}

/// One `matchExpressions` item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectorRequirement {
    /// Label key.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values of `In` and `NotIn`.
    pub values: Vec<String>,
}

/// A route kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteKind {
    /// Group, default `gateway.networking.k8s.io`.
    pub group: String,
    /// Kind.
    pub kind: String,
}
