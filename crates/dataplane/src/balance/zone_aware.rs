// SPDX-License-Identifier: Apache-2.0
//! Zone aware routing: keep requests in the own zone as far as that is fair.
//!
//! In: healthy hosts by locality, of the upstream cluster and of the local cluster, which is this
//! gateway and its siblings; random draws. Out: a locality and why it was chosen, or why localities
//! do not matter. Parts of a whole are hundredths of a percent, as in Envoy.

use fastrand::Rng;

/// Conditions of `zone_aware_lb_config`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZoneLimits {
    /// `min_cluster_size`, healthy upstream hosts.
    pub(crate) min_cluster_size: u64,
    /// `force_local_zone.min_size`, healthy upstream hosts of the own zone.
    pub(crate) force_local_zone: Option<u32>,
}

/// What is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ZoneSizes {
    /// Localities of the upstream cluster.
    pub(crate) upstream: Vec<ZoneSize>,
    /// The first of them is the own one.
    pub(crate) own_first: bool,
    /// Localities of the local cluster, healthy or not.
    pub(crate) local_zones: usize,
    /// The local cluster has hosts in the own locality, healthy or not.
    pub(crate) local_has_own: bool,
    /// Healthy hosts of the local cluster in all localities, or their weight.
    pub(crate) local: u64,
}

/// Healthy hosts of one locality.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ZoneSize {
    /// Of the upstream cluster.
    pub(crate) hosts: u64,
    /// Those, or their weight.
    pub(crate) upstream: u64,
    /// Of the local cluster, hosts or weight.
    pub(crate) local: u64,
}

/// How requests are spread over localities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ZoneAware {
    /// All stays in the own locality.
    Direct,
    /// A part stays, the rest goes where there is room.
    Residual {
        /// The part that stays.
        own: u64,
        /// Room of each locality and those before it.
        room: Vec<u64>,
    },
}

/// Why localities do not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Off {
    /// `lb_zone_cluster_too_small`
    ClusterTooSmall,
    /// `lb_local_cluster_not_ok`: this gateway is not part of the local cluster.
    LocalClusterNotOk,
    /// One of the clusters is in one locality only.
    SingleZone,
}

/// Why a locality was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routed {
    /// `lb_zone_routing_all_directly`
    AllDirectly,
    /// `lb_zone_routing_cross_zone`
    CrossZone,
    /// `lb_zone_no_capacity_left`, which counts as the one before, too.
    NoCapacityLeft,
    /// `lb_zone_routing_sampled`
    Sampled,
}

impl ZoneAware {
    /// Compares the clusters, in Envoy's order of conditions.
    pub(crate) fn new(limits: ZoneLimits, zones: &ZoneSizes) -> Result<Self, Off> {
        let forced = limits.force_local_zone;
        if zones.upstream.len() < 2 || (zones.local_zones < 2 && forced.is_none()) {
            return Err(Off::SingleZone);
        }
        if !zones.local_has_own {
            return Err(Off::LocalClusterNotOk);
        }
        let hosts: u64 = zones.upstream.iter().map(|zone| zone.hosts).sum();
        if hosts < limits.min_cluster_size {
            return Err(Off::ClusterTooSmall);
        }
        let parts = zones.parts();
        let own = match (zones.upstream.first(), parts.first()) {
            (Some(zone), Some(part)) if zones.own_first => Some((zone.hosts, *part)),
            _ => None,
        };
        if let Some((hosts, (theirs, ours))) = own
            && ((theirs > 0 && theirs >= ours)
                || forced.is_some_and(|least| hosts >= u64::from(least)))
        {
            return Ok(Self::Direct);
        }
        let mut sum = 0;
        let room = parts.iter().enumerate().map(|(at, (theirs, ours))| {
            if at > 0 || own.is_none() {
                sum += theirs.saturating_sub(*ours);
            }
            sum
        });
        Ok(Self::Residual {
            room: room.collect(),
            own: own.map_or(0, |(_, (theirs, ours))| part(theirs, ours)),
        })
    }

    /// A locality.
    pub(crate) fn pick(&self, rng: &mut Rng) -> (usize, Routed) {
        let (own, room) = match self {
            Self::Direct => return (0, Routed::AllDirectly),
            Self::Residual { own, room } => (*own, room),
        };
        if rng.u64(..WHOLE) < own {
            return (0, Routed::Sampled);
        }
        match room.last() {
            // Rounding left nothing.
            None | Some(0) => (rng.usize(..room.len().max(1)), Routed::NoCapacityLeft),
            Some(all) => {
                let at = rng.u64(..*all);
                (room.partition_point(|upto| *upto <= at), Routed::CrossZone)
            }
        }
    }
}

