// SPDX-License-Identifier: Apache-2.0
//! Earliest deadline first: weighted picks, evenly spread.
//!
//! In: weights, fixed or asked for at every pick. Out: positions. Each entry's deadline is the time
//! of its last pick plus one over its weight; the smallest goes first, ties in order of insertion.
//! As long as a weight stays the same its steps are counted, not summed up: deadlines that are equal
//! then compare as equal, and turns repeat.

use std::{cmp::Ordering, collections::BinaryHeap};

/// The scheduler.
#[derive(Debug, Default)]
pub(crate) struct Edf {
    queue: BinaryHeap<Entry>,
    now: f64,
    next_order: u64,
}

#[derive(Debug)]
struct Entry {
    deadline: f64,
    /// The deadline is this many steps after `since`.
    steps: u64,
    since: f64,
    order: u64,
    position: usize,
    weight: f64,
}

impl Edf {
    /// Entries with these weights.
    #[cfg(test)]
    pub(crate) fn new(weights: &[u32]) -> Self {
        Self::weighed(weights.len(), |at| f64::from(weights[at].max(1)))
    }

    /// Entries with the weights that `weight` gives for each position.
    pub(crate) fn weighed(count: usize, weight: impl Fn(usize) -> f64) -> Self {
        let mut edf = Self::default();
        for position in 0..count {
            edf.add(position, weight(position));
        }
        edf
    }

    /// The next position.
    pub(crate) fn pick(&mut self) -> Option<usize> {
        let weight = self.queue.peek()?.weight;
        self.pick_and_add(|_| weight)
    }

    /// The next position, which goes back into the queue with a new weight. No allocation.
    pub(crate) fn pick_and_add(&mut self, weight: impl FnOnce(usize) -> f64) -> Option<usize> {
        let mut top = self.queue.peek_mut()?;
        let (deadline, position) = (top.deadline, top.position);
        let weight = weight(position);
        let (since, steps) = if weight.total_cmp(&top.weight).is_eq() {
            (top.since, top.steps + 1)
        } else {
            (deadline, 1)
        };
        *top = Entry {
            deadline: since + steps as f64 / weight,
            steps,
            since,
            order: self.next_order,
            position,
            weight,
        };
        self.now = deadline;
        self.next_order += 1;
        Some(position)
    }

    fn add(&mut self, position: usize, weight: f64) {
        self.queue.push(Entry {
            deadline: self.now + 1.0 / weight,
            steps: 1,
            since: self.now,
            order: self.next_order,
            position,
            weight,
        });
        self.next_order += 1;
    }
}

impl Ord for Entry {
    /// The heap is a maximum heap: the earliest deadline is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .deadline
            .total_cmp(&self.deadline)
            .then(other.order.cmp(&self.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::proptest, prop_assert};

    use super::*;

    /// Recorded from Envoy 1.40, up to where in the period it starts.
    #[test]
    fn order_is_envoys() {
        for (weights, wanted) in [(vec![1.0, 2.0, 3.0], "CBCABC"), (vec![1.0, 5.0], "BBBBAB")] {
            let mut edf = Edf::weighed(weights.len(), |at| weights[at]);
            let picks = (0..6).filter_map(|_| edf.pick_and_add(|at| weights[at]));
            let text: String = picks.map(|at| char::from(b"ABC"[at])).collect();
            assert_eq!(text, wanted);
        }
    }

    /// Row 57. Recorded from Envoy 1.40 over 1500 picks each.
    #[test]
    fn turns_repeat() {
        for (weights, turns) in [
            (&[1, 2, 3][..], "CBCABC"),
            (&[2, 3, 3], "BCABCABC"),
            (&[1, 1, 3], "CCABC"),
        ] {
            let mut edf = Edf::new(weights);
            let picks = (0..1500).filter_map(|_| edf.pick());
            let text: String = picks.map(|at| char::from(b"ABC"[at])).collect();
            assert_eq!(text, turns.repeat(1500)[..1500]);
        }
    }

    proptest! {
        /// Whatever the weights, nobody is ever more than a turn ahead of or behind its share.
        #[test]
        fn shares_follow_weights(weights in vec(1_u32..50, 1..10)) {
            let mut edf = Edf::new(&weights);
            let sum: u32 = weights.iter().sum();
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..3 * sum {
                counts[edf.pick().unwrap()] += 1;
            }
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert!(count.abs_diff(3 * weight) <= 1, "{counts:?}");
            }
        }
    }

    /// On Envoy, weights 1:5 and 1:2:3 both have a period of six. The order inside a period depends
    /// on rounding, there as here.
    #[test]
    fn every_period_holds_each_position_as_often_as_its_weight_says() {
        for weights in [vec![1, 5], vec![1, 2, 3]] {
            let mut edf = Edf::new(&weights);
            let picks: Vec<usize> = (0..36).filter_map(|_| edf.pick()).collect();
            for period in picks.chunks(6) {
                for (position, weight) in weights.iter().enumerate() {
                    let count = period.iter().filter(|pick| **pick == position).count();
                    assert_eq!(count, *weight as usize, "{picks:?}");
                }
            }
        }
    }
}
