// SPDX-License-Identifier: Apache-2.0
//! What clients do, and what filters do to their requests.
//!
//! In: events of listeners, connection managers, filters and routes. Out: groups under `listener.`,
//! `http.`, `tcp.`, `vhost.` and the filters' own prefixes.

use sluicegate_stats::stat_group;

stat_group! {
    /// What one route with a `stat_prefix` did on one worker; under
    /// `vhost.<virtual host>.route.<stat_prefix>.`.
    pub(crate) struct RouteStats {
        upstream_rq: ResponseCodes,
        upstream_rq_retry: Counter,
        upstream_rq_retry_limit_exceeded: Counter,
        upstream_rq_retry_overflow: Counter,
        upstream_rq_retry_success: Counter,
        upstream_rq_time: Histogram,
        upstream_rq_timeout: Counter,
        upstream_rq_total: Counter,
    }
}

stat_group! {
    /// What one connection manager did on one worker; under `http.<stat_prefix>.`.
    pub(crate) struct HttpStats {
        downstream_cx_total: Counter,
        downstream_cx_active: Gauge,
        downstream_cx_http1_total: Counter,
        downstream_cx_http1_active: Gauge,
        downstream_cx_http2_total: Counter,
        downstream_cx_http2_active: Gauge,
        downstream_cx_ssl_total: Counter,
        downstream_cx_ssl_active: Gauge,
        downstream_cx_destroy: Counter,
        downstream_cx_destroy_local: Counter,
        downstream_cx_destroy_remote: Counter,
        downstream_cx_destroy_active_rq: Counter,
        downstream_cx_destroy_local_active_rq: Counter,
        downstream_cx_destroy_remote_active_rq: Counter,
        downstream_cx_protocol_error: Counter,
        downstream_cx_idle_timeout: Counter,
        downstream_cx_drain_close: Counter,
        downstream_cx_max_duration_reached: Counter,
        downstream_cx_max_requests_reached: Counter,
        downstream_cx_delayed_close_timeout: Counter,
        downstream_cx_upgrades_total: Counter,
        downstream_cx_upgrades_active: Gauge,
        downstream_cx_rx_bytes_total: Counter,
        downstream_cx_tx_bytes_total: Counter,
        downstream_cx_length_ms: Histogram,
        downstream_rq_total: Counter,
        downstream_rq_http1_total: Counter,
        downstream_rq_http2_total: Counter,
        downstream_rq_active: Gauge,
        downstream_rq: ResponseCodes,
        downstream_rq_time: Histogram,
        downstream_rq_idle_timeout: Counter,
        downstream_rq_timeout: Counter,
        downstream_rq_header_timeout: Counter,
        downstream_rq_max_duration_reached: Counter,
        downstream_rq_failed_path_normalization: Counter,
        downstream_rq_redirected_with_normalized_path: Counter,
        downstream_rq_response_before_rq_complete: Counter,
        downstream_rq_too_many_premature_resets: Counter,
        downstream_rq_rx_reset: Counter,
        downstream_rq_tx_reset: Counter,
        downstream_rq_ws_on_non_ws_route: Counter,
        downstream_flow_control_paused_reading_total: Counter,
        downstream_flow_control_resumed_reading_total: Counter,
        no_route: Counter,
        no_cluster: Counter,
        rq_direct_response: Counter,
        rq_redirect: Counter,
        rq_total: Counter,
        tracing_client_enabled: Counter = "tracing.client_enabled",
        // Requests of health checkers go the way of all others here: always 0.
        tracing_health_check: Counter = "tracing.health_check",
        tracing_not_traceable: Counter = "tracing.not_traceable",
        tracing_random_sampling: Counter = "tracing.random_sampling",
        tracing_service_forced: Counter = "tracing.service_forced",
    }
}

