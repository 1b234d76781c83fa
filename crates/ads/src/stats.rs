// SPDX-License-Identifier: Apache-2.0
//! The server's numbers.
//!
//! In: events of the streams. Out: `ads.*` and `ads.<type>.*` in the registry. Envoy has only the
//! client's half of these (`control_plane.*`); these are the other half.

use std::sync::Arc;

use sluicegate_snapshot::ResourceType;
use sluicegate_stats::{Registry, stat_group};

stat_group! {
    /// What concerns streams.
    pub(crate) struct StreamStats {
        /// Streams that are open.
        streams_active: Gauge,
        /// Streams that were opened.
        streams_total: Counter,
        /// Streams that were refused, because their node names no Gateway.
        streams_refused: Counter,
    }
}

stat_group! {
    /// What concerns one type.
    pub(crate) struct TypeStats {
        /// Responses sent.
        responses_total: Counter,
        /// Resources in them.
        resources_total: Counter,
        /// Responses that clients took.
        acked: Counter,
        /// Responses that clients refused.
        nacked: Counter,
        /// Answers to responses that were not waiting for one.
        stale_nonce: Counter,
    }
}

/// All of them.
pub(crate) struct Stats {
    pub(crate) streams: Arc<StreamStats>,
    types: [Arc<TypeStats>; 5],
}

impl Stats {
    pub(crate) fn new(registry: &Registry) -> Self {
        let streams = Arc::<StreamStats>::default();
        registry.register("ads.", &streams);
        let types = ResourceType::ALL.map(|resource_type| {
            let group = Arc::<TypeStats>::default();
            registry.register(&format!("ads.{}.", service(resource_type)), &group);
            group
        });
        Self { streams, types }
    }

    pub(crate) fn of(&self, resource_type: ResourceType) -> &TypeStats {
        &self.types[resource_type as usize]
    }
}

/// Envoy's name for the discovery service of a type.
pub(crate) const fn service(resource_type: ResourceType) -> &'static str {
    match resource_type {
        ResourceType::Cluster => "cds",
        ResourceType::Endpoint => "eds",
        ResourceType::Listener => "lds",
        ResourceType::Route => "rds",
        ResourceType::Secret => "sds",
    }
}
