// SPDX-License-Identifier: Apache-2.0
//! Localities: which one a request goes to.
//!
//! In: host counts and weights of localities, random draws. Out: a locality by weight, or by zone
//! awareness, and why. Percentages are hundredths of a percent, as in Envoy.

use fastrand::Rng;

use super::edf::Edf;

/// Localities by weight (`locality_weighted_lb_config`): earliest deadline first.
#[derive(Debug)]
pub(crate) struct LocalityWeighted {
    /// Locality and effective weight of those that take load.
    taking: Vec<(usize, f64)>,
    edf: Edf,
}

/// A locality of one priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LocalityHosts {
    /// `load_balancing_weight`; without one the locality gets nothing.
    pub(crate) weight: u32,
    /// Its hosts that can be used: the healthy ones, or for degraded load the degraded ones.
    pub(crate) eligible: u32,
    /// All its hosts but the excluded ones.
    pub(crate) total: u32,
}

/// Healthy hosts of a locality: in the upstream cluster, and of our own kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ZoneHosts {
    /// In the upstream cluster.
    pub(crate) upstream: u64,
    /// In the local cluster.
    pub(crate) local: u64,
}

/// What zone aware routing asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZoneLimits {
    /// `min_cluster_size`; Envoy's default is 6.
    pub(crate) min_cluster_size: u64,
    /// Healthy hosts of the upstream cluster.
    pub(crate) healthy: u64,
    /// `force_local_zone` asks for so many hosts and this is what there is.
    pub(crate) force_local: bool,
}

/// Why a locality was chosen, by the counter to raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routed {
    /// `lb_zone_routing_all_directly`
    AllDirectly,
    /// `lb_zone_routing_cross_zone`
    CrossZone,
    /// `lb_zone_no_capacity_left`, and `lb_zone_routing_cross_zone` as well
    NoCapacityLeft,
    /// `lb_zone_routing_sampled`
    Sampled,
}

/// Zone aware routing of one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ZoneAware {
    /// Fewer healthy hosts than `min_cluster_size`: `lb_zone_cluster_too_small`.
    ClusterTooSmall,
    /// All stays in the local zone.
    Direct,
    /// There are not two localities: localities do not matter.
    Off,
    /// A part stays, the rest goes where there is room.
    Residual {
        /// The part that stays.
        local: u64,
        /// Room of each locality and those before it.
        residual: Vec<u64>,
    },
}

impl LocalityWeighted {
    /// Over these localities; `factor` is the overprovisioning factor in percent, `seed` decides
    /// where it starts. None when no locality takes load: then all hosts are one list.
    pub(crate) fn new(localities: &[LocalityHosts], factor: u32, seed: usize) -> Option<Self> {
        let taking: Vec<(usize, f64)> = localities
            .iter()
            .map(|locality| locality.effective_weight(factor))
            .enumerate()
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        let mut edf = Edf::weighed(taking.len(), |at| taking[at].1);
        for _ in 0..seed.checked_rem(taking.len())? {
            edf.pick();
        }
        Some(Self { taking, edf })
    }

    /// The next locality.
    pub(crate) fn pick(&mut self) -> Option<usize> {
        let at = self.edf.pick()?;
        self.taking.get(at).map(|(locality, _)| *locality)
    }
}

impl LocalityHosts {
    fn effective_weight(&self, factor: u32) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let share = f64::from(self.eligible) / f64::from(self.total);
        f64::from(self.weight) * (f64::from(factor) / 100.0 * share).min(1.0)
    }
}

impl ZoneAware {
    /// Over the localities of priority 0, the local one first if `has_local`.
    pub(crate) fn new(zones: &[ZoneHosts], has_local: bool, limits: ZoneLimits) -> Self {
        let upstream: u64 = zones.iter().map(|zone| zone.upstream).sum();
        let local: u64 = zones.iter().map(|zone| zone.local).sum();
        if zones.len() < 2 {
            return Self::Off;
        }
        if limits.healthy < limits.min_cluster_size {
            return Self::ClusterTooSmall;
        }
        let part = |count: u64, all: u64| (10_000 * count).checked_div(all).unwrap_or(0);
        // A locality without upstream hosts cannot be told from any other: no local part either.
        let parts = zones.iter().map(|zone| match zone.upstream {
            0 => (0, 0),
            count => (part(count, upstream), part(zone.local, local)),
        });
        let parts: Vec<(u64, u64)> = parts.collect();
        let here = parts[0];
        if has_local && (limits.force_local || here.0 > 0 && here.0 >= here.1) {
            return Self::Direct;
        }
        let mut room = 0;
        let residual = parts.iter().enumerate().map(|(at, (theirs, ours))| {
            if at > 0 || !has_local {
                room += theirs.saturating_sub(*ours);
            }
            room
        });
        Self::Residual {
            residual: residual.collect(),
            local: if has_local { part(here.0, here.1) } else { 0 },
        }
    }

