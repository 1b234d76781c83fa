// SPDX-License-Identifier: Apache-2.0
//! BackendConfigPolicy of kgateway.
//!
//! In: nothing. Out: the schema of its `spec`, in today's spelling and in every older one.

mod health;
mod load_balancer;
mod protocol;
mod tls;

use super::schema::{
    I32_MAX, Schema, boolean, duration, duration_from, integer, list, map, object,
    positive_duration, string, text, word,
};

/// Schema of `spec`.
pub(super) fn spec() -> Schema {
    object([
        ("targetRefs", list(target().fields([("name", text(1, 253))]).required(&["group", "kind", "name"]), 1, 16)
            .says("Backends of the policy's own namespace, by name. The policy applies to every port.")),
        ("targetSelectors", list(target().fields([("matchLabels", map(string())
                .says("All of them must be there and equal; none at all select nothing."))])
            .required(&["group", "kind", "matchLabels"]), 0, u32::MAX)
            .says("Backends of the policy's own namespace, by labels.")),
        ("connectTimeout", positive_duration()
            .says("How long a connection may take to open. Absent: 5s.")),
        ("perConnectionBufferLimitBytes", integer(0, I32_MAX)
            .says("Bytes that are buffered for a connection before its sender has to wait.")),
        ("tcpKeepalive", tcp_keepalive()),
        ("dns", dns()),
        ("upstreamProxyProtocol", object([("version", word(&["V1", "V2"]).says("Absent: V1."))])
            .says("Every connection starts with a PROXY header that tells the client's address.")),
        ("commonHttpProtocolOptions", protocol::common()),
        ("http1ProtocolOptions", protocol::http1()),
        ("http2ProtocolOptions", protocol::http2()),
        ("tls", tls::tls().says("TLS towards the backend.")),
        ("sslConfig", tls::tls().says("Older name of tls.")),
        ("loadBalancer", load_balancer::load_balancer()
            .says("Which host gets a request.")),
        ("loadBalancerConfig", load_balancer::load_balancer()
            .says("Older name of loadBalancer.")),
        ("healthCheck", health::active()),
        ("outlierDetection", health::passive()),
        ("circuitBreakers", circuit_breakers()),
    ])
    .at_most_one(&["http1ProtocolOptions", "http2ProtocolOptions"])
    .same_block("tls", "sslConfig")
    .same_block("loadBalancer", "loadBalancerConfig")
}

fn target() -> Schema {
    object([
        (
            "group",
            text(0, 253)
                .with(
                    "pattern",
                    "^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
                )
                .says("Empty for a Service."),
        ),
        ("kind", text(1, 63)),
    ])
    .rule(
        "(self.group == '' && self.kind == 'Service') || \
         (self.group == 'gateway.kgateway.dev' && self.kind == 'Backend') || \
         (self.group == 'networking.istio.io' && self.kind in ['Hostname', 'Service'])",
        "must reference a Service (group \"\"), a Backend (group \"gateway.kgateway.dev\") or a \
         Hostname (group \"networking.istio.io\"): correct group and kind",
    )
}

fn tcp_keepalive() -> Schema {
    object([
        (
            "keepAliveProbes",
            integer(0, I32_MAX)
                .says("Probes without an answer after which the connection is given up."),
        ),
        (
            "keepAliveTime",
            duration_from("1s").says("Idle time before the first probe."),
        ),
        (
            "keepAliveInterval",
            duration_from("1s").says("Time between probes."),
        ),
    ])
    .says("TCP keep-alive; an empty block turns it on with the system's values.")
}

fn dns() -> Schema {
    object([
        (
            "refreshRate",
            duration_from("2ms").says("Time between two look-ups. Absent: 5s."),
        ),
        (
            "jitter",
            duration().says("Largest random addition to refreshRate."),
        ),
        (
            "respectTTL",
            boolean().says("The answer's own time takes the place of refreshRate."),
        ),
    ])
    .says("How names of hosts are looked up.")
    .rule(
        "!(has(self.jitter) && has(self.refreshRate)) || \
         duration(self.jitter) <= duration(self.refreshRate)",
        "jitter must be less than or equal to refreshRate: lower jitter",
    )
}

fn circuit_breakers() -> Schema {
    let maxima = [
        "maxConnections",
        "maxPendingRequests",
        "maxRequests",
        "maxRetries",
    ];
    object([
        (
            "maxConnections",
            integer(1, I32_MAX).says("Connections at once. Absent: 1024."),
        ),
        (
            "maxPendingRequests",
            integer(1, I32_MAX).says("Requests that wait for a connection. Absent: 1024."),
        ),
        (
            "maxRequests",
            integer(1, I32_MAX).says("Requests at once. Absent: 1024."),
        ),
        (
            "maxRetries",
            integer(0, I32_MAX).says("Retries at once. Absent: 3."),
        ),
        (
            "trackRemaining",
            boolean().says("Gauges tell how much is left of each limit."),
        ),
    ])
    .says("Limits of what goes to the backend at once, from one gateway.")
    .at_least_one(&maxima)
}
