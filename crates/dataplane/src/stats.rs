// SPDX-License-Identifier: Apache-2.0
//! The metrics that the data plane keeps, under Envoy's names.
//!
//! In: events on one worker. Out: groups that the registry sums up.

use sluicegate_stats::stat_group;

stat_group! {
    /// What one cluster did on one worker; under `cluster.<name>.`.
    pub(crate) struct ClusterStats {
        upstream_cx_total: Counter,
        upstream_cx_active: Gauge,
        upstream_cx_http1_total: Counter,
        upstream_cx_http2_total: Counter,
        upstream_cx_connect_attempts_exceeded: Counter,
        upstream_cx_connect_fail: Counter,
        upstream_cx_connect_timeout: Counter,
        upstream_cx_connect_ms: Histogram,
        upstream_cx_length_ms: Histogram,
        upstream_cx_destroy: Counter,
        upstream_cx_destroy_local: Counter,
        upstream_cx_destroy_remote: Counter,
        upstream_cx_destroy_with_active_rq: Counter,
        upstream_cx_destroy_local_with_active_rq: Counter,
        upstream_cx_destroy_remote_with_active_rq: Counter,
        upstream_cx_idle_timeout: Counter,
        upstream_cx_max_requests: Counter,
        upstream_cx_max_duration_reached: Counter,
        upstream_cx_close_notify: Counter,
        upstream_cx_protocol_error: Counter,
        upstream_cx_overflow: Counter,
        upstream_cx_pool_overflow: Counter,
        upstream_cx_none_healthy: Counter,
        upstream_cx_rx_bytes_total: Counter,
        upstream_cx_tx_bytes_total: Counter,
        upstream_rq_total: Counter,
        upstream_rq_active: Gauge,
        upstream_rq_pending_total: Counter,
        upstream_rq_pending_active: Gauge,
        upstream_rq_pending_overflow: Counter,
        upstream_rq_pending_failure_eject: Counter,
        upstream_rq_active_overflow: Counter,
        upstream_rq: ResponseCodes,
        external_upstream_rq: ResponseCodes = "external.upstream_rq",
        internal_upstream_rq: ResponseCodes = "internal.upstream_rq",
        upstream_rq_time: Histogram,
        retry_upstream_rq: ResponseCodes = "retry.upstream_rq",
        upstream_rq_timeout: Counter,
        upstream_rq_per_try_timeout: Counter,
        upstream_rq_per_try_idle_timeout: Counter,
        upstream_rq_retry: Counter,
        upstream_rq_retry_success: Counter,
        upstream_rq_retry_limit_exceeded: Counter,
        upstream_rq_retry_overflow: Counter,
        upstream_rq_retry_backoff_exponential: Counter,
        upstream_rq_retry_backoff_ratelimited: Counter,
        upstream_rq_max_duration_reached: Counter,
        upstream_rq_cancelled: Counter,
        upstream_rq_rx_reset: Counter,
        upstream_rq_tx_reset: Counter,
        upstream_flow_control_paused_reading_total: Counter,
        upstream_flow_control_resumed_reading_total: Counter,
        upstream_flow_control_backed_up_total: Counter,
        upstream_flow_control_drained_total: Counter,
        lb_healthy_panic: Counter,
        lb_local_cluster_not_ok: Counter,
        lb_recalculate_zone_structures: Counter,
        lb_zone_cluster_too_small: Counter,
        lb_zone_no_capacity_left: Counter,
        lb_zone_routing_all_directly: Counter,
        lb_zone_routing_cross_zone: Counter,
        lb_zone_routing_sampled: Counter,
        http2_header_overflow: Counter = "http2.header_overflow",
        http2_keepalive_timeout: Counter = "http2.keepalive_timeout",
        http2_rx_messaging_error: Counter = "http2.rx_messaging_error",
        http2_rx_reset: Counter = "http2.rx_reset",
        http2_tx_reset: Counter = "http2.tx_reset",
        http2_streams_active: Gauge = "http2.streams_active",
        retry_or_shadow_abandoned: Counter,
    }
}

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
    /// TLS of one cluster or listener on one worker; under `cluster.<name>.ssl.` and
    /// `listener.<address>_<port>.ssl.`, only where there is TLS.
    pub(crate) struct SslStats {
        connection_error: Counter,
        handshake: Counter,
        session_reused: Counter,
        no_certificate: Counter,
        fail_verify_no_cert: Counter,
        fail_verify_error: Counter,
        fail_verify_san: Counter,
        fail_verify_cert_hash: Counter,
        ocsp_staple_failed: Counter,
        ocsp_staple_omitted: Counter,
        ocsp_staple_requests: Counter,
        ocsp_staple_responses: Counter,
        tls_1_2: LazyCounter = "versions.TLSv1.2",
        tls_1_3: LazyCounter = "versions.TLSv1.3",
        x25519: LazyCounter = "curves.X25519",
        x25519_mlkem768: LazyCounter = "curves.X25519MLKEM768",
        p256: LazyCounter = "curves.P-256",
        p384: LazyCounter = "curves.P-384",
        aes_128: LazyCounter = "ciphers.TLS_AES_128_GCM_SHA256",
        aes_256: LazyCounter = "ciphers.TLS_AES_256_GCM_SHA384",
        chacha20: LazyCounter = "ciphers.TLS_CHACHA20_POLY1305_SHA256",
        ecdsa_aes_128: LazyCounter = "ciphers.ECDHE-ECDSA-AES128-GCM-SHA256",
        ecdsa_aes_256: LazyCounter = "ciphers.ECDHE-ECDSA-AES256-GCM-SHA384",
        ecdsa_chacha20: LazyCounter = "ciphers.ECDHE-ECDSA-CHACHA20-POLY1305",
        rsa_aes_128: LazyCounter = "ciphers.ECDHE-RSA-AES128-GCM-SHA256",
        rsa_aes_256: LazyCounter = "ciphers.ECDHE-RSA-AES256-GCM-SHA384",
        rsa_chacha20: LazyCounter = "ciphers.ECDHE-RSA-CHACHA20-POLY1305",
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
    /// What became of the spans of one tracer; under `tracing.opentelemetry.`.
    pub(crate) struct TracerStats {
        spans_dropped: Counter,
        spans_sent: Counter,
        timer_flushed: Counter,
    }
}

