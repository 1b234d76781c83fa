// SPDX-License-Identifier: Apache-2.0
//! The metrics that the data plane keeps, under Envoy's names.
//!
//! In: events on one worker. Out: groups that the registry sums up.

mod cluster;
mod downstream;

use sluicegate_stats::stat_group;

pub(crate) use cluster::{
    AdmissionControlStats, BreakerStats, ClusterStats, DnsStats, HealthCheckStats, HostStats,
    MaglevStats, MembershipStats, OutlierCells, RemainingStats, RingStats,
};
pub(crate) use downstream::{
    BandwidthLimitStats, CompressionStats, CompressorStats, ConnectionLimitStats, FaultStats,
    HttpStats, InspectorStats, ListenerStats, RateLimitStats, RouteStats, TcpStats,
};

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
