// SPDX-License-Identifier: Apache-2.0
//! Decoding of a BackendTrafficPolicy.
//!
//! In: the root of a document. Out: the policy; one with an error keeps its targets and nothing
//! else, so that its status can be written.

use super::{
    AdmissionControl, BackendTrafficPolicy, BandwidthLimit, CircuitBreaker, Connection, Dns,
    FaultInjection, HealthCheck, Http2, LoadBalancer, MergeType, ProxyProtocolVersion, RateLimit,
    Retry, RoutingType, TcpKeepalive, Telemetry, Timeout, compression, http_upgrade, reader,
    response_override, rules,
    target::{target_selectors, targets},
};
use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
};

impl Body for BackendTrafficPolicy {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        let policy = spec.and_then(|field| {
            for (setting, instead) in NOT_ENFORCED {
                not_enforced(&field, setting, instead);
            }
            field.object(Self::spec)
        });
        policy.unwrap_or_default()
    }

    fn refused(self) -> Option<Self> {
        Some(Self {
            targets: self.targets,
            target_selectors: self.target_selectors,
            secures_connection: self.secures_connection,
            ..Self::default()
        })
    }
}

impl BackendTrafficPolicy {
    pub(super) fn spec(block: &Block<'_>) -> Self {
        let mut policy = Self {
            targets: targets(block),
            target_selectors: target_selectors(block),
            merge_type: block.written("mergeType", merge_type),
            routing_type: block.written("routingType", routing_type),
            load_balancer: block.written("loadBalancer", |field| {
                field.object(LoadBalancer::decode).flatten()
            }),
            circuit_breaker: section(block, "circuitBreaker", CircuitBreaker::decode),
            health_check: section(block, "healthCheck", HealthCheck::decode),
            tcp_keepalive: section(block, "tcpKeepalive", TcpKeepalive::decode),
            connection: section(block, "connection", Connection::decode),
            http2: section(block, "http2", Http2::decode),
            dns: section(block, "dns", Dns::decode),
            proxy_protocol: block.written("proxyProtocol", proxy_protocol),
            timeout: section(block, "timeout", Timeout::decode),
            retry: section(block, "retry", Retry::decode),
            secures_connection: secures_connection(block),
            ..Self::default()
        };
        policy.beyond_the_founding_document(block);
        rules::check(block, &policy);
        policy
    }

    /// Filters and what else upstream has grown.
    fn beyond_the_founding_document(&mut self, block: &Block<'_>) {
        self.use_client_protocol = block.written("useClientProtocol", Field::boolean);
        self.rate_limit = section(block, "rateLimit", RateLimit::decode);
        self.bandwidth_limit = section(block, "bandwidthLimit", BandwidthLimit::decode);
        self.fault_injection = section(block, "faultInjection", FaultInjection::decode);
        self.admission_control = section(block, "admissionControl", AdmissionControl::decode);
        self.compressors = compression::decode(block);
        self.response_override = block.written("responseOverride", |field| {
            Some(response_override::decode(field))
        });
        self.http_upgrade = block.written("httpUpgrade", |field| Some(http_upgrade::decode(field)));
        self.request_buffer_limit = block.written("requestBuffer", |field| {
            field.object(|block| reader::bytes(&block.required("limit")?, 1..=u32::MAX))?
        });
        self.telemetry = section(block, "telemetry", Telemetry::decode);
    }
}

/// Settings below `spec` that are read and checked, and change no traffic yet, with what happens
/// instead.
const NOT_ENFORCED: [(&str, &str); 3] = [
    (
        "connection.preconnect.predictivePercent",
        "`perEndpointPercent` opens connections to each endpoint ahead of demand",
    ),
    (
        "loadBalancer.backendUtilization",
        "load reports of endpoints are not read; the balancer of the backend stays",
    ),
    (
        "rateLimit.global",
        "no rate limit service is asked; `rateLimit.local` limits in each process of the gateway",
    ),
];

/// Says that `setting` changes nothing, where it is set, and what happens `instead`.
fn not_enforced(field: &Field<'_>, setting: &'static str, instead: &str) {
    let (name, rest) = setting
        .split_once('.')
        .map_or((setting, None), |(name, rest)| (name, Some(rest)));
    let found = field.node.get(name);
    let Some(node) = found.filter(|node| node.value != sluicegate_manifest::Value::Null) else {
        return;
    };
    let field = field.child(name, node);
    match rest {
        Some(rest) => not_enforced(&field, rest, instead),
        None => field.warn(
            codes::NOT_ENFORCED,
            format!(
                "`{}` is read and checked, and changes no traffic yet: {instead}",
                field.path()
            ),
        ),
    }
}

/// A block of settings with its path.
fn section<'d, T>(
    block: &Block<'d>,
    name: &'static str,
    decode: impl Fn(&Block<'d>) -> T,
) -> Option<crate::value::Written<T>> {
    block.written(name, |field| field.object(&decode))
}

fn merge_type(field: &Field<'_>) -> Option<MergeType> {
    field.choice(&[
        ("StrategicMerge", MergeType::Strategic),
        ("JSONMerge", MergeType::Json),
        ("Replace", MergeType::Replace),
    ])
}

fn routing_type(field: &Field<'_>) -> Option<RoutingType> {
    field.choice(&[
        ("Service", RoutingType::Service),
        ("Endpoint", RoutingType::Endpoint),
    ])
}

fn proxy_protocol(field: &Field<'_>) -> Option<ProxyProtocolVersion> {
    field.object(|block| {
        block.required("version")?.choice(&[
            ("V1", ProxyProtocolVersion::V1),
            ("V2", ProxyProtocolVersion::V2),
        ])
    })?
}

/// Whether the author meant to send PROXY headers, even by a misspelt name.
fn secures_connection(block: &Block<'_>) -> bool {
    const NAME: &str = "proxyProtocol";
    let mut keys = block.field.entries().into_iter().map(|(key, _)| key);
    keys.any(|key| sluicegate_manifest::nearest(key, [NAME]).is_some())
}