stat_group! {
    /// What one listener did on one worker; under `listener.<address>_<port>.`.
    pub(crate) struct ListenerStats {
        downstream_cx_total: Counter,
        downstream_cx_active: Gauge,
        downstream_cx_destroy: Counter,
        downstream_cx_length_ms: Histogram,
        downstream_pre_cx_timeout: Counter,
        downstream_listener_filter_error: Counter,
        downstream_listener_filter_remote_close: Counter,
        // A limit of Envoy's runtime, which there is none of: always 0.
        downstream_cx_overflow: Counter,
        downstream_global_cx_overflow: Counter,
        downstream_cx_overload_reject: Counter,
        no_filter_chain_match: Counter,
    }
}

stat_group! {
    /// What TLS inspectors of one worker saw; under `tls_inspector.`.
    pub(crate) struct InspectorStats {
        alpn_found: Counter,
        alpn_not_found: Counter,
        client_hello_too_large: Counter,
        sni_found: Counter,
        sni_not_found: Counter,
        tls_found: Counter,
        tls_not_found: Counter,
    }
}

stat_group! {
    /// What one TCP proxy did on one worker; under `tcp.<stat_prefix>.`.
    pub(crate) struct TcpStats {
        downstream_cx_no_route: Counter,
        downstream_cx_rx_bytes_total: Counter,
        downstream_cx_total: Counter,
        downstream_cx_tx_bytes_total: Counter,
        downstream_flow_control_paused_reading_total: Counter,
        downstream_flow_control_resumed_reading_total: Counter,
        idle_timeout: Counter,
        max_downstream_connection_duration: Counter,
    }
}

stat_group! {
    /// What one connection limit filter did on one worker; under `connection_limit.<stat_prefix>.`.
    pub(crate) struct ConnectionLimitStats {
        active_connections: Gauge,
        limited_connections: Counter,
    }
}

stat_group! {
    /// What the fault filter of one connection manager did on one worker; under
    /// `http.<stat_prefix>.fault.`.
    pub(crate) struct FaultStats {
        aborts_injected: Counter,
        delays_injected: Counter,
        // Never limited here: always 0.
        faults_overflow: Counter,
        response_rl_injected: Counter,
        active_faults: Gauge,
    }
}

stat_group! {
    /// What local rate limits did on one worker; under `<stat_prefix>.http_local_rate_limit.`.
    pub(crate) struct RateLimitStats {
        enabled: Counter,
        enforced: Counter,
        ok: Counter,
        rate_limited: Counter,
        shadow_mode: Counter,
    }
}

stat_group! {
    /// What bandwidth limits did on one worker; under `<stat_prefix>.http_bandwidth_limit.`. Sizes that
    /// are gauges are those of the last piece.
    pub(crate) struct BandwidthLimitStats {
        request_enabled: Counter,
        request_enforced: Counter,
        request_pending: Gauge,
        request_incoming_size: Gauge,
        request_incoming_total_size: Counter,
        request_allowed_size: Gauge,
        request_allowed_total_size: Counter,
        request_transfer_duration: Histogram,
        response_enabled: Counter,
        response_enforced: Counter,
        response_pending: Gauge,
        response_incoming_size: Gauge,
        response_incoming_total_size: Counter,
        response_allowed_size: Gauge,
        response_allowed_total_size: Counter,
        response_transfer_duration: Histogram,
    }
}

stat_group! {
    /// What one compressor of one connection manager did to messages of one direction on one worker;
    /// under `http.<stat_prefix>.compressor.<library>.<coding>.`, with `request.` or `response.`.
    pub(crate) struct CompressionStats {
        compressed: Counter,
        not_compressed: Counter,
        total_uncompressed_bytes: Counter,
        total_compressed_bytes: Counter,
        content_length_too_small: Counter,
    }
}

stat_group! {
    /// Why one compressor of one connection manager did so on one worker; under
    /// `http.<stat_prefix>.compressor.<library>.<coding>.`.
    pub(crate) struct CompressorStats {
        not_compressed_etag: Counter,
        header_identity: Counter,
        header_not_valid: Counter,
        header_compressor_used: Counter,
        header_compressor_overshadowed: Counter,
        header_wildcard: Counter,
        no_accept_header: Counter,
    }
}
