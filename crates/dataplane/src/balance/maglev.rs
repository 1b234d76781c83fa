// SPDX-License-Identifier: Apache-2.0
//! Maglev: a table whose slots hosts take in turns, a key goes to a slot.
//!
//! In: hosts with normalised weights. Out: the table with its gauges, and picks by hash in constant
//! time. Same table as Envoy's, slot for slot.

use super::{hash::xx_hash_64, normalise::HashHost};

/// The table.
#[derive(Debug)]
pub(crate) struct Maglev {
    /// Positions in the list that the table was built from.
    slots: Box<[u32]>,
    /// What `maglev_lb` shows.
    pub(crate) gauges: MaglevGauges,
}

/// Gauges under `maglev_lb`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MaglevGauges {
    /// `min_entries_per_host`.
    pub(crate) min_entries_per_host: u64,
    /// `max_entries_per_host`.
    pub(crate) max_entries_per_host: u64,
}

/// A host's way through the table.
struct Entry {
    position: u32,
    weight: f64,
    target: f64,
    /// The slot to try next, and how far it is to the one after.
    slot: u64,
    skip: u64,
    count: u64,
}

/// Envoy's default for `table_size`. Envoy takes only primes, up to 5000011.
pub(crate) const TABLE_SIZE: u64 = 65_537;

const FREE: u32 = u32::MAX;

impl Maglev {
    /// A table of `size` slots; `size` is prime. Costs about `size` x ln(`size`) steps.
    pub(crate) fn build(size: u64, hosts: &[HashHost]) -> Self {
        let most = hosts.iter().map(|host| host.weight).fold(0.0, f64::max);
        let mut entries = entries(size, hosts);
        if entries.is_empty() {
            return Self {
                slots: Box::default(),
                gauges: MaglevGauges::default(),
            };
        }
        let mut slots = vec![FREE; size as usize].into_boxed_slice();
        let mut free = slots.len();
        let mut round = 1.0;
        while free > 0 {
            for entry in &mut entries {
                // The heaviest host takes a slot in every round, the others less often.
                if round * entry.weight < entry.target {
                    continue;
                }
                entry.target += most;
                entry.take(&mut slots);
                free -= 1;
                if free == 0 {
                    break;
                }
            }
            round += 1.0;
        }
        let counts = || entries.iter().map(|entry| entry.count);
        Self {
            slots,
            gauges: MaglevGauges {
                min_entries_per_host: counts().min().unwrap_or(0),
                max_entries_per_host: counts().max().unwrap_or(0),
            },
        }
    }

    /// The host of the slot that `hash` falls into. Each attempt that a predicate refused gives
    /// another slot, which need not be another host's.
    pub(crate) fn pick(&self, hash: u64, attempt: u32) -> Option<usize> {
        // Changing many bits spreads the alternatives; for the first attempt this changes none.
        let hash = hash ^ u64::from(attempt).wrapping_neg();
        let slot = hash.checked_rem(self.slots.len() as u64)?;
        self.slots.get(slot as usize).map(|host| *host as usize)
    }
}

impl Entry {
    /// Takes the next free slot of its sequence. Terminates as long as one is free, because the
    /// size is prime.
    fn take(&mut self, slots: &mut [u32]) {
        let size = slots.len() as u64;
        let mut slot = self.slot;
        while slots[slot as usize] != FREE {
            slot = (slot + self.skip) % size;
        }
        slots[slot as usize] = self.position;
        self.slot = (slot + self.skip) % size;
        self.count += 1;
    }
}

