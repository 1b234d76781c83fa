// SPDX-License-Identifier: Apache-2.0
//! Earliest deadline first: weighted picks, evenly spread.
//!
//! In: weights. Out: positions. Each entry's deadline is the time of its last pick plus one over its
//! weight; the smallest goes first, ties in order of insertion.

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
    order: u64,
    position: usize,
    weight: f64,
}

impl Edf {
    /// Entries with these weights.
    pub(crate) fn new(weights: &[u32]) -> Self {
        let mut edf = Self::default();
        for (position, weight) in weights.iter().enumerate() {
            edf.add(position, f64::from((*weight).max(1)));
        }
        edf
    }

    /// The next position.
    pub(crate) fn pick(&mut self) -> Option<usize> {
        let entry = self.queue.pop()?;
        self.now = entry.deadline;
        self.add(entry.position, entry.weight);
        Some(entry.position)
    }

    fn add(&mut self, position: usize, weight: f64) {
        self.queue.push(Entry {
            deadline: self.now + 1.0 / weight,
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
    use super::*;

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
