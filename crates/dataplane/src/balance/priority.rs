// SPDX-License-Identifier: Apache-2.0
//! How load is shared between priorities.
//!
//! In: host counts of each priority. Out: percentages for healthy and degraded hosts, and whether a
//! priority is in panic, by Envoy's rules.

/// Host counts of one priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Availability {
    /// Healthy hosts.
    pub(crate) healthy: u32,
    /// Degraded hosts.
    pub(crate) degraded: u32,
    /// All hosts.
    pub(crate) total: u32,
    /// Hosts left out of the maths: failed on request, or not checked for the first time yet.
    pub(crate) excluded: u32,
}

/// Load of one priority, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// On its healthy hosts; on all of them in panic.
    pub(crate) healthy: u32,
    /// On its degraded hosts.
    pub(crate) degraded: u32,
    /// Health is ignored.
    pub(crate) panic: bool,
}

impl Availability {
    /// `count` of the hosts that matter, in percent with overprovisioning.
    pub(super) fn percent(&self, count: u32, factor: u32) -> u32 {
        (u64::from(factor) * u64::from(count))
            .checked_div(u64::from(self.total.saturating_sub(self.excluded)))
            .map_or(0, |percent| percent.min(100) as u32)
    }

    /// Whether fewer hosts than the threshold are of use. Degraded ones are of use.
    pub(crate) fn is_in_panic(&self, threshold: u32) -> bool {
        let hosts = u64::from(self.total.saturating_sub(self.excluded));
        let useful = u64::from(self.healthy) + u64::from(self.degraded);
        let threshold = u64::from(threshold.min(100));
        if hosts == 0 {
            return threshold > 0;
        }
        100 * useful < threshold * hosts
    }
}

/// Shares of each priority. `factor` is the overprovisioning factor, `threshold` the panic
/// threshold, both in percent.
pub(crate) fn shares(levels: &[Availability], factor: u32, threshold: u32) -> Vec<Share> {
    let percent = |count: fn(&Availability) -> u32| -> Vec<u32> {
        levels
            .iter()
            .map(|level| level.percent(count(level), factor))
            .collect()
    };
    let healthy = percent(|level| level.healthy);
    let degraded = percent(|level| level.degraded);
    let total = healthy.iter().chain(&degraded).sum::<u32>().min(100);
    let in_panic = |level: &Availability| total < 100 && level.is_in_panic(threshold);
    if levels.iter().all(in_panic) {
        return by_count(levels);
    }
    let mut shares = vec![Share::default(); levels.len()];
    if total == 0 {
        return shares;
    }
    let mut left = 100;
    for ((share, level), health) in shares.iter_mut().zip(levels).zip(&healthy) {
        share.panic = in_panic(level);
        share.healthy = left.min(health * 100 / total);
        left -= share.healthy;
    }
    for (share, health) in shares.iter_mut().zip(&degraded) {
        share.degraded = left.min(health * 100 / total);
        left -= share.degraded;
    }
    // What rounding left over goes to the first one that takes load.
    if let Some(first) = shares.iter_mut().find(|s| s.healthy > 0) {
        first.healthy += left;
    } else if let Some(first) = shares.iter_mut().find(|s| s.degraded > 0) {
        first.degraded += left;
    }
    shares
}

/// Panic everywhere: health counts for nothing, load goes by the number of hosts.
fn by_count(levels: &[Availability]) -> Vec<Share> {
    let hosts: u32 = levels.iter().map(|level| level.total).sum();
    let mut shares = vec![Share::default(); levels.len()];
    if hosts == 0 {
        return shares;
    }
    let mut left = 100;
    for (share, level) in shares.iter_mut().zip(levels) {
        share.panic = level.total > 0;
        share.healthy = level.total * 100 / hosts;
        left -= share.healthy;
    }
    let filled = shares
        .iter_mut()
        .zip(levels)
        .find(|(_, level)| level.total > 0);
    if let Some((first, _)) = filled {
        first.healthy += left;
    }
    shares
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::proptest, prop_assert};

    use super::*;

    fn level(healthy: u32, degraded: u32, total: u32) -> Availability {
        Availability {
            healthy,
            degraded,
            total,
            excluded: 0,
        }
    }

    /// Row 59.
    ///
    /// Cases measured on Envoy.
    #[test]
    fn load_falls_over_as_in_envoy() {
        let pairs = |levels: &[Availability]| -> Vec<(u32, u32, bool)> {
            shares(levels, 140, 50)
                .iter()
                .map(|share| (share.healthy, share.degraded, share.panic))
                .collect()
        };
        let full = level(2, 0, 2);
        assert_eq!(pairs(&[full, full]), [(100, 0, false), (0, 0, false)]);
        assert_eq!(
            pairs(&[level(1, 0, 2), full]),
            [(70, 0, false), (30, 0, false)]
        );
        assert_eq!(
            pairs(&[level(0, 0, 2), full]),
            [(0, 0, false), (100, 0, false)]
        );
        assert_eq!(pairs(&[level(2, 1, 3)]), [(93, 7, false)]);
        assert_eq!(
            pairs(&[level(0, 2, 2), full]),
            [(0, 0, false), (100, 0, false)]
        );
        assert_eq!(pairs(&[level(2, 0, 5)]), [(100, 0, true)]);
        assert_eq!(pairs(&[level(0, 0, 2)]), [(100, 0, true)]);
        assert_eq!(pairs(&[level(0, 0, 0)]), [(0, 0, false)]);
    }
    /// Row 59.
    ///
    /// Envoy's rules beyond the measured rows: degraded hosts keep a priority out of panic, load
    /// goes by host count once all priorities are in panic, excluded hosts do not count.
    #[test]
    fn panic_counts_useful_hosts() {
        let panics = |levels: &[Availability], threshold| -> Vec<(u32, bool)> {
            let shares = shares(levels, 140, threshold);
            shares.iter().map(|s| (s.healthy, s.panic)).collect()
        };
        assert_eq!(panics(&[level(1, 2, 5)], 60), [(34, false)]);
        let both = [level(1, 0, 10), level(1, 0, 30)];
        assert_eq!(panics(&both, 50), [(25, true), (75, true)]);
        // With three of four healthy there is no panic, whatever the threshold.
        assert_eq!(panics(&[level(3, 0, 4)], 80), [(100, false)]);
        // An empty priority is not in the way of a panic in the others.
        assert_eq!(
            panics(&[level(0, 0, 0), level(1, 0, 4)], 50),
            [(0, false), (100, true)]
        );
        assert_eq!(panics(&[level(0, 0, 2)], 0), [(0, false)]);
        let excluded = Availability {
            excluded: 2,
            ..level(1, 0, 4)
        };
        assert_eq!(panics(&[excluded], 50), [(100, false)]);
    }

    proptest! {
        /// Whatever the health, all load goes somewhere as long as there is a host of use.
        #[test]
        fn shares_add_up(counts in vec((0_u32..5, 0_u32..5, 0_u32..5), 1..5), threshold in 0_u32..101) {
            let levels: Vec<Availability> = counts
                .iter()
                .map(|(healthy, degraded, rest)| level(*healthy, *degraded, healthy + degraded + rest))
                .collect();
            let sum: u32 = shares(&levels, 140, threshold)
                .iter()
                .map(|share| share.healthy + share.degraded)
                .sum();
            let useful = counts.iter().any(|(healthy, degraded, _)| healthy + degraded > 0);
            prop_assert!(sum == 100 || sum == 0 && !useful);
        }
    }
}
