// SPDX-License-Identifier: Apache-2.0
//! The graph: Gateway → listener → route → rule → backend, every reference resolved.
//!
//! In: what the rest of this crate decides. Out: everything that translation needs, and no lookups
//! left to do.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use sluicegate_resource::{
    Object, ObjectRef,
    core::{EndpointSlice, Service, ServicePort},
    envoygateway::EnvoyProxy,
    gateway::{Filter, Fraction, Route, RouteRule},
    istio::{ServiceEntry, ServiceEntryPort},
    kgateway::{self, BackendType, StaticHost},
};

use crate::{
    AddressProblem, AppliedTraffic, EffectivePolicy, ListenAddress, Listening, TlsMaterial,
    TlsPolicy,
    certificate::KeyPair,
    telemetry::Telemetry,
    verdict::{
        EnvoyProxyVerdict, ListenerPolicyVerdict, ListenerVerdict, Outcome, PolicyVerdict,
        RouteVerdict, TlsPolicyVerdict, TrafficVerdict,
    },
};

/// Everything that was decided.
#[derive(Debug)]
pub struct Graph {
    /// Our Gateways, by reference.
    pub gateways: Vec<Gateway>,
    /// Where they listen; [`Listening::AsSeen`] says no more what was seen.
    pub listening: Listening,
    /// Every backend, used by a route or not.
    pub backends: BTreeMap<BackendKey, Arc<Backend>>,
    /// What became of each route that names one of our Gateways.
    pub routes: Vec<RouteVerdict>,
    /// What became of each BackendConfigPolicy.
    pub policies: Vec<PolicyVerdict>,
    /// What became of each BackendTLSPolicy.
    pub tls_policies: Vec<TlsPolicyVerdict>,
    /// What became of each BackendTrafficPolicy.
    pub traffic_policies: Vec<TrafficVerdict>,
    /// What became of each HTTPListenerPolicy.
    pub listener_policies: Vec<ListenerPolicyVerdict>,
    /// EnvoyProxies in use that there are doubts about.
    pub envoy_proxies: Vec<EnvoyProxyVerdict>,
}

/// Identity of a backend: what becomes one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BackendKey {
    /// The Service, Backend or ServiceEntry.
    pub object: ObjectRef,
    /// The host, for a ServiceEntry.
    pub host: Option<Arc<str>>,
    /// The port; 0 for a Backend.
    pub port: u16,
    /// Whether it is what GRPCRoutes use of a backend that does not say that it speaks HTTP/2: a
    /// cluster of its own beside the base cluster, with the same policies.
    pub grpc: bool,
}

impl BackendKey {
    /// The key that others use of the same backend.
    pub fn base(&self) -> Self {
        Self {
            grpc: false,
            ..self.clone()
        }
    }

    /// The key that GRPCRoutes use of the same backend, unless that speaks HTTP/2 anyway.
    pub fn of_grpc(&self) -> Self {
        Self {
            grpc: true,
            ..self.clone()
        }
    }
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        if let Some(host) = &self.host {
            write!(f, " host {host}")?;
        }
        if self.port > 0 {
            write!(f, " port {}", self.port)?;
        }
        f.write_str(if self.grpc { " for gRPC" } else { "" })
    }
}

/// How a backend speaks HTTP (spec 4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolClass {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// HTTP/1.1 that may upgrade to WebSocket.
    WebSocket,
}

/// What a backend is made of.
#[derive(Debug, Clone)]
pub enum BackendSource {
    /// A kgateway Backend; members by priority (one group with itself for a Static one).
    Backend {
        /// The object.
        object: Arc<Object<kgateway::Backend>>,
        /// Static Backends by priority.
        groups: Vec<Vec<Arc<Object<kgateway::Backend>>>>,
    },
    /// One port of a Service, with the Service's EndpointSlices.
    Service {
        /// The object.
        object: Arc<Object<Service>>,
        /// The port.
        port: ServicePort,
        /// Its slices, by reference.
        slices: Vec<Arc<Object<EndpointSlice>>>,
    },
    /// One host and port of a ServiceEntry.
    ServiceEntry {
        /// The object.
        object: Arc<Object<ServiceEntry>>,
        /// The host.
        host: Arc<str>,
        /// The port.
        port: ServiceEntryPort,
    },
}

impl BackendSource {
    /// Whether its endpoints are found by DNS.
    pub fn resolves_names(&self) -> bool {
        let is_name = |host: &StaticHost| host.host.parse::<IpAddr>().is_err();
        match self {
            Self::Service { .. } => false,
            Self::Backend { groups, .. } => groups.iter().flatten().any(|member| {
                let BackendType::Static { hosts, .. } = &member.spec.backend_type else {
                    return false;
                };
                hosts.iter().any(is_name)
            }),
            Self::ServiceEntry { object, .. } => object.spec.resolution.starts_with("DNS"),
        }
    }

    /// The address of a Service as a whole.
    pub fn cluster_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Service { object, .. } => object.spec.cluster_ip,
            _ => None,
        }
    }

    /// Whether all addresses of its name are one endpoint. Envoy refuses that form for more than one
    /// name.
    pub fn is_one_endpoint(&self) -> bool {
        matches!(self, Self::ServiceEntry { object, .. }
            if object.spec.resolution == "DNS_ROUND_ROBIN" && object.spec.endpoints.len() <= 1)
    }

    /// Whether hosts can be hashed by name: only where each resolved address keeps its name.
    pub fn has_hostnames(&self) -> bool {
        self.resolves_names() && !self.is_one_endpoint()
    }
}

