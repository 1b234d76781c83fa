// SPDX-License-Identifier: Apache-2.0
//! `envoy.filters.network.tcp_proxy`.
//!
//! In: the filter. Out: where its connections go and how long they may take, with Envoy's defaults
//! filled in.

use std::time::Duration;

use sluicegate_xds::pb::envoy::{
    extensions::filters::network::tcp_proxy::v3::{
        TcpProxy as Proto,
        tcp_proxy::{ClusterSpecifier, WeightedCluster},
    },
    r#type::v3::hash_policy::PolicySpecifier,
};

use super::{
    access_log,
    compile::Names as ClusterNames,
    value::{duration, number, timeout},
};
use crate::{cluster::ClusterId, log::AccessLogs, retry::BackOff};

/// The filter.
#[derive(Debug)]
pub(crate) struct TcpProxy {
    /// Stats go under `tcp.<stat_prefix>.`.
    pub(crate) stat_prefix: String,
    /// Its clusters with their weights.
    clusters: Vec<(ClusterId, u32)>,
    /// Sum of the weights.
    total: u32,
    /// Longest time without a byte in either direction. Envoy's default is 1 h, 0 is off.
    pub(crate) idle_timeout: Option<Duration>,
    /// How many connections to hosts are tried, at least one.
    pub(crate) max_connect_attempts: u32,
    /// The wait between two of them.
    pub(crate) back_off: Option<BackOff>,
    max_duration: Option<Duration>,
    /// How much longer that may get, as a part of it.
    jitter: f64,
    /// Whether balancers that hash go by the client's address.
    pub(crate) hashes_source: bool,
    /// `access_log`.
    pub(crate) logs: AccessLogs,
}

impl TcpProxy {
    /// Compiles it. A proxy that would have to wrap its bytes is refused.
    pub(super) fn compile(proxy: &Proto, names: &mut ClusterNames) -> Result<Self, String> {
        if proxy.tunneling_config.is_some() {
            return Err("tcp_proxy.tunneling_config is not implemented".to_owned());
        }
        let clusters = match &proxy.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) => vec![(names.id(name), 1)],
            Some(ClusterSpecifier::WeightedClusters(weighted)) => self::weighted(weighted, names),
            None => return Err("tcp_proxy without a cluster".to_owned()),
        };
        let jitter = proxy.max_downstream_connection_duration_jitter_percentage;
        let mut hashed = proxy.hash_policy.iter();
        Ok(Self {
            stat_prefix: proxy.stat_prefix.clone(),
            total: clusters
                .iter()
                .fold(0, |sum: u32, (_, weight)| sum.saturating_add(*weight)),
            clusters,
            idle_timeout: timeout(proxy.idle_timeout.as_ref(), Some(IDLE_TIMEOUT)),
            max_connect_attempts: number(proxy.max_connect_attempts.as_ref())
                .unwrap_or(1)
                .max(1),
            back_off: proxy.backoff_options.as_ref().map(|back_off| {
                BackOff::new(
                    back_off.base_interval.as_ref().map(duration),
                    back_off.max_interval.as_ref().map(duration),
                )
            }),
            max_duration: timeout(proxy.max_downstream_connection_duration.as_ref(), None),
            jitter: jitter.map_or(0.0, |percent| percent.value.clamp(0.0, 100.0) / 100.0),
            logs: access_log::compile(&proxy.access_log)?,
            hashes_source: hashed
                .any(|one| matches!(one.policy_specifier, Some(PolicySpecifier::SourceIp(_)))),
        })
    }

    /// Draws a cluster; `None` when all weights are zero.
    pub(crate) fn draw(&self) -> Option<ClusterId> {
        if self.total == 0 {
            return None;
        }
        let mut at = fastrand::u32(..self.total);
        let drawn = self.clusters.iter().find(|(_, weight)| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        drawn.map(|(cluster, _)| *cluster)
    }

    /// How long a connection may last: `max_downstream_connection_duration` with its jitter.
    pub(crate) fn max_duration(&self) -> Option<Duration> {
        let factor = 1.0 + self.jitter * fastrand::f64();
        self.max_duration.map(|limit| limit.mul_f64(factor))
    }
}

fn weighted(weighted: &WeightedCluster, names: &mut ClusterNames) -> Vec<(ClusterId, u32)> {
    let clusters = weighted.clusters.iter();
    clusters
        .map(|one| (names.id(&one.name), one.weight))
        .collect()
}

/// Envoy's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
