// SPDX-License-Identifier: Apache-2.0
//! Ring hash: hosts own points on a ring, a key goes to the next point.
//!
//! In: hosts with normalised weights. Out: the ring with its gauges, and picks by hash. Same ring
//! as Envoy's, point for point.

use std::fmt::Write;

use super::{hash::HashFunction, normalise::HashHost};

/// `ring_hash_lb_config`. Envoy refuses a minimum above the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingConfig {
    /// `minimum_ring_size`.
    pub(crate) minimum_ring_size: u64,
    /// `maximum_ring_size`.
    pub(crate) maximum_ring_size: u64,
    /// `hash_function`.
    pub(crate) hash_function: HashFunction,
}

/// The ring. Hashes and hosts lie apart, so that the search touches eight bytes per point.
#[derive(Debug)]
pub(crate) struct Ring {
    hashes: Box<[u64]>,
    /// Positions in the list that the ring was built from.
    hosts: Box<[u32]>,
    /// What `ring_hash_lb` shows.
    pub(crate) gauges: RingGauges,
}

/// Gauges under `ring_hash_lb`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RingGauges {
    /// `size`.
    pub(crate) size: u64,
    /// `min_hashes_per_host`.
    pub(crate) min_hashes_per_host: u64,
    /// `max_hashes_per_host`.
    pub(crate) max_hashes_per_host: u64,
}

impl Default for RingConfig {
    /// Envoy's defaults; the maximum is 8 Mi.
    fn default() -> Self {
        Self {
            minimum_ring_size: 1024,
            maximum_ring_size: 8_388_608,
            hash_function: HashFunction::XxHash,
        }
    }
}

impl Ring {
    /// A ring of these hosts. Costs a hash per point and a sort.
    pub(crate) fn build(config: &RingConfig, hosts: &[HashHost]) -> Self {
        let least = hosts.iter().map(|host| host.weight).fold(1.0, f64::min);
        let scale = if hosts.is_empty() {
            0.0
        } else {
            // The least host gets a whole number of points, unless that makes the ring too large.
            ((least * config.minimum_ring_size as f64).ceil() / least)
                .min(config.maximum_ring_size as f64)
        };
        let size = scale.ceil() as u64;
        let mut gauges = RingGauges {
            size,
            min_hashes_per_host: size,
            max_hashes_per_host: 0,
        };
        let mut points: Vec<(u64, u32)> = Vec::with_capacity(size as usize);
        let mut text = String::new();
        // Both sums run on over all hosts: what one host lacks of a whole point, the next one gets.
        let (mut current, mut target) = (0.0, 0.0);
        for (position, host) in (0..).zip(hosts) {
            target += scale * host.weight;
            let mut count = 0;
            while current < target {
                text.clear();
                write!(text, "{}_{count}", host.key)
                    .expect("invariant: writing to a string succeeds");
                points.push((config.hash_function.hash(text.as_bytes()), position));
                count += 1;
                current += 1.0;
            }
            gauges.min_hashes_per_host = gauges.min_hashes_per_host.min(count);
            gauges.max_hashes_per_host = gauges.max_hashes_per_host.max(count);
        }
        points.sort_unstable();
        let (hashes, hosts): (Vec<_>, Vec<_>) = points.into_iter().unzip();
        Self {
            hashes: hashes.into(),
            hosts: hosts.into(),
            gauges,
        }
    }

    /// The host of the first point at or after `hash`. Each attempt that a predicate refused moves
    /// one point on, which need not be another host.
    pub(crate) fn pick(&self, hash: u64, attempt: u32) -> Option<usize> {
        let first = self.hashes.partition_point(|point| *point < hash);
        let at = (first % self.hosts.len().max(1) + attempt as usize) % self.hosts.len().max(1);
        self.hosts.get(at).map(|host| *host as usize)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::proptest, prop_assert, prop_assert_eq};

    use super::*;
    use crate::balance::normalise::tests::{hosts, letters};

