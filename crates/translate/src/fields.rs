// SPDX-License-Identifier: Apache-2.0
//! Which Envoy field each policy field becomes.
//!
//! In: a leaf below a unit of a BackendConfigPolicy, in today's spelling, or a setting of a
//! BackendTrafficPolicy. Out: the path of the field of the Cluster or Route, for `explain`, `diff`
//! and the reference page.

mod traffic;

use sluicegate_attach::Unit;

pub use traffic::envoy_field_of_traffic;

/// The Envoy field that `leaf` (dotted, below the unit; empty for a unit that is a leaf itself)
/// becomes; `None` for what is not an Envoy field of its own.
pub fn envoy_field(unit: Unit, leaf: &str) -> Option<&'static str> {
    let leaf = &renamed_blocks(leaf);
    let rows = ROWS.iter().filter(|(of, ..)| *of == unit);
    // Indices of lists do not matter: `hashPolicies[0].terminal` is `hashPolicies.terminal`.
    rows.filter(|(_, name, _)| *name == leaf || spelled_before(unit, leaf) == Some(*name))
        .map(|(.., field)| *field)
        .next()
}

/// Today's spelling of the older names of inner blocks.
fn renamed_blocks(leaf: &str) -> String {
    let segments = leaf.split('.').map(|segment| {
        let renamed = BLOCKS.iter().find(|(old, _)| *old == segment);
        renamed.map_or(segment, |(_, new)| new)
    });
    segments.collect::<Vec<_>>().join(".")
}

/// Today's spelling of an older leaf.
fn spelled_before(unit: Unit, leaf: &str) -> Option<&'static str> {
    let renamed = LEAVES
        .iter()
        .find(|(of, old, _)| *of == unit && *old == leaf);
    renamed.map(|(.., new)| *new)
}

/// Older spellings of a field, whole paths below `spec`; one for each name that was another. Those of
/// a unit stand with the unit itself.
pub fn older_spellings(unit: Unit, leaf: &str) -> Vec<String> {
    let path = |leaf: &str| format!("{}.{leaf}", unit.name());
    let mut older = Vec::new();
    let units = UNITS.iter().filter(|(_, new)| *new == unit);
    let units = units.filter(|_| leaf.is_empty());
    older.extend(units.map(|(old, _)| (*old).to_owned()));
    for (old, new) in BLOCKS {
        let segments = leaf.split('.').map(|it| if it == new { old } else { it });
        let renamed = segments.collect::<Vec<_>>().join(".");
        if renamed != leaf {
            older.push(path(&renamed));
        }
    }
    let leaves = LEAVES
        .iter()
        .filter(|(of, _, new)| *of == unit && *new == leaf);
    older.extend(leaves.map(|(_, old, _)| path(old)));
    older
}

/// Older names of whole units.
const UNITS: [(&str, Unit); 2] = [
    ("sslConfig", Unit::Tls),
    ("loadBalancerConfig", Unit::LoadBalancer),
];

/// Older names of inner blocks, and today's.
const BLOCKS: [(&str, &str); 2] = [
    ("slowStartConfig", "slowStart"),
    ("sslParameters", "parameters"),
];

/// Older names of leaves, and today's.
const LEAVES: [(Unit, &str, &str); 12] = [
    (
        Unit::Http1ProtocolOptions,
        "headerFormat",
        "preserveHttp1HeaderCase",
    ),
    (Unit::Tls, "sslFiles.tlsCertificate", "files.tlsCertificate"),
    (Unit::Tls, "sslFiles.tlsKey", "files.tlsKey"),
    (Unit::Tls, "sslFiles.rootCA", "files.rootCA"),
    (Unit::Tls, "tlsFiles.tlsCertificate", "files.tlsCertificate"),
    (Unit::Tls, "tlsFiles.tlsKey", "files.tlsKey"),
    (Unit::Tls, "tlsFiles.rootCA", "files.rootCA"),
    (Unit::Tls, "verifySubjectAltName", "verifySubjectAltNames"),
    (Unit::Tls, "oneWayTLS", "simpleTLS"),
    (
        Unit::Tls,
        "parameters.tlsMinVersion",
        "parameters.minVersion",
    ),
    (
        Unit::Tls,
        "parameters.tlsMaxVersion",
        "parameters.maxVersion",
    ),
    (Unit::LoadBalancer, "localityConfigType", "localityType"),
];

