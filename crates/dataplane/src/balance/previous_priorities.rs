// SPDX-License-Identifier: Apache-2.0
//! `previous_priorities`: a retry goes to priorities that were not tried yet.
//!
//! In: priorities of the attempts so far, host counts of each priority. Out: shares of the load
//! without those; none as long as the usual ones hold.

use super::priority::{Availability, Share};

/// Priorities of one request's attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PreviousPriorities {
    /// `update_frequency`: after so many attempts, priorities are looked at again.
    update_frequency: usize,
    attempted: Vec<u32>,
    excluded: Vec<bool>,
    shares: Vec<Share>,
}

impl PreviousPriorities {
    /// Without an attempt yet.
    pub(crate) fn new(update_frequency: u32) -> Self {
        Self {
            update_frequency: update_frequency.max(1) as usize,
            attempted: Vec::new(),
            excluded: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// An attempt went to a host of this priority.
    pub(crate) fn note(&mut self, priority: u32) {
        self.attempted.push(priority);
    }

    /// The shares for the next attempt; `usual` are those of a request, `factor` is the
    /// overprovisioning factor in percent.
    pub(crate) fn shares(
        &mut self,
        levels: &[Availability],
        usual: &[Share],
        factor: u32,
    ) -> Option<&[Share]> {
        let attempts = self.attempted.len();
        if attempts < self.update_frequency {
            return None;
        }
        if attempts.is_multiple_of(self.update_frequency) || self.shares.len() != levels.len() {
            self.excluded.resize(levels.len(), false);
            for priority in &self.attempted {
                if let Some(excluded) = self.excluded.get_mut(*priority as usize) {
                    *excluded = true;
                }
            }
            self.shares = self.adjusted(levels, usual, factor)?;
        }
        Some(&self.shares)
    }

    fn adjusted(
        &mut self,
        levels: &[Availability],
        usual: &[Share],
        factor: u32,
    ) -> Option<Vec<Share>> {
        let available = |excluded: &[bool]| -> Vec<(u32, u32)> {
            let levels = levels.iter().zip(excluded);
            let left = levels.map(|(level, excluded)| match excluded {
                true => (0, 0),
                false => (
                    level.percent(level.healthy, factor),
                    level.percent(level.degraded, factor),
                ),
            });
            left.collect()
        };
        let total = |left: &[(u32, u32)]| -> u32 { left.iter().map(|(a, b)| a + b).sum() };
        let mut left = available(&self.excluded);
        if total(&left) == 0 {
            // All were tried: from the beginning.
            self.excluded.fill(false);
            self.attempted.clear();
            left = available(&self.excluded);
        }
        let total = total(&left).min(100);
        if total == 0 {
            return None;
        }
        let panics = usual.iter().map(|share| share.panic);
        let mut shares: Vec<Share> = panics
            .map(|panic| Share {
                panic,
                ..Share::default()
            })
            .collect();
        let mut load = 100;
        // What rounding leaves over goes to the first ones again.
        while load > 0 {
            for (share, (healthy, _)) in shares.iter_mut().zip(&left) {
                let part = load.min(healthy * 100 / total);
                share.healthy += part;
                load -= part;
            }
            for (share, (_, degraded)) in shares.iter_mut().zip(&left) {
                let part = load.min(degraded * 100 / total);
                share.degraded += part;
                load -= part;
            }
        }
        Some(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::shares;

    fn level(healthy: u32, total: u32) -> Availability {
        Availability {
            healthy,
            total,
            ..Availability::default()
        }
    }

    /// Shares of healthy hosts for each attempt after the first, which each go to `attempts`.
    fn loads(frequency: u32, levels: &[Availability], attempts: &[u32]) -> Vec<Option<Vec<u32>>> {
        let usual = shares(levels, 140, 50);
        let mut priorities = PreviousPriorities::new(frequency);
        let next = |priority: &u32| {
            priorities.note(*priority);
            let shares = priorities.shares(levels, &usual, 140);
            shares.map(|shares| shares.iter().map(|share| share.healthy).collect())
        };
        attempts.iter().map(next).collect()
    }

    #[test]
    fn tried_priorities_lose_their_load_until_all_were_tried() {
        let levels = [level(2, 2), level(2, 2), level(2, 2)];
        let only = |at: usize| {
            let mut shares = vec![0; 3];
            shares[at] = 100;
            Some(shares)
        };
        assert_eq!(loads(1, &levels, &[0, 1, 2]), [only(1), only(2), only(0)]);
        assert_eq!(
            loads(2, &levels, &[0, 0, 1, 1]),
            [None, only(1), only(1), only(2)]
        );
    }

    #[test]
    fn what_is_left_shares_the_load() {
        let levels = [level(2, 2), level(1, 2), level(2, 2)];
        assert_eq!(loads(1, &levels, &[0]), [Some(vec![0, 70, 30])]);
        // A single priority, and priorities without hosts, leave nothing else.
        assert_eq!(loads(1, &[level(1, 1)], &[0]), [Some(vec![100])]);
        assert_eq!(loads(1, &[level(0, 2)], &[0]), [None]);
    }
}