stat_group! {
    /// Codecs of one worker; under `http1.` and `http2.`.
    pub(crate) struct CodecStats {
        dropped_headers_with_underscores: Counter,
        requests_rejected_with_underscores_in_headers: Counter,
    }
}

stat_group! {
    /// HTTP/2 codec of one worker towards clients; under `http2.`.
    pub(crate) struct Http2Stats {
        header_overflow: Counter,
        inbound_empty_frames_flood: Counter,
        inbound_priority_frames_flood: Counter,
        inbound_window_update_frames_flood: Counter,
        keepalive_timeout: Counter,
        rx_reset: Counter,
        tx_reset: Counter,
        streams_active: Gauge,
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
    /// What happened to log files; under `filesystem.`.
    pub(crate) struct FileStats {
        flushed_by_timer: Counter,
        reopen_failed: Counter,
        write_buffered: Counter,
        write_completed: Counter,
        write_dropped: Counter,
        write_failed: Counter,
        write_total_buffered: Gauge,
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

stat_group! {
    /// What admission control of one cluster did on one worker; under
    /// `cluster.<name>.admission_control.`, only where there is some.
    pub(crate) struct AdmissionControlStats {
        rq_failure: Counter,
        rq_rejected: Counter,
        rq_success: Counter,
    }
}

stat_group! {
    /// Circuit breakers of one cluster, which all workers share: only ever set, never added to.
    /// Under `cluster.<name>.circuit_breakers.<priority>.`.
    pub(crate) struct BreakerStats {
        cx_open: Gauge,
        cx_pool_open: Gauge,
        rq_open: Gauge,
        rq_pending_open: Gauge,
        rq_retry_open: Gauge,
    }
}

stat_group! {
    /// What is left of those limits, with `track_remaining`. Under the same prefix.
    pub(crate) struct RemainingStats {
        remaining_cx: Gauge,
        remaining_cx_pools: Gauge,
        remaining_pending: Gauge,
        remaining_retries: Gauge,
        remaining_rq: Gauge,
    }
}

stat_group! {
    /// Hosts of one cluster, kept by the control side; under `cluster.<name>.`.
    pub(crate) struct MembershipStats {
        membership_total: Gauge,
        membership_healthy: Gauge,
        membership_degraded: Gauge,
        membership_excluded: Gauge,
        membership_change: Counter,
        update_attempt: Counter,
        update_success: Counter,
        update_empty: Counter,
    }
}

stat_group! {
    /// Look-ups of one DNS cluster's names, kept by the control side; under `cluster.<name>.`.
    pub(crate) struct DnsStats {
        update_attempt: Counter,
        update_success: Counter,
        update_failure: Counter,
        update_no_rebuild: Counter,
    }
}

stat_group! {
    /// Look-ups of all clusters, kept by the control side; under `dns.cares.`, as in Envoy, whose
    /// resolver is called that.
    pub(crate) struct ResolverStats {
        resolve_total: Counter,
        pending_resolutions: Gauge,
        not_found: Counter,
        get_addr_failure: Counter,
        timeouts: Counter,
    }
}

stat_group! {
    /// The ring of one cluster, which all workers share: only ever set. Under
    /// `cluster.<name>.ring_hash_lb.`.
    pub(crate) struct RingStats {
        size: Gauge,
        min_hashes_per_host: Gauge,
        max_hashes_per_host: Gauge,
    }
}

stat_group! {
    /// The Maglev table of one cluster, which all workers share: only ever set. Under
    /// `cluster.<name>.maglev_lb.`.
    pub(crate) struct MaglevStats {
        min_entries_per_host: Gauge,
        max_entries_per_host: Gauge,
    }
}

stat_group! {
    /// Active checks of one cluster, kept by the control side; under
    /// `cluster.<name>.health_check.`.
    pub(crate) struct HealthCheckStats {
        attempt: Counter,
        success: Counter,
        failure: Counter,
        network_failure: Counter,
        passive_failure: Counter,
        verify_cluster: Counter,
        healthy: Gauge,
        degraded: Gauge,
    }
}

stat_group! {
    /// Outlier detection of one cluster, kept by the control side; under
    /// `cluster.<name>.outlier_detection.`.
    pub(crate) struct OutlierCells {
        ejections_active: Gauge,
        ejections_total: Counter,
        ejections_consecutive_5xx: Counter,
        ejections_success_rate: Counter,
        ejections_overflow: Counter,
        ejections_enforced_total: Counter,
        ejections_detected_consecutive_5xx: Counter,
        ejections_enforced_consecutive_5xx: Counter,
        ejections_detected_consecutive_gateway_failure: Counter,
        ejections_enforced_consecutive_gateway_failure: Counter,
        ejections_detected_consecutive_local_origin_failure: Counter,
        ejections_enforced_consecutive_local_origin_failure: Counter,
        ejections_detected_success_rate: Counter,
        ejections_enforced_success_rate: Counter,
        ejections_detected_local_origin_success_rate: Counter,
        ejections_enforced_local_origin_success_rate: Counter,
        ejections_detected_failure_percentage: Counter,
        ejections_enforced_failure_percentage: Counter,
        ejections_detected_local_origin_failure_percentage: Counter,
        ejections_enforced_local_origin_failure_percentage: Counter,
    }
}

stat_group! {
    /// Clusters and listeners as a whole, kept by the control side.
    pub(crate) struct ManagerStats {
        cluster_added: Counter = "cluster_manager.cluster_added",
        cluster_modified: Counter = "cluster_manager.cluster_modified",
        cluster_removed: Counter = "cluster_manager.cluster_removed",
        active_clusters: Gauge = "cluster_manager.active_clusters",
        warming_clusters: Gauge = "cluster_manager.warming_clusters",
        cds_update_attempt: Counter = "cluster_manager.cds.update_attempt",
        cds_update_success: Counter = "cluster_manager.cds.update_success",
        cds_update_rejected: Counter = "cluster_manager.cds.update_rejected",
        listeners_active: Gauge = "listener_manager.total_listeners_active",
    }
}

stat_group! {
    /// One host on one worker, for `/clusters`.
    pub(crate) struct HostStats {
        cx_active: Gauge,
        cx_connect_fail: Counter,
        cx_total: Counter,
        rq_active: Gauge,
        rq_error: Counter,
        rq_success: Counter,
        rq_timeout: Counter,
        rq_total: Counter,
    }
}