/// Every row, for the reference page.
pub fn rows() -> impl Iterator<Item = (Unit, &'static str, &'static str)> {
    ROWS.iter().copied()
}

const ROWS: &[(Unit, &str, &str)] = &[
    (Unit::ConnectTimeout, "", "connect_timeout"),
    (
        Unit::PerConnectionBufferLimitBytes,
        "",
        "per_connection_buffer_limit_bytes",
    ),
    (
        Unit::TcpKeepalive,
        "",
        "upstream_connection_options.tcp_keepalive",
    ),
    (
        Unit::TcpKeepalive,
        "keepAliveProbes",
        "upstream_connection_options.tcp_keepalive.keepalive_probes",
    ),
    (
        Unit::TcpKeepalive,
        "keepAliveTime",
        "upstream_connection_options.tcp_keepalive.keepalive_time",
    ),
    (
        Unit::TcpKeepalive,
        "keepAliveInterval",
        "upstream_connection_options.tcp_keepalive.keepalive_interval",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "",
        "common_http_protocol_options",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "idleTimeout",
        "common_http_protocol_options.idle_timeout",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "maxHeadersCount",
        "common_http_protocol_options.max_headers_count",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "maxStreamDuration",
        "common_http_protocol_options.max_stream_duration",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "maxRequestsPerConnection",
        "common_http_protocol_options.max_requests_per_connection",
    ),
    (
        Unit::CommonHttpProtocolOptions,
        "headersWithUnderscoresAction",
        "common_http_protocol_options.headers_with_underscores_action",
    ),
    (Unit::Http1ProtocolOptions, "", "http_protocol_options"),
    (
        Unit::Http1ProtocolOptions,
        "enableTrailers",
        "http_protocol_options.enable_trailers",
    ),
    (
        Unit::Http1ProtocolOptions,
        "preserveHttp1HeaderCase",
        "http_protocol_options.header_key_format",
    ),
    (
        Unit::Http1ProtocolOptions,
        "overrideStreamErrorOnInvalidHttpMessage",
        "http_protocol_options.override_stream_error_on_invalid_http_message",
    ),
    (Unit::Http2ProtocolOptions, "", "http2_protocol_options"),
    (
        Unit::Http2ProtocolOptions,
        "initialStreamWindowSize",
        "http2_protocol_options.initial_stream_window_size",
    ),
    (
        Unit::Http2ProtocolOptions,
        "initialConnectionWindowSize",
        "http2_protocol_options.initial_connection_window_size",
    ),
    (
        Unit::Http2ProtocolOptions,
        "maxConcurrentStreams",
        "http2_protocol_options.max_concurrent_streams",
    ),
    (
        Unit::Http2ProtocolOptions,
        "overrideStreamErrorOnInvalidHttpMessage",
        "http2_protocol_options.override_stream_error_on_invalid_http_message",
    ),
    (
        Unit::Http2ProtocolOptions,
        "connectionKeepalive.timeout",
        "http2_protocol_options.connection_keepalive.timeout",
    ),
    (
        Unit::Http2ProtocolOptions,
        "connectionKeepalive.interval",
        "http2_protocol_options.connection_keepalive.interval",
    ),
    (
        Unit::Http2ProtocolOptions,
        "connectionKeepalive.connectionIdleInterval",
        "http2_protocol_options.connection_keepalive.connection_idle_interval",
    ),
    (Unit::Tls, "", "transport_socket"),
    (
        Unit::Tls,
        "secretRef.name",
        "transport_socket.common_tls_context.tls_certificates",
    ),
    (
        Unit::Tls,
        "files.tlsCertificate",
        "transport_socket.common_tls_context.tls_certificates.certificate_chain",
    ),
    (
        Unit::Tls,
        "files.tlsKey",
        "transport_socket.common_tls_context.tls_certificates.private_key",
    ),
    (
        Unit::Tls,
        "files.rootCA",
        "transport_socket.common_tls_context.validation_context.trusted_ca",
    ),
    (
        Unit::Tls,
        "insecureSkipVerify",
        "transport_socket.common_tls_context.validation_context",
    ),
    (
        Unit::Tls,
        "wellKnownCACertificates",
        "transport_socket.common_tls_context.validation_context.trusted_ca",
    ),
    (Unit::Tls, "sni", "transport_socket.sni"),
    (
        Unit::Tls,
        "verifySubjectAltNames",
        "transport_socket.common_tls_context.validation_context.match_typed_subject_alt_names",
    ),
    (
        Unit::Tls,
        "parameters.minVersion",
        "transport_socket.common_tls_context.tls_params.tls_minimum_protocol_version",
    ),
    (
        Unit::Tls,
        "parameters.maxVersion",
        "transport_socket.common_tls_context.tls_params.tls_maximum_protocol_version",
    ),
    (
        Unit::Tls,
        "parameters.cipherSuites",
        "transport_socket.common_tls_context.tls_params.cipher_suites",
    ),
    (
        Unit::Tls,
        "parameters.ecdhCurves",
        "transport_socket.common_tls_context.tls_params.ecdh_curves",
    ),
    (
        Unit::Tls,
        "parameters.signatureAlgorithms",
        "transport_socket.common_tls_context.tls_params.signature_algorithms",
    ),
    (
        Unit::Tls,
        "alpnProtocols",
        "transport_socket.common_tls_context.alpn_protocols",
    ),
    (
        Unit::Tls,
        "allowRenegotiation",
        "transport_socket.allow_renegotiation",
    ),
    (
        Unit::Tls,
        "simpleTLS",
        "transport_socket.common_tls_context.tls_certificates",
    ),
    (Unit::LoadBalancer, "", "load_balancing_policy"),
    (
        Unit::LoadBalancer,
        "healthyPanicThreshold",
        "common_lb_config.healthy_panic_threshold",
    ),
    (
        Unit::LoadBalancer,
        "updateMergeWindow",
        "common_lb_config.update_merge_window",
    ),
    (
        Unit::LoadBalancer,
        "closeConnectionsOnHostSetChange",
        "common_lb_config.close_connections_on_host_set_change",
    ),
    (
        Unit::LoadBalancer,
        "localityType",
        "load_balancing_policy.locality_weighted_lb_config",
    ),
    (
        Unit::LoadBalancer,
        "leastRequest",
        "load_balancing_policy.least_request",
    ),
    (
        Unit::LoadBalancer,
        "leastRequest.choiceCount",
        "load_balancing_policy.least_request.choice_count",
    ),
    (
        Unit::LoadBalancer,
        "leastRequest.slowStart.window",
        "load_balancing_policy.least_request.slow_start_config.slow_start_window",
    ),
    (
        Unit::LoadBalancer,
        "leastRequest.slowStart.aggression",
        "load_balancing_policy.least_request.slow_start_config.aggression",
    ),
    (
        Unit::LoadBalancer,
        "leastRequest.slowStart.minWeightPercent",
        "load_balancing_policy.least_request.slow_start_config.min_weight_percent",
    ),
    (
        Unit::LoadBalancer,
        "roundRobin",
        "load_balancing_policy.round_robin",
    ),
    (
        Unit::LoadBalancer,
        "roundRobin.slowStart.window",
        "load_balancing_policy.round_robin.slow_start_config.slow_start_window",
    ),
    (
        Unit::LoadBalancer,
        "roundRobin.slowStart.aggression",
        "load_balancing_policy.round_robin.slow_start_config.aggression",
    ),
    (
        Unit::LoadBalancer,
        "roundRobin.slowStart.minWeightPercent",
        "load_balancing_policy.round_robin.slow_start_config.min_weight_percent",
    ),
    (
        Unit::LoadBalancer,
        "ringHash",
        "load_balancing_policy.ring_hash",
    ),
    (
        Unit::LoadBalancer,
        "ringHash.minimumRingSize",
        "load_balancing_policy.ring_hash.minimum_ring_size",
    ),
    (
        Unit::LoadBalancer,
        "ringHash.maximumRingSize",
        "load_balancing_policy.ring_hash.maximum_ring_size",
    ),
    (
        Unit::LoadBalancer,
        "ringHash.useHostnameForHashing",
        "load_balancing_policy.ring_hash.consistent_hashing_lb_config.use_hostname_for_hashing",
    ),
    (
        Unit::LoadBalancer,
        "ringHash.hashPolicies",
        "load_balancing_policy.ring_hash.consistent_hashing_lb_config.hash_policy",
    ),
    (Unit::LoadBalancer, "maglev", "load_balancing_policy.maglev"),
    (
        Unit::LoadBalancer,
        "maglev.useHostnameForHashing",
        "load_balancing_policy.maglev.consistent_hashing_lb_config.use_hostname_for_hashing",
    ),
    (
        Unit::LoadBalancer,
        "maglev.hashPolicies",
        "load_balancing_policy.maglev.consistent_hashing_lb_config.hash_policy",
    ),
    (Unit::LoadBalancer, "random", "load_balancing_policy.random"),
    (
        Unit::LoadBalancer,
        "zoneAware.preferLocal",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config",
    ),
    (
        Unit::LoadBalancer,
        "zoneAware.preferLocal.minEndpointsThreshold",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config.min_cluster_size",
    ),
    (
        Unit::LoadBalancer,
        "zoneAware.preferLocal.routingEnabled",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config.routing_enabled",
    ),
    (
        Unit::LoadBalancer,
        "zoneAware.preferLocal.force",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config.force_local_zone",
    ),
    (
        Unit::LoadBalancer,
        "zoneAware.preferLocal.force.minEndpointsInZoneThreshold",
        "load_balancing_policy.locality_lb_config.zone_aware_lb_config.force_local_zone.min_size",
    ),
    (Unit::HealthCheck, "", "health_checks"),
    (Unit::HealthCheck, "timeout", "health_checks.timeout"),
    (Unit::HealthCheck, "interval", "health_checks.interval"),
    (
        Unit::HealthCheck,
        "unhealthyThreshold",
        "health_checks.unhealthy_threshold",
    ),
    (
        Unit::HealthCheck,
        "healthyThreshold",
        "health_checks.healthy_threshold",
    ),
    (
        Unit::HealthCheck,
        "http.path",
        "health_checks.http_health_check.path",
    ),
    (
        Unit::HealthCheck,
        "http.host",
        "health_checks.http_health_check.host",
    ),
    (
        Unit::HealthCheck,
        "http.method",
        "health_checks.http_health_check.method",
    ),
    (
        Unit::HealthCheck,
        "grpc.serviceName",
        "health_checks.grpc_health_check.service_name",
    ),
    (
        Unit::HealthCheck,
        "grpc.authority",
        "health_checks.grpc_health_check.authority",
    ),
    (Unit::OutlierDetection, "", "outlier_detection"),
    (
        Unit::OutlierDetection,
        "consecutive5xx",
        "outlier_detection.consecutive_5xx",
    ),
    (
        Unit::OutlierDetection,
        "enforcingConsecutive5xx",
        "outlier_detection.enforcing_consecutive_5xx",
    ),
    (
        Unit::OutlierDetection,
        "splitExternalLocalOriginErrors",
        "outlier_detection.split_external_local_origin_errors",
    ),
    (
        Unit::OutlierDetection,
        "consecutiveLocalOriginFailure",
        "outlier_detection.consecutive_local_origin_failure",
    ),
    (
        Unit::OutlierDetection,
        "enforcingConsecutiveLocalOriginFailure",
        "outlier_detection.enforcing_consecutive_local_origin_failure",
    ),
    (
        Unit::OutlierDetection,
        "interval",
        "outlier_detection.interval",
    ),
    (
        Unit::OutlierDetection,
        "baseEjectionTime",
        "outlier_detection.base_ejection_time",
    ),
    (
        Unit::OutlierDetection,
        "maxEjectionPercent",
        "outlier_detection.max_ejection_percent",
    ),
    (Unit::CircuitBreakers, "", "circuit_breakers.thresholds"),
    (
        Unit::CircuitBreakers,
        "maxConnections",
        "circuit_breakers.thresholds.max_connections",
    ),
    (
        Unit::CircuitBreakers,
        "maxPendingRequests",
        "circuit_breakers.thresholds.max_pending_requests",
    ),
    (
        Unit::CircuitBreakers,
        "maxRequests",
        "circuit_breakers.thresholds.max_requests",
    ),
    (
        Unit::CircuitBreakers,
        "maxRetries",
        "circuit_breakers.thresholds.max_retries",
    ),
    (
        Unit::CircuitBreakers,
        "trackRemaining",
        "circuit_breakers.thresholds.track_remaining",
    ),
    (Unit::DnsRefreshRate, "", "cluster_type.dns_refresh_rate"),
    (Unit::DnsJitter, "", "cluster_type.dns_jitter"),
    (Unit::DnsRespectTtl, "", "cluster_type.respect_dns_ttl"),
    (Unit::UpstreamProxyProtocol, "", "transport_socket"),
    (
        Unit::UpstreamProxyProtocol,
        "version",
        "transport_socket.config.version",
    ),
];
