// SPDX-License-Identifier: Apache-2.0
//! Zone aware routing of one group of hosts.
//!
//! In: the hosts by locality, and the local cluster with its health. Out: for each request the list
//! to balance over, counted as Envoy counts.

use std::sync::Arc;

use fastrand::Rng;
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use super::Usable;
use crate::{
    balance::{Off, Way, Zone, ZoneAware, ZoneAwareConfig, Zones},
    plan::{Endpoint, Siblings},
    stats::ClusterStats,
};

/// How a group spreads its requests over localities.
#[derive(Debug)]
pub(super) struct ZoneRouting {
    config: ZoneAwareConfig,
    zones: ZoneAware,
    local_panics: bool,
}

/// The local cluster as it stands now.
pub(super) struct LocalZones {
    /// Healthy hosts by locality, or their weight; localities without healthy hosts too.
    zones: Vec<(Option<Locality>, u64)>,
    has_own: bool,
    panics: bool,
}

impl LocalZones {
    /// Counts priority 0, the only one that counts.
    pub(super) fn count(
        local: &Siblings,
        own: Option<&Locality>,
        by_weight: bool,
        panic_threshold: u32,
    ) -> Self {
        let board = &local.shared.health;
        let mut zones: Vec<(Option<Locality>, u64)> = Vec::new();
        let (mut all, mut usable) = (0_u64, 0_u64);
        let endpoints = local.endpoints.endpoints.iter();
        for endpoint in endpoints.filter(|endpoint| endpoint.priority == 0) {
            let host = board.host(endpoint.address);
            let health = host.usable(endpoint.health);
            all += u64::from(!host.excluded());
            usable += u64::from(health != Usable::No);
            let counts = match health {
                Usable::Healthy => size(endpoint, by_weight),
                Usable::Degraded | Usable::No => 0,
            };
            match zones.iter_mut().find(|zone| zone.0 == endpoint.locality) {
                Some(zone) => zone.1 += counts,
                None => zones.push((endpoint.locality.clone(), counts)),
            }
        }
        Self {
            has_own: zones.iter().any(|zone| is_own(zone.0.as_ref(), own)),
            panics: 100 * usable < u64::from(panic_threshold) * all
                || (all == 0 && panic_threshold > 0),
            zones,
        }
    }

    /// Compares with the healthy hosts of a priority; with the own locality first, if it is there.
    pub(super) fn compare<'a>(
        &self,
        upstream: impl Iterator<Item = (&'a Arc<Endpoint>, Vec<&'a Arc<Endpoint>>)>,
        own: Option<&Locality>,
        by_weight: bool,
    ) -> Zones {
        let mut compared = Zones {
            local_zones: self.zones.len(),
            local_has_own: self.has_own,
            local: self.zones.iter().map(|zone| zone.1).sum(),
            ..Zones::default()
        };
        for (first, healthy) in upstream {
            let locality = &first.locality;
            if compared.upstream.is_empty() {
                compared.own_first = is_own(locality.as_ref(), own);
            }
            let known = self.zones.iter().find(|zone| zone.0 == *locality);
            let sizes = healthy.iter().map(|endpoint| size(endpoint, by_weight));
            compared.upstream.push(Zone {
                hosts: healthy.len() as u64,
                upstream: sizes.sum(),
                local: known.map_or(0, |zone| zone.1),
            });
        }
        compared
    }
}

impl ZoneRouting {
    /// Routing by zone, if the conditions for it hold.
    pub(super) fn new(
        config: ZoneAwareConfig,
        zones: &Zones,
        local: &LocalZones,
        stats: &ClusterStats,
    ) -> Option<Self> {
        stats.lb_recalculate_zone_structures.inc();
        match ZoneAware::new(&config, zones) {
            Ok(zones) => Some(Self {
                config,
                zones,
                local_panics: local.panics,
            }),
            Err(off) => {
                match off {
                    Off::ClusterTooSmall => stats.lb_zone_cluster_too_small.inc(),
                    Off::LocalClusterNotOk => stats.lb_local_cluster_not_ok.inc(),
                    Off::SingleZone => {}
                }
                None
            }
        }
    }

    /// The list of a locality; or `all`, which is the list of all hosts; or none at all.
    pub(super) fn pick(&self, all: usize, rng: &mut Rng, stats: &ClusterStats) -> Option<usize> {
        if rng.u32(..100) >= self.config.routing_enabled {
            return Some(all);
        }
        if self.local_panics {
            stats.lb_local_cluster_not_ok.inc();
            return (!self.config.fail_traffic_on_panic).then_some(all);
        }
        let (locality, way) = self.zones.pick(rng);
        match way {
            Way::AllDirectly => stats.lb_zone_routing_all_directly.inc(),
            Way::CrossZone => stats.lb_zone_routing_cross_zone.inc(),
            Way::NoCapacityLeft => {
                stats.lb_zone_routing_cross_zone.inc();
                stats.lb_zone_no_capacity_left.inc();
            }
            Way::Sampled => stats.lb_zone_routing_sampled.inc(),
        }
        Some(locality)
    }
}

/// Whether a locality is this gateway's. A gateway that does not know its own has none.
pub(super) fn is_own(locality: Option<&Locality>, own: Option<&Locality>) -> bool {
    own.is_some() && locality == own
}

fn size(endpoint: &Endpoint, by_weight: bool) -> u64 {
    if by_weight {
        u64::from(endpoint.weight)
    } else {
        1
    }
}
