// SPDX-License-Identifier: Apache-2.0
//! How a cluster treats changes of its set of hosts.
//!
//! In: a Cluster resource. Out: the settings about it, with Envoy's defaults filled in.

use std::time::Duration;

use sluicegate_xds::pb::envoy::config::cluster::v3::Cluster;

use super::value::duration;

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostSet {
    /// `update_merge_window`: changes of health within it reach the workers together; 0 is none.
    pub(crate) update_merge_window: Duration,
    /// `close_connections_on_host_set_change`
    pub(crate) close_connections: bool,
    /// A removed host stays while active checks find it healthy
    /// (`ignore_health_on_host_removal` is not set).
    pub(crate) keeps_healthy: bool,
    /// `ignore_new_hosts_until_first_hc`: the panic maths leaves out what was not checked yet.
    pub(crate) ignores_new: bool,
}

impl HostSet {
    /// Compiles the settings.
    pub(super) fn compile(cluster: &Cluster) -> Self {
        let common = cluster.common_lb_config.as_ref();
        let window = common.and_then(|common| common.update_merge_window.as_ref());
        Self {
            update_merge_window: window.map_or(MERGE_WINDOW, duration),
            close_connections: common
                .is_some_and(|common| common.close_connections_on_host_set_change),
            ignores_new: common.is_some_and(|common| common.ignore_new_hosts_until_first_hc),
            keeps_healthy: !cluster.health_checks.is_empty()
                && !cluster.ignore_health_on_host_removal,
        }
    }
}

/// Envoy default.
const MERGE_WINDOW: Duration = Duration::from_secs(1);
