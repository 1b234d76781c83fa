// SPDX-License-Identifier: Apache-2.0
//! Where this gateway runs.
//!
//! In: the node of the options, and the local cluster as it is compiled now. Out: what zone aware
//! routing compares an upstream cluster with.

use std::sync::Arc;

use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use super::Endpoints;
use crate::cluster::ClusterShared;

/// What a cluster is told about this gateway.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    /// `node.locality`
    pub(crate) locality: Option<Arc<Locality>>,
    /// The local cluster; none for itself.
    pub(crate) local: Option<Siblings>,
}

/// The local cluster (`local_cluster_name`): this gateway and its siblings.
#[derive(Debug, Clone)]
pub(crate) struct Siblings {
    /// Where they are.
    pub(crate) endpoints: Arc<Endpoints>,
    /// How they are.
    pub(crate) shared: Arc<ClusterShared>,
}

impl Home {
    /// Whether nothing but health can differ. The locality never changes.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.local, &other.local) {
            (Some(one), Some(other)) => {
                Arc::ptr_eq(&one.endpoints, &other.endpoints)
                    && Arc::ptr_eq(&one.shared, &other.shared)
            }
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    /// Grows with every change of health in the local cluster.
    pub(crate) fn generation(&self) -> u64 {
        let local = self.local.as_ref();
        local.map_or(0, |local| local.shared.health.generation())
    }
}
