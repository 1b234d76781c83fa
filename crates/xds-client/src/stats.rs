// SPDX-License-Identifier: Apache-2.0
//! The client's numbers, under Envoy's names.
//!
//! In: events of the stream. Out: `control_plane.*`, `cluster_manager.cds.*` and
//! `listener_manager.lds.*`. Of the other types Envoy counts per resource, and we count nothing.

use std::sync::Arc;

use sluicegate_snapshot::ResourceType;
use sluicegate_stats::{Registry, stat_group};

stat_group! {
    /// The stream.
    pub(crate) struct ControlPlane {
        /// 1 while there is one.
        connected_state: Gauge,
    }
}

stat_group! {
    /// One type.
    pub(crate) struct Updates {
        /// Responses, and attempts that failed.
        update_attempt: Counter,
        /// Responses that were taken as a whole.
        update_success: Counter,
        /// Streams that failed.
        update_failure: Counter,
        /// Responses of which something was refused.
        update_rejected: Counter,
    }
}

/// All of them.
#[derive(Default)]
pub(crate) struct Stats {
    pub(crate) control_plane: Arc<ControlPlane>,
    clusters: Arc<Updates>,
    listeners: Arc<Updates>,
}

impl Stats {
    pub(crate) fn new(registry: &Registry) -> Self {
        let stats = Self::default();
        registry.register("control_plane.", &stats.control_plane);
        registry.register("cluster_manager.cds.", &stats.clusters);
        registry.register("listener_manager.lds.", &stats.listeners);
        stats
    }

    /// A response was judged.
    pub(crate) fn answered(&self, resource_type: ResourceType, refused: bool) {
        let updates = match resource_type {
            ResourceType::Cluster => &self.clusters,
            ResourceType::Listener => &self.listeners,
            _ => return,
        };
        updates.update_attempt.inc();
        if refused {
            updates.update_rejected.inc();
        } else {
            updates.update_success.inc();
        }
    }

    /// A stream failed.
    pub(crate) fn failed(&self) {
        for updates in [&self.clusters, &self.listeners] {
            updates.update_attempt.inc();
            updates.update_failure.inc();
        }
        self.control_plane.connected_state.set(0);
    }
}
