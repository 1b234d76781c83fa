// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicy of Envoy Gateway.
//!
//! In: nothing. Out: the schema of its `spec`, in upstream's spelling and in the founding document's.

mod connection;
mod filters;
mod health_check;
mod load_balancer;
mod rate_limit;
mod response_override;
mod retry;
mod target;
mod telemetry;

use super::schema::{
    Schema, boolean, duration, duration_from, has, object, positive_duration, word,
};

/// Schema of `spec`.
pub(super) fn spec() -> Schema {
    let spec = object([
        (
            "targetRef",
            target::reference().says("The route or Gateway that the policy applies to."),
        ),
        ("targetRefs", target::references()),
        ("targetSelectors", target::selectors()),
        (
            "mergeType",
            word(&["StrategicMerge", "JSONMerge", "Replace"])
                .says("How it merges with a policy of the Gateway above. Absent: Replace."),
        ),
        (
            "routingType",
            word(&["Service", "Endpoint"])
                .says("Whether requests go to the Service's address or to endpoints."),
        ),
        ("loadBalancer", load_balancer::load_balancer()),
        ("circuitBreaker", connection::circuit_breaker()),
        ("healthCheck", health_check::health_check()),
        ("tcpKeepalive", connection::tcp_keepalive()),
        ("connection", connection::connection()),
        ("http2", connection::http2()),
        ("dns", dns()),
        (
            "proxyProtocol",
            object([("version", word(&["V1", "V2"]))])
                .required(&["version"])
                .says(
                    "Every connection starts with a PROXY header that tells the client's address.",
                ),
        ),
        ("timeout", timeout()),
        ("retry", retry::retry()),
        (
            "useClientProtocol",
            boolean().says("The backend is spoken to as the client speaks."),
        ),
        ("telemetry", telemetry::telemetry()),
    ]);
    rules(spec.fields([
        ("rateLimit", rate_limit::rate_limit()),
        ("bandwidthLimit", filters::bandwidth_limit()),
        ("faultInjection", filters::fault_injection()),
        ("admissionControl", filters::admission_control()),
        ("compressor", filters::compressors(true)),
        (
            "compression",
            filters::compressors(false).says("Older form of compressor."),
        ),
        ("httpUpgrade", filters::http_upgrade()),
        ("requestBuffer", filters::request_buffer()),
        ("responseOverride", response_override::response_override()),
    ]))
}

/// Rules over several blocks.
fn rules(spec: Schema) -> Schema {
    let random = "(has(self.loadBalancer) && self.loadBalancer.type in ['Random', 'RoundRobin'])";
    spec.rule(
        "has(self.targetRef) || (has(self.targetRefs) && size(self.targetRefs) > 0) || \
         (has(self.targetSelectors) && size(self.targetSelectors) > 0)",
        "set one of targetRefs, targetSelectors, targetRef: name the route or Gateway that the \
         policy applies to",
    )
    .rule(
        &format!(
            "!has(self.mergeType) || self.mergeType == 'Replace' || {}",
            every_target("!(KIND in ['Gateway', 'ListenerSet'])")
        ),
        "mergeType may only be set when every target is a route: remove mergeType",
    )
    .rule(
        &format!(
            "!has(self.admissionControl) || {}",
            every_target("!(KIND in ['TCPRoute', 'TLSRoute', 'UDPRoute'])")
        ),
        "admissionControl may only be set when every target is a Gateway, ListenerSet, HTTPRoute \
         or GRPCRoute: remove admissionControl",
    )
    .at_most_one(&["compressor", "compression"])
    .rule(
        "!has(self.requestBuffer) || !has(self.httpUpgrade) || size(self.httpUpgrade) == 0",
        "requestBuffer and httpUpgrade may not be set together: remove one of them",
    )
    .rule(
        &format!(
            "!{} || {random}",
            has("connection.preconnect.predictivePercent")
        ),
        "predictivePercent needs loadBalancer.type Random or RoundRobin: write loadBalancer.type, \
         or remove predictivePercent",
    )
}

/// A condition on the kind of every target.
fn every_target(condition: &str) -> String {
    let single = condition.replace("KIND", "self.targetRef.kind");
    let each = condition.replace("KIND", "target.kind");
    format!(
        "((!has(self.targetRef) || {single}) && \
         (!has(self.targetRefs) || self.targetRefs.all(target, {each})) && \
         (!has(self.targetSelectors) || self.targetSelectors.all(target, {each})))"
    )
}

fn dns() -> Schema {
    let families = [
        "IPv4",
        "IPv6",
        "IPv4Preferred",
        "IPv6Preferred",
        "IPv4AndIPv6",
    ];
    object([
        (
            "dnsRefreshRate",
            duration_from("2ms").says("Time between two look-ups. Absent: 60s."),
        ),
        (
            "respectDnsTtl",
            boolean().says("The answer's own time takes the place of the rate. Absent: false."),
        ),
        (
            "lookupFamily",
            word(&families).says("Addresses that are used. Absent: IPv4Preferred."),
        ),
    ])
    .says("How names of hosts are looked up.")
}

fn timeout() -> Schema {
    let tcp = object([(
        "connectTimeout",
        positive_duration().says("How long a connection may take to open. Absent: 5s."),
    )]);
    let http = object([
        (
            "requestTimeout",
            duration().says("How long an answer may take as a whole; 0s is for ever. Absent: 15s."),
        ),
        (
            "connectionIdleTimeout",
            duration()
                .says("Idle time after which a connection is closed; 0s is never. Absent: 1h."),
        ),
        (
            "maxConnectionDuration",
            duration().says("Age at which a connection is closed."),
        ),
        (
            "maxStreamDuration",
            duration().says("Time that a request with its response may take; 0s is any."),
        ),
        (
            "streamIdleTimeout",
            duration().says("Silence after which a request is ended; 0s is never."),
        ),
    ]);
    object([("tcp", tcp), ("http", http)]).says("Times that are waited.")
}
