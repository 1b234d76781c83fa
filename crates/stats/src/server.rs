// SPDX-License-Identifier: Apache-2.0
//! Groups of which there is one per process.
//!
//! In: writes from the control side. Out: `server.*`, `cluster_manager.*`, `listener_manager.*`.

crate::stat_group! {
    /// Register under `server.`.
    pub struct ServerStats {
        /// Worker threads.
        concurrency: Gauge,
        /// Always 0: there is no hot restart.
        hot_restart_epoch: Gauge,
        /// 1 while the state is LIVE.
        live: Gauge,
        /// Bytes allocated, when the allocator can tell.
        memory_allocated: Gauge,
        /// Bytes of heap, when the allocator can tell.
        memory_heap_size: Gauge,
        /// Resident bytes.
        memory_physical_size: Gauge,
        /// Always 0: there is no parent process.
        parent_connections: Gauge,
        /// Envoy's enum: 0 live, 1 draining, 2 pre-initializing, 3 initializing.
        state: Gauge,
        /// Open downstream connections.
        total_connections: Gauge,
        /// Seconds since the start.
        uptime: Gauge,
        /// The version as one number.
        version: Gauge,
        /// Days until the first certificate expires.
        days_until_first_cert_expiring: Gauge,
        /// Milliseconds from start to LIVE.
        initialization_time_ms: Histogram,
    }
}

crate::stat_group! {
    /// Register under `cluster_manager.`.
    pub struct ClusterManagerStats {
        /// Clusters now in use.
        active_clusters: Gauge,
        /// Clusters added since the start.
        cluster_added: Counter,
        /// Clusters changed since the start.
        cluster_modified: Counter,
        /// Clusters removed since the start.
        cluster_removed: Counter,
        /// Endpoint updates since the start.
        cluster_updated: Counter,
        /// Clusters that wait for endpoints.
        warming_clusters: Gauge,
        /// Updates received.
        update_attempt: Counter = "cds.update_attempt",
        /// Updates that did not arrive.
        update_failure: Counter = "cds.update_failure",
        /// Updates refused.
        update_rejected: Counter = "cds.update_rejected",
        /// Updates taken.
        update_success: Counter = "cds.update_success",
        /// When the last one was taken, in milliseconds since 1970.
        update_time: Gauge = "cds.update_time",
        /// Hash of the version of the last one taken; 63 bits of it are kept.
        version: Gauge = "cds.version",
        /// Version of the last one taken.
        version_text: TextReadout = "cds.version_text",
    }
}

crate::stat_group! {
    /// Register under `listener_manager.`.
    pub struct ListenerManagerStats {
        /// Listeners added since the start.
        listener_added: Counter,
        /// Listeners that could not be made.
        listener_create_failure: Counter,
        /// Listeners made, counted on every worker.
        listener_create_success: Counter,
        /// Listeners changed without closing connections.
        listener_in_place_updated: Counter,
        /// Listeners changed.
        listener_modified: Counter,
        /// Listeners removed.
        listener_removed: Counter,
        /// Listeners closed by `/drain_listeners`.
        listener_stopped: Counter,
        /// Listeners in use.
        total_listeners_active: Gauge,
        /// Listeners that no longer accept and wait for their connections to end.
        total_listeners_draining: Gauge,
        /// Listeners that are not yet bound.
        total_listeners_warming: Gauge,
        /// 1 once the workers run.
        workers_started: Gauge,
        /// Updates received.
        update_attempt: Counter = "lds.update_attempt",
        /// Updates that did not arrive.
        update_failure: Counter = "lds.update_failure",
        /// Updates refused.
        update_rejected: Counter = "lds.update_rejected",
        /// Updates taken.
        update_success: Counter = "lds.update_success",
        /// When the last one was taken, in milliseconds since 1970.
        update_time: Gauge = "lds.update_time",
        /// Hash of the version of the last one taken; 63 bits of it are kept.
        version: Gauge = "lds.version",
        /// Version of the last one taken.
        version_text: TextReadout = "lds.version_text",
    }
}
