// SPDX-License-Identifier: Apache-2.0
//! Random: every host is as likely as the others; weights do not count.
//!
//! In: how many hosts there are. Out: a position.

use fastrand::Rng;

/// One of `count` hosts.
pub(crate) fn pick_random(count: usize, rng: &mut Rng) -> Option<usize> {
    (count > 0).then(|| rng.usize(..count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_equally_likely() {
        let mut rng = Rng::with_seed(7);
        let mut counts = [0_u32; 4];
        for _ in 0..8000 {
            counts[pick_random(4, &mut rng).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| count.abs_diff(2000) < 200));
        assert_eq!(pick_random(0, &mut rng), None);
    }
}
