// SPDX-License-Identifier: Apache-2.0
//! The zone we are in, for zone aware routing.
//!
//! In: where this process runs, the cluster of its own kind (`local_cluster_name`), and the healthy
//! hosts of an upstream cluster. Out: the localities that its requests go to.

use std::{collections::HashMap, sync::Arc};

use fastrand::Rng;
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use super::Usable;
use crate::{
    balance::{Availability, Off, Routed, ZoneAware, ZoneLimits, ZoneSize, ZoneSizes},
    plan::{Balancing, ClusterPlan, Endpoint},
    stats::ClusterStats,
};

/// What a worker knows about its zone.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    /// Where this process runs.
    pub(crate) locality: Arc<Locality>,
    /// The cluster of its own kind.
    pub(crate) local: Arc<ClusterPlan>,
}

/// The hosts of our own kind.
#[derive(Debug, Default)]
struct LocalHosts {
    /// Healthy ones by locality, counted or by weight. A locality whose hosts are not healthy has
    /// none.
    healthy: HashMap<Locality, u64>,
    /// All of them.
    available: Availability,
}

/// An upstream cluster's healthy hosts.
pub(super) struct Upstream<'a> {
    /// By locality.
    pub(super) healthy: Vec<Vec<&'a Endpoint>>,
    /// The first locality is the own one.
    pub(super) has_local: bool,
}

/// Zone aware routing of a group.
#[derive(Debug)]
pub(super) struct Zones {
    routing: ZoneAware,
    /// Percent of requests.
    enabled: u32,
    /// The hosts of our own kind are in panic.
    not_ok: bool,
    /// `fail_traffic_on_panic`
    fails: bool,
}

impl Zone {
    /// Grows with every change of a host's health.
    pub(super) fn generation(&self) -> u64 {
        self.local.shared.health.generation()
    }

    /// Whether both know the same hosts.
    pub(super) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.local.endpoints, &other.local.endpoints)
            && Arc::ptr_eq(&self.local.config, &other.local.config)
    }

    /// Counts the hosts of priority 0.
    fn hosts(&self, by_weight: bool) -> LocalHosts {
        let mut counted = LocalHosts::default();
        let endpoints = self.local.endpoints.endpoints.iter();
        for endpoint in endpoints.filter(|one| one.priority == 0) {
            let host = self.local.shared.health.host(endpoint.address);
            let available = &mut counted.available;
            available.total += 1;
            available.excluded += u32::from(host.excluded());
            let locality = endpoint.locality.clone().unwrap_or_default();
            let healthy = counted.healthy.entry(locality).or_default();
            match host.usable(endpoint.health) {
                Usable::Degraded => available.degraded += 1,
                Usable::Healthy => {
                    available.healthy += 1;
                    *healthy += share(endpoint, by_weight);
                }
                Usable::No => {}
            }
        }
        counted
    }
}

impl LocalHosts {
    fn compare(&self, upstream: &Upstream<'_>, own: &Locality, by_weight: bool) -> ZoneSizes {
        let size = |hosts: &Vec<&Endpoint>| ZoneSize {
            hosts: hosts.len() as u64,
            upstream: hosts.iter().map(|one| share(one, by_weight)).sum(),
            local: hosts.first().map_or(0, |one| {
                let locality = one.locality.clone().unwrap_or_default();
                self.healthy.get(&locality).copied().unwrap_or(0)
            }),
        };
        ZoneSizes {
            upstream: upstream.healthy.iter().map(size).collect(),
            own_first: upstream.has_local,
            local_zones: self.healthy.len(),
            local_has_own: self.healthy.contains_key(own),
            local: self.healthy.values().sum(),
        }
    }
}

impl Zones {
    /// None where zones do not matter.
    pub(super) fn new(
        zone: &Zone,
        balancing: &Balancing,
        upstream: &Upstream<'_>,
        stats: &ClusterStats,
    ) -> Option<Self> {
        stats.lb_recalculate_zone_structures.inc();
        let config = &balancing.zone_aware;
        let local = zone.hosts(config.by_weight);
        let limits = ZoneLimits {
            min_cluster_size: config.min_cluster_size,
            force_local_zone: config.force_local_zone,
        };
        let sizes = local.compare(upstream, &zone.locality, config.by_weight);
        let routing = match ZoneAware::new(limits, &sizes) {
            Ok(routing) => routing,
            Err(off) => {
                match off {
                    Off::ClusterTooSmall => stats.lb_zone_cluster_too_small.inc(),
                    Off::LocalClusterNotOk => stats.lb_local_cluster_not_ok.inc(),
                    Off::SingleZone => {}
                }
                return None;
            }
        };
        Some(Self {
            routing,
            enabled: config.routing_enabled,
            not_ok: local.available.is_in_panic(balancing.panic_threshold),
            fails: config.fail_traffic_on_panic,
        })
    }

    /// A locality, or `all`.
    pub(super) fn pick(&self, rng: &mut Rng, stats: &ClusterStats, all: usize) -> Option<usize> {
        if rng.u32(..100) >= self.enabled {
            return Some(all);
        }
        if self.not_ok {
            stats.lb_local_cluster_not_ok.inc();
            return (!self.fails).then_some(all);
        }
        let (at, routed) = self.routing.pick(rng);
        match routed {
            Routed::AllDirectly => stats.lb_zone_routing_all_directly.inc(),
            Routed::CrossZone => stats.lb_zone_routing_cross_zone.inc(),
            Routed::NoCapacityLeft => {
                stats.lb_zone_routing_cross_zone.inc();
                stats.lb_zone_no_capacity_left.inc();
            }
            Routed::Sampled => stats.lb_zone_routing_sampled.inc(),
        }
        Some(at)
    }
}

/// What a host counts for.
fn share(endpoint: &Endpoint, by_weight: bool) -> u64 {
    if by_weight {
        u64::from(endpoint.weight)
    } else {
        1
    }
}
