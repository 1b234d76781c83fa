// SPDX-License-Identifier: Apache-2.0
//! What clusters and their hosts do.
//!
//! In: events of upstream connections and requests, of health and of balancing. Out: groups under
//! `cluster.<name>.`.

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
