// SPDX-License-Identifier: Apache-2.0
//! Which settings of a BackendTrafficPolicy concern what a route carries.
//!
//! In: a setting under upstream's name, and what the route carries. Out: nothing, or why the setting
//! does nothing there. Connections know no requests; what waits for or ends a connection holds for
//! both.

use sluicegate_resource::{
    envoygateway::backend_traffic_policy::{ConsistentHash, HashInput, LoadBalancerAlgorithm},
    gateway::Carried,
};

use super::TrafficPolicy;

/// Settings of a route, none of which the cluster of a backend has.
pub const ON_ROUTE: [&str; 15] = [
    CLOSE_DELAY,
    "timeout.http.requestTimeout",
    "timeout.http.maxStreamDuration",
    "timeout.http.streamIdleTimeout",
    "retry",
    "telemetry.metrics",
    "telemetry.tracing",
    "responseOverride",
    "faultInjection",
    "httpUpgrade",
    "requestBuffer",
    "rateLimit.local",
    "bandwidthLimit",
    "compressor",
    "compression",
];

/// Settings that only requests know.
const OF_REQUESTS: [&str; 28] = [
    "timeout.http.requestTimeout",
    "timeout.http.maxStreamDuration",
    "timeout.http.streamIdleTimeout",
    "timeout.http.connectionIdleTimeout",
    "timeout.http.maxConnectionDuration",
    "retry",
    "telemetry.tracing",
    "responseOverride",
    "faultInjection",
    "httpUpgrade",
    "requestBuffer",
    "rateLimit.local",
    "bandwidthLimit",
    "compressor",
    "compression",
    "circuitBreaker.maxParallelRequests",
    "circuitBreaker.maxParallelRetries",
    "circuitBreaker.maxConnectionPools",
    "circuitBreaker.maxRequestsPerConnection",
    "circuitBreaker.retryBudget",
    "http2.initialStreamWindowSize",
    "http2.initialConnectionWindowSize",
    "http2.maxConcurrentStreams",
    "http2.onInvalidMessage",
    "http2.connectionKeepalive",
    "useClientProtocol",
    "admissionControl",
    ENDPOINT_OVERRIDE,
];

const ENDPOINT_OVERRIDE: &str = "loadBalancer.endpointOverride";
const CONSISTENT_HASH: &str = "loadBalancer.consistentHash";
const CLOSE_DELAY: &str = "connection.connectionLimit.closeDelay";

/// Why `setting` does nothing for what a route carries.
pub fn without_effect(setting: &str, carried: Carried) -> Option<String> {
    match carried.is_requests() {
        true => (setting == CLOSE_DELAY).then(|| {
            "a request beyond the limit waits for a connection; closeDelay is for TCPRoutes and \
             TLSRoutes"
                .to_owned()
        }),
        false => OF_REQUESTS
            .contains(&setting)
            .then(|| format!("{} carry connections, not requests", plural(carried))),
    }
}

/// Settings beside [`super::Row`]s that do nothing, each with the reason.
pub fn all_without_effect(policy: &TrafficPolicy, carried: Carried) -> Vec<(&'static str, String)> {
    let names = ON_ROUTE.into_iter().chain([ENDPOINT_OVERRIDE]);
    let found = names.filter_map(|name| Some((name, without_effect(name, carried)?)));
    let found = found.chain(hashes_requests(policy, carried));
    found
        .filter(|(name, _)| policy.source(name).is_some())
        .collect()
}

/// A connection has an address, and nothing else that could be hashed.
fn hashes_requests(policy: &TrafficPolicy, carried: Carried) -> Option<(&'static str, String)> {
    let balancer = policy.spec.load_balancer.as_ref()?;
    let LoadBalancerAlgorithm::ConsistentHash(Some(ConsistentHash { input, .. })) =
        &balancer.value.algorithm
    else {
        return None;
    };
    let hashes = carried.is_requests() || *input == HashInput::SourceIp;
    (!hashes).then(|| {
        let reason = format!(
            "{} carry connections, of which only SourceIP can be hashed: hosts are picked at \
             random",
            plural(carried)
        );
        (CONSISTENT_HASH, reason)
    })
}

fn plural(carried: Carried) -> &'static str {
    match carried {
        Carried::Grpc => "GRPCRoutes",
        Carried::Http => "HTTPRoutes",
        Carried::Tcp => "TCPRoutes",
        Carried::Tls => "TLSRoutes",
        Carried::Udp => "UDPRoutes",
    }
}