    /// A locality, if localities matter, and why this one. Not to be asked while the local
    /// cluster is in panic: then `lb_local_cluster_not_ok` goes up and all hosts are one list.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Option<(usize, Routed)> {
        match self {
            Self::ClusterTooSmall | Self::Off => None,
            Self::Direct => Some((0, Routed::AllDirectly)),
            Self::Residual { local, residual } => {
                if rng.u64(..10_000) < *local {
                    return Some((0, Routed::Sampled));
                }
                let room = residual.last().copied().unwrap_or(0);
                if room == 0 {
                    // Rounding left nothing.
                    return Some((rng.usize(..residual.len()), Routed::NoCapacityLeft));
                }
                let at = rng.u64(..room);
                let locality = residual.partition_point(|upto| *upto <= at);
                Some((locality, Routed::CrossZone))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(localities: &[(u32, u32, u32)], picks: usize) -> Vec<usize> {
        let hosts: Vec<LocalityHosts> = localities
            .iter()
            .map(|(weight, eligible, total)| LocalityHosts {
                weight: *weight,
                eligible: *eligible,
                total: *total,
            })
            .collect();
        let mut counts = vec![0; hosts.len()];
        if let Some(mut balancer) = LocalityWeighted::new(&hosts, 140, 0) {
            for _ in 0..picks {
                counts[balancer.pick().unwrap()] += 1;
            }
        }
        counts
    }

    /// Row 60.
    ///
    /// Shares measured on Envoy 1.40, of 100 requests.
    #[test]
    fn weights_and_health_share_load() {
        assert_eq!(weighted(&[(3, 2, 2), (1, 2, 2)], 100), [75, 25]);
        assert_eq!(weighted(&[(1, 2, 2), (0, 2, 2)], 10), [10, 0]);
        // 0.7 : 1
        assert_eq!(weighted(&[(1, 1, 2), (1, 2, 2)], 170), [70, 100]);
        assert_eq!(weighted(&[(0, 2, 2), (5, 0, 2), (5, 0, 0)], 10), [0, 0, 0]);
    }

    fn zones(counts: &[(u64, u64)]) -> ZoneAware {
        let zones: Vec<ZoneHosts> = counts
            .iter()
            .map(|(upstream, local)| ZoneHosts {
                upstream: *upstream,
                local: *local,
            })
            .collect();
        let limits = ZoneLimits {
            min_cluster_size: 6,
            healthy: zones.iter().map(|zone| zone.upstream).sum(),
            force_local: false,
        };
        ZoneAware::new(&zones, true, limits)
    }

    /// Measured on Envoy 1.40: a third of the upstream hosts against half of our own; about two
    /// thirds stayed (34 of 60).
    #[test]
    fn zones_keep_what_they_can() {
        assert_eq!(zones(&[(3, 1), (3, 1)]), ZoneAware::Direct);
        assert_eq!(zones(&[(2, 1), (2, 1)]), ZoneAware::ClusterTooSmall);
        assert_eq!(zones(&[(9, 1)]), ZoneAware::Off);
        let third = zones(&[(2, 1), (4, 1)]);
        let wanted = ZoneAware::Residual {
            local: 6666,
            residual: vec![0, 1666],
        };
        assert_eq!(third, wanted);
        let mut rng = Rng::with_seed(7);
        let stayed = (0..6000).filter(|_| {
            let (locality, counter) = third.pick(&mut rng).unwrap();
            assert_eq!(counter, [Routed::Sampled, Routed::CrossZone][locality]);
            locality == 0
        });
        assert!(stayed.count().abs_diff(4000) < 150);
        assert_eq!(ZoneAware::Off.pick(&mut rng), None);
        let direct = Some((0, Routed::AllDirectly));
        assert_eq!(ZoneAware::Direct.pick(&mut rng), direct);
    }

    /// Envoy's own example: 40 40 20 percent of ours, 25 50 25 percent upstream.
    #[test]
    fn rest_goes_where_there_is_room() {
        let wanted = ZoneAware::Residual {
            local: 6250,
            residual: vec![0, 1000, 1500],
        };
        assert_eq!(zones(&[(5, 2), (10, 2), (5, 1)]), wanted);
        let full = ZoneAware::Residual {
            local: 0,
            residual: vec![0, 0],
        };
        let (_, counter) = full.pick(&mut Rng::with_seed(7)).unwrap();
        assert_eq!(counter, Routed::NoCapacityLeft);
    }
}