impl ZoneSizes {
    /// The part of each locality in the upstream cluster and in the local one.
    fn parts(&self) -> Vec<(u64, u64)> {
        let all: u64 = self.upstream.iter().map(|zone| zone.upstream).sum();
        let zones = self.upstream.iter().map(|zone| match zone.hosts {
            // Envoy cannot tell where a locality without hosts is.
            0 => (0, 0),
            _ => (part(zone.upstream, all), part(zone.local, self.local)),
        });
        zones.collect()
    }
}

fn part(of: u64, all: u64) -> u64 {
    (WHOLE * of).checked_div(all).unwrap_or(0)
}

const WHOLE: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// Envoy's defaults.
    const LIMITS: ZoneLimits = ZoneLimits {
        min_cluster_size: 6,
        force_local_zone: None,
    };

    /// Localities of upstream and local hosts; the first is our own.
    fn zones(counts: &[(u64, u64)]) -> ZoneSizes {
        let zone = |(upstream, local): &(u64, u64)| ZoneSize {
            hosts: *upstream,
            upstream: *upstream,
            local: *local,
        };
        ZoneSizes {
            upstream: counts.iter().map(zone).collect(),
            own_first: true,
            local_zones: counts.iter().filter(|(_, local)| *local > 0).count(),
            local_has_own: counts[0].1 > 0,
            local: counts.iter().map(|(_, local)| local).sum(),
        }
    }

    fn compare(zones: &ZoneSizes) -> Result<ZoneAware, Off> {
        ZoneAware::new(LIMITS, zones)
    }

    fn residual(own: u64, room: &[u64]) -> Result<ZoneAware, Off> {
        let room = room.to_vec();
        Ok(ZoneAware::Residual { own, room })
    }

    /// Recorded from Envoy 1.40, by its counters and shares.
    #[test]
    fn zones_keep_what_they_can() {
        assert_eq!(compare(&zones(&[(3, 1), (3, 1)])), Ok(ZoneAware::Direct));
        assert_eq!(
            compare(&zones(&[(2, 1), (4, 1)])),
            residual(6666, &[0, 1666])
        );
        assert_eq!(
            compare(&zones(&[(1, 2), (4, 1), (3, 1)])),
            residual(2500, &[0, 2500, 3750])
        );
        // The local cluster has a zone that the upstream cluster does not have.
        let mut more = zones(&[(2, 1), (4, 1)]);
        (more.local, more.local_zones) = (4, 3);
        assert_eq!(compare(&more), Ok(ZoneAware::Direct));
        // And the other way round.
        let mut foreign = zones(&[(3, 1), (3, 0)]);
        foreign.own_first = false;
        (foreign.local, foreign.local_zones) = (2, 2);
        assert_eq!(compare(&foreign), residual(0, &[0, 5000]));
    }

    /// Recorded from Envoy 1.40.
    #[test]
    fn conditions_must_hold() {
        let small = zones(&[(2, 1), (2, 1)]);
        assert_eq!(compare(&small), Err(Off::ClusterTooSmall));
        assert_eq!(compare(&zones(&[(9, 1)])), Err(Off::SingleZone));
        assert_eq!(compare(&zones(&[(2, 1), (4, 0)])), Err(Off::SingleZone));
        let mut elsewhere = zones(&[(2, 0), (4, 1)]);
        elsewhere.local_zones = 2;
        assert_eq!(compare(&elsewhere), Err(Off::LocalClusterNotOk));

        let force = |least| ZoneLimits {
            force_local_zone: Some(least),
            ..LIMITS
        };
        let third = zones(&[(2, 1), (4, 1)]);
        assert_eq!(ZoneAware::new(force(2), &third), Ok(ZoneAware::Direct));
        assert_eq!(ZoneAware::new(force(3), &third), compare(&third));
        let single = zones(&[(2, 1), (4, 0)]);
        assert_eq!(ZoneAware::new(force(1), &single), Ok(ZoneAware::Direct));
        let missing = ZoneAware::new(force(1), &elsewhere);
        assert_eq!(missing, Err(Off::LocalClusterNotOk));
        assert_eq!(ZoneAware::new(force(1), &small), Err(Off::ClusterTooSmall));
    }

    /// A third of the upstream hosts against half of our own: two thirds stay.
    #[test]
    fn draws_follow_the_parts() {
        let third = compare(&zones(&[(2, 1), (4, 1)])).unwrap();
        let mut rng = Rng::with_seed(7);
        let stayed = (0..6000).filter(|_| {
            let (locality, way) = third.pick(&mut rng);
            assert_eq!(way, [Routed::Sampled, Routed::CrossZone][locality]);
            locality == 0
        });
        assert!(stayed.count().abs_diff(4000) < 150);
        assert_eq!(ZoneAware::Direct.pick(&mut rng), (0, Routed::AllDirectly));
        let full = residual(0, &[0, 0]).unwrap();
        assert_eq!(full.pick(&mut rng).1, Routed::NoCapacityLeft);
    }
}