/// A backend with its policies merged.
#[derive(Debug)]
pub struct Backend {
    /// Identity.
    pub key: BackendKey,
    /// What it is made of.
    pub source: BackendSource,
    /// How it speaks HTTP.
    pub protocol: ProtocolClass,
    /// The merged BackendConfigPolicies.
    pub policy: EffectivePolicy,
    /// Policies bound to it, in order of precedence, Invalid ones at the end.
    pub bound: Vec<Arc<Object<kgateway::BackendConfigPolicy>>>,
    /// Certificates of the effective `tls`.
    pub tls: Option<Arc<TlsMaterial>>,
    /// The BackendTLSPolicy that replaces `tls`.
    pub tls_policy: Option<Arc<TlsPolicy>>,
    /// Why nothing may be sent there (design decision 9); routes answer 500.
    pub closed: Option<String>,
    /// Whether only TCPRoutes and TLSRoutes name it: no request comes there.
    pub connections_only: bool,
}

/// A Gateway of ours.
#[derive(Debug)]
pub struct Gateway {
    /// The object.
    pub object: Arc<Object<sluicegate_resource::gateway::Gateway>>,
    /// `InvalidParameters`, `ListenersNotValid`, `UnsupportedAddress`.
    pub accepted: Outcome,
    /// Its own listeners in its order, then those of ListenerSets, in their order of precedence.
    pub listeners: Vec<Listener>,
    /// ListenerSets that name it, in order of precedence.
    pub listener_sets: Vec<AttachedListenerSet>,
    /// The EnvoyProxy of the Gateway or its class.
    pub proxy: Option<Arc<Object<EnvoyProxy>>>,
    /// What it was given of the address pool, when there is one.
    pub given: Option<Result<IpAddr, AddressProblem>>,
    /// Whether its listeners are anywhere: a Gateway listens nowhere as long as it lacks the address
    /// that it should be on.
    pub listens: bool,
}

impl Gateway {
    /// The listeners that `owner`, the Gateway or a ListenerSet, has.
    pub fn listeners_of<'a>(&'a self, owner: &'a ObjectRef) -> impl Iterator<Item = &'a Listener> {
        let listeners = self.listeners.iter();
        listeners.filter(move |listener| listener.owner == *owner)
    }
}

/// A ListenerSet that names a Gateway.
#[derive(Debug, Clone)]
pub struct AttachedListenerSet {
    /// The object.
    pub object: Arc<Object<sluicegate_resource::gateway::ListenerSet>>,
    /// `NotAllowed`, `ParentNotAccepted`, `ListenersNotValid`.
    pub accepted: Outcome,
}

/// A listener of a Gateway or a ListenerSet.
#[derive(Debug)]
pub struct Listener {
    /// The listener as decoded.
    pub spec: sluicegate_resource::gateway::Listener,
    /// Where the proxy listens: on the listener's port, unless that is mapped to another one.
    pub at: ListenAddress,
    /// The Gateway or ListenerSet that has it; references without a namespace mean its own.
    pub owner: ObjectRef,
    /// Certificates, in order.
    pub certificates: Vec<Arc<KeyPair>>,
    /// Routes in order of precedence (oldest first).
    pub routes: Vec<AttachedRoute>,
    /// What it writes and traces.
    pub telemetry: Telemetry,
    /// What became of it.
    pub verdict: ListenerVerdict,
}

/// A route on a listener.
#[derive(Debug, Clone)]
pub struct AttachedRoute {
    /// The route.
    pub route: Arc<Object<Route>>,
    /// Hostnames that listener and route have in common; `*` for every host.
    pub hostnames: Vec<String>,
    /// Those of them that an older route of connections has on this listener, with that route: these
    /// connections never come here.
    pub older: BTreeMap<String, ObjectRef>,
    /// Its rules with backends resolved.
    pub rules: Arc<Vec<ResolvedRule>>,
    /// The BackendTrafficPolicy in force for each rule on this listener.
    pub traffic: Vec<Option<AppliedTraffic>>,
}

/// A rule with its references chased.
#[derive(Debug, Clone)]
pub struct ResolvedRule {
    /// The rule as decoded.
    pub rule: RouteRule,
    /// Its backends.
    pub backends: Vec<ResolvedBackend>,
    /// Its mirrors.
    pub mirrors: Vec<ResolvedMirror>,
    /// A filter that cannot be honoured: the rule answers 500 and says why.
    pub broken: Option<String>,
}

/// A backend of a rule.
#[derive(Debug, Clone)]
pub struct ResolvedBackend {
    /// The backend; a broken reference keeps its share and answers 500.
    pub key: Option<BackendKey>,
    /// Weight.
    pub weight: u32,
    /// Filters of the backendRef.
    pub filters: Vec<Filter>,
}

/// A mirror of a rule.
#[derive(Debug, Clone)]
pub struct ResolvedMirror {
    /// Where copies go; broken ones are left out.
    pub key: BackendKey,
    /// Share of requests; `None` means all.
    pub fraction: Option<Fraction>,
}
