// SPDX-License-Identifier: Apache-2.0
//! Localities by weight: which one a request goes to.
//!
//! In: host counts and weights of localities. Out: a locality.

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
}