/// Hosts in the order of their keys: the list's order must not move keys around.
fn entries(size: u64, hosts: &[HashHost]) -> Vec<Entry> {
    let mut sorted: Vec<(u32, &HashHost)> = (0..).zip(hosts).collect();
    sorted.sort_by(|(_, left), (_, right)| left.key.cmp(&right.key));
    let entry = |(position, host): (u32, &HashHost)| {
        let key = host.key.as_bytes();
        Entry {
            position,
            weight: host.weight,
            target: 0.0,
            slot: xx_hash_64(key, 0) % size,
            skip: xx_hash_64(key, 1) % (size - 1).max(1) + 1,
            count: 0,
        }
    };
    sorted.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::proptest, prop_assert};

    use super::*;
    use crate::balance::normalise::tests::{hosts, letters};

    fn counts(table: &Maglev, hosts: usize) -> Vec<usize> {
        (0..hosts)
            .map(|at| {
                table
                    .slots
                    .iter()
                    .filter(|slot| **slot as usize == at)
                    .count()
            })
            .collect()
    }

    /// Row 54.
    ///
    /// Recorded from Envoy 1.40: three static hosts, a header hash policy, values k0 to k23.
    #[test]
    fn keys_go_where_envoy_sends_them() {
        for (weights, wanted, slots) in [
            (
                [1, 2, 3],
                "BACBABCCCBACCCCCACCCBBCC",
                [10_923, 21_846, 32_768],
            ),
            (
                [1, 1, 1],
                "BACBABCCABAACAACAACCBBCA",
                [21_846, 21_846, 21_845],
            ),
        ] {
            let table = Maglev::build(TABLE_SIZE, &hosts(&weights));
            assert_eq!(letters(|hash| table.pick(hash, 0)), wanted);
            assert_eq!(counts(&table, 3), slots);
            let [min, max] = [slots.iter().min(), slots.iter().max()];
            assert_eq!(
                min.copied(),
                Some(table.gauges.min_entries_per_host as usize)
            );
            assert_eq!(
                max.copied(),
                Some(table.gauges.max_entries_per_host as usize)
            );
        }
    }

    /// Row 54.
    ///
    /// Recorded from Envoy 1.40.
    #[test]
    fn small_table_is_envoys() {
        let table = Maglev::build(17, &hosts(&[1, 2, 3]));
        let slots = (0..17).filter_map(|hash| table.pick(hash, 0));
        let text: String = slots.map(|host| char::from(b"ABC"[host])).collect();
        assert_eq!(text, "CBCCACBACBACCCBBB");
    }

    #[test]
    fn attempts_change_the_hash_and_order_does_not_matter() {
        let mut list = hosts(&[1, 2, 3]);
        let table = Maglev::build(17, &list);
        assert_eq!(table.pick(5, 2), table.pick(5 ^ (u64::MAX - 1), 0));
        list.reverse();
        let reversed = Maglev::build(17, &list);
        for hash in 0..17 {
            assert_eq!(table.pick(hash, 0), reversed.pick(hash, 0).map(|at| 2 - at));
        }
        assert_eq!(Maglev::build(17, &[]).pick(5, 0), None);
    }

    proptest! {
        /// Slots follow the weights; what rounding gives to some, others lack.
        #[test]
        fn slots_follow_weights(weights in vec(1_u32..20, 1..12)) {
            let hosts = hosts(&weights);
            let table = Maglev::build(1021, &hosts);
            for (count, host) in counts(&table, hosts.len()).into_iter().zip(&hosts) {
                let off = (count as f64 - host.weight * 1021.0).abs();
                prop_assert!(off <= 1.0 + hosts.len() as f64, "{off}");
            }
        }

        /// Removing a host moves its own slots and few others.
        #[test]
        fn removal_disturbs_little(count in 3_usize..12) {
            let all = hosts(&vec![1; count]);
            let (before, after) = (
                Maglev::build(TABLE_SIZE, &all),
                Maglev::build(TABLE_SIZE, &all[..count - 1]),
            );
            let moved = before.slots.iter().zip(&after.slots)
                .filter(|(old, new)| **old as usize != count - 1 && old != new)
                .count();
            prop_assert!(moved as f64 <= 0.2 * TABLE_SIZE as f64, "{moved} moved");
        }
    }
}
