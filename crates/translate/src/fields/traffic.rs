// SPDX-License-Identifier: Apache-2.0
//! Which Envoy field each setting of a BackendTrafficPolicy becomes.
//!
//! In: a setting under upstream's name. Out: the path of the field of the Cluster; of the Route for
//! what concerns routes.

/// The Envoy field that `setting` (dotted, below `spec`) becomes; `None` for what is none.
pub fn envoy_field_of_traffic(setting: &str) -> Option<&'static str> {
    let row = ROWS.iter().find(|(name, _)| *name == setting);
    row.map(|(_, field)| *field)
}

const ROWS: &[(&str, &str)] = &[
    ("routingType", "endpoints.lb_endpoints"),
    ("loadBalancer", "load_balancing_policy"),
    (
        "loadBalancer.zoneAware",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config",
    ),
    (
        "circuitBreaker.maxConnections",
        "circuit_breakers.thresholds.max_connections",
    ),
    (
        "connection.connectionLimit.value",
        "circuit_breakers.thresholds.max_connections",
    ),
    ("connection.connectionLimit.closeDelay", "delay"),
    (
        "circuitBreaker.maxPendingRequests",
        "circuit_breakers.thresholds.max_pending_requests",
    ),
    (
        "circuitBreaker.maxParallelRequests",
        "circuit_breakers.thresholds.max_requests",
    ),
    (
        "circuitBreaker.maxParallelRetries",
        "circuit_breakers.thresholds.max_retries",
    ),
    (
        "circuitBreaker.maxConnectionPools",
        "circuit_breakers.thresholds.max_connection_pools",
    ),
    (
        "circuitBreaker.maxRequestsPerConnection",
        "common_http_protocol_options.max_requests_per_connection",
    ),
    (
        "circuitBreaker.perEndpoint",
        "circuit_breakers.per_host_thresholds.max_connections",
    ),
    (
        "circuitBreaker.retryBudget",
        "circuit_breakers.thresholds.retry_budget",
    ),
    (
        "healthCheck.panicThreshold",
        "common_lb_config.healthy_panic_threshold",
    ),
    ("healthCheck.active", "health_checks"),
    ("healthCheck.passive", "outlier_detection"),
    ("tcpKeepalive", "upstream_connection_options.tcp_keepalive"),
    (
        "tcpKeepalive.probes",
        "upstream_connection_options.tcp_keepalive.keepalive_probes",
    ),
    (
        "tcpKeepalive.idleTime",
        "upstream_connection_options.tcp_keepalive.keepalive_time",
    ),
    (
        "tcpKeepalive.interval",
        "upstream_connection_options.tcp_keepalive.keepalive_interval",
    ),
    (
        "connection.bufferLimit",
        "per_connection_buffer_limit_bytes",
    ),
    (
        "connection.socketBufferLimit",
        "upstream_bind_config.socket_options",
    ),
    (
        "connection.preconnect.perEndpointPercent",
        "preconnect_policy.per_upstream_preconnect_ratio",
    ),
    (
        "http2.initialStreamWindowSize",
        "http2_protocol_options.initial_stream_window_size",
    ),
    (
        "http2.initialConnectionWindowSize",
        "http2_protocol_options.initial_connection_window_size",
    ),
    (
        "http2.maxConcurrentStreams",
        "http2_protocol_options.max_concurrent_streams",
    ),
    (
        "http2.onInvalidMessage",
        "http2_protocol_options.override_stream_error_on_invalid_http_message",
    ),
    (
        "http2.connectionKeepalive",
        "http2_protocol_options.connection_keepalive",
    ),
    ("dns.dnsRefreshRate", "cluster_type.dns_refresh_rate"),
    ("dns.respectDnsTtl", "cluster_type.respect_dns_ttl"),
    ("dns.lookupFamily", "cluster_type.dns_lookup_family"),
    ("proxyProtocol", "transport_socket.config"),
    ("timeout.tcp.connectTimeout", "connect_timeout"),
    (
        "timeout.http.connectionIdleTimeout",
        "common_http_protocol_options.idle_timeout",
    ),
    (
        "timeout.http.maxConnectionDuration",
        "common_http_protocol_options.max_connection_duration",
    ),
    ("useClientProtocol", "use_downstream_protocol_config"),
    ("admissionControl", "http_filters"),
    ("timeout.http.requestTimeout", "route.timeout"),
    (
        "timeout.http.maxStreamDuration",
        "route.max_stream_duration",
    ),
    ("timeout.http.streamIdleTimeout", "route.idle_timeout"),
    ("retry", "route.retry_policy"),
    ("telemetry.metrics", "stat_prefix"),
    ("telemetry.tracing", "tracing"),
    ("responseOverride", "typed_per_filter_config"),
    ("faultInjection", "typed_per_filter_config"),
    ("httpUpgrade", "route.upgrade_configs"),
    ("requestBuffer", "typed_per_filter_config"),
    ("rateLimit.local", "typed_per_filter_config"),
    ("bandwidthLimit", "typed_per_filter_config"),
    ("compressor", "typed_per_filter_config"),
    ("compression", "typed_per_filter_config"),
];

#[cfg(test)]
mod tests {
    use sluicegate_attach::{ON_ROUTE, Row};

    use super::*;

    #[test]
    fn every_setting_has_a_field() {
        let rows = Row::ALL.iter().map(|row| row.name());
        for name in rows.chain(ON_ROUTE) {
            assert!(envoy_field_of_traffic(name).is_some(), "{name}");
        }
    }
}
