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

/// Shares of each priority. `factor` is the overprovisioning factor, `threshold` the panic
/// threshold, both in percent.
pub(crate) fn shares(levels: &[Availability], factor: u32, threshold: u32) -> Vec<Share> {
    let health = |count: u32, level: &Availability| {
        (factor * count)
            .checked_div(level.total)
            .unwrap_or(0)
            .min(100)
    };
    let healthy: Vec<u32> = levels.iter().map(|l| health(l.healthy, l)).collect();
    let degraded: Vec<u32> = levels.iter().map(|l| health(l.degraded, l)).collect();
    let total = healthy.iter().chain(&degraded).sum::<u32>().min(100);
    let mut shares = vec![Share::default(); levels.len()];
    if total == 0 {
        return panic_by_count(levels, threshold);
    }
    if total < 100 {
        for (share, level) in shares.iter_mut().zip(levels) {
            share.panic = level.total > 0 && 100 * level.healthy < threshold * level.total;
        }
    }
    let mut left = 100;
    for (share, health) in shares.iter_mut().zip(&healthy) {
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

/// Nothing is available: panic everywhere, by host count, unless panic is switched off.
fn panic_by_count(levels: &[Availability], threshold: u32) -> Vec<Share> {
    let hosts: u32 = levels.iter().map(|level| level.total).sum();
    let mut shares = vec![Share::default(); levels.len()];
    if hosts == 0 || threshold == 0 {
        return shares;
    }
    let mut left = 100;
    for (share, level) in shares.iter_mut().zip(levels) {
        share.panic = level.total > 0;
        share.healthy = left.min(level.total * 100 / hosts);
        left -= share.healthy;
    }
    if let Some(first) = shares.iter_mut().find(|share| share.healthy > 0) {
        first.healthy += left;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(healthy: u32, degraded: u32, total: u32) -> Availability {
        Availability {
            healthy,
            degraded,
            total,
        }
    }

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
}
