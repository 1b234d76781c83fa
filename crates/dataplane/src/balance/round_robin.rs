// SPDX-License-Identifier: Apache-2.0
//! Round robin: list order with a random start; earliest deadline first when weights differ.
//!
//! In: weights. Out: positions.

use super::edf::Edf;

/// The balancer over one list of hosts.
#[derive(Debug)]
pub(crate) enum RoundRobin {
    /// All weights are equal.
    Equal {
        /// Next position.
        next: usize,
        /// Length of the list.
        count: usize,
    },
    /// Weights differ.
    Weighted(Edf),
}

impl RoundRobin {
    /// Over hosts with these weights; `seed` decides where it starts.
    pub(crate) fn new(weights: &[u32], seed: usize) -> Self {
        if weights.windows(2).all(|pair| pair[0] == pair[1]) {
            return Self::Equal {
                next: seed.checked_rem(weights.len()).unwrap_or(0),
                count: weights.len(),
            };
        }
        let mut edf = Edf::new(weights);
        for _ in 0..seed % weights.len() {
            edf.pick();
        }
        Self::Weighted(edf)
    }

    /// The next position.
    pub(crate) fn pick(&mut self) -> Option<usize> {
        match self {
            Self::Equal { count: 0, .. } => None,
            Self::Equal { next, count } => {
                let at = *next;
                *next = if at + 1 == *count { 0 } else { at + 1 };
                Some(at)
            }
            Self::Weighted(edf) => edf.pick(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_weights_take_turns_from_any_start() {
        for seed in 0..7 {
            let mut balancer = RoundRobin::new(&[2, 2, 2], seed);
            let picks: Vec<_> = (0..6).filter_map(|_| balancer.pick()).collect();
            let wanted: Vec<_> = (0..6).map(|step| (seed + step) % 3).collect();
            assert_eq!(picks, wanted);
        }
        assert_eq!(RoundRobin::new(&[], 3).pick(), None);
    }
}