    fn sized(minimum_ring_size: u64, maximum_ring_size: u64) -> RingConfig {
        RingConfig {
            minimum_ring_size,
            maximum_ring_size,
            ..RingConfig::default()
        }
    }

    /// Row 54.
    ///
    /// Recorded from Envoy 1.40: three static hosts, a header hash policy, values k0 to k23.
    #[test]
    fn keys_go_where_envoy_sends_them() {
        let default = RingConfig::default();
        let murmur = RingConfig {
            hash_function: HashFunction::MurmurHash2,
            ..default
        };
        for (config, weights, wanted) in [
            (default, [1, 2, 3], "CACACBCCBCCBCCCACCCCCBCC"),
            (murmur, [1, 2, 3], "BBBCCCABBCABBBCBCCACBABC"),
            (default, [1, 1, 1], "AACACBACBACACACACCACCAAC"),
        ] {
            let ring = Ring::build(&config, &hosts(&weights));
            assert_eq!(letters(|hash| ring.pick(hash, 0)), wanted);
        }
    }

    /// Row 54.
    ///
    /// Recorded from Envoy 1.40.
    #[test]
    fn gauges_and_points_are_envoys() {
        let ring = Ring::build(&RingConfig::default(), &hosts(&[1, 2, 3]));
        let gauges = RingGauges {
            size: 1026,
            min_hashes_per_host: 171,
            max_hashes_per_host: 513,
        };
        assert_eq!(ring.gauges, gauges);
        let ring = Ring::build(&sized(5, 5), &hosts(&[1, 1, 1]));
        let wanted = [
            0x1834_1d92_7ea1_0691,
            0x3d32_eaa4_a864_962e,
            0x7079_d8e1_823e_007f,
            0x74da_18db_9f57_cc7e,
            0x7504_1381_e737_1a08,
        ];
        assert_eq!(*ring.hashes, wanted);
        assert_eq!(*ring.hosts, [0, 1, 1, 2, 0]);
    }

    #[test]
    fn search_wraps_and_attempts_move_on() {
        let ring = Ring::build(&sized(5, 5), &hosts(&[1, 1, 1]));
        assert_eq!(ring.pick(0, 0), Some(0));
        assert_eq!(ring.pick(0x1834_1d92_7ea1_0691, 0), Some(0));
        assert_eq!(ring.pick(0x1834_1d92_7ea1_0692, 0), Some(1));
        assert_eq!(ring.pick(u64::MAX, 0), Some(0));
        let attempts = [0, 1, 2, 3, 4, 5].map(|attempt| ring.pick(0, attempt));
        assert_eq!(attempts, [0, 1, 1, 2, 0, 0].map(Some));
        let empty = Ring::build(&RingConfig::default(), &[]);
        assert_eq!(empty.pick(7, 1), None);
        assert_eq!(empty.gauges, RingGauges::default());
    }

    proptest! {
        /// Hosts get points by weight, to within two: one at each end of their stretch.
        #[test]
        fn points_follow_weights(weights in vec(1_u32..20, 1..12)) {
            let hosts = hosts(&weights);
            let ring = Ring::build(&RingConfig::default(), &hosts);
            for (at, host) in hosts.iter().enumerate() {
                let points = ring.hosts.iter().filter(|host| **host as usize == at).count();
                let wanted = host.weight * ring.hosts.len() as f64;
                prop_assert!((points as f64 - wanted).abs() <= 2.0);
            }
        }

        /// Without the last host, only its own keys move.
        #[test]
        fn removal_moves_only_the_keys_of_the_removed(count in 2_usize..10, keys in vec(0_u64.., 50)) {
            // Equal weights and as many points per host in both rings.
            let ring = |count: usize| {
                let points = 64 * count as u64;
                Ring::build(&sized(points, points), &hosts(&vec![1; count]))
            };
            let (before, after) = (ring(count), ring(count - 1));
            for key in keys {
                let old = before.pick(key, 0);
                if old != Some(count - 1) {
                    prop_assert_eq!(after.pick(key, 0), old);
                }
            }
        }
    }
}
