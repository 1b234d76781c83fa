// SPDX-License-Identifier: Apache-2.0
//! The metric cells.
//!
//! In: increments from the one worker that owns a cell. Out: values that any thread may read.

use std::sync::{
    OnceLock,
    atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
};

/// A count that only grows. It has one writer at a time: adding is a load and a store, without a
/// locked instruction, so two threads must never add to the same cell.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `amount`.
    pub fn add(&self, amount: u64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Back to zero (`/reset_counters`). An increment at the same moment may be lost.
    pub fn reset(&self) {
        self.0.store(0, Relaxed);
    }
}

/// A value that goes up and down; one writer at a time, like [`Counter`].
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Adds `amount`, which may be negative.
    pub fn add(&self, amount: i64) {
        self.0
            .store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Replaces the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    /// The value.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// Final response codes of one kind: `<prefix>_<code>`, `<prefix>_<n>xx`, `<prefix>_completed`.
/// The table is allocated at the first response.
#[derive(Debug, Default)]
pub struct ResponseCodes(OnceLock<Box<[Counter; 500]>>);

impl ResponseCodes {
    /// Counts one response; codes outside 100..599 are not counted.
    pub fn inc(&self, code: u16) {
        let table = self
            .0
            .get_or_init(|| Box::new(std::array::from_fn(|_| Counter::default())));
        if let Some(counter) = usize::from(code)
            .checked_sub(100)
            .and_then(|at| table.get(at))
        {
            counter.inc();
        }
    }

    /// The codes seen so far with their counts, in order.
    pub fn seen(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.0
            .get()
            .into_iter()
            .flat_map(|table| (100..).zip(table.iter()))
            .filter(|(_, counter)| counter.get() > 0)
            .map(|(code, counter)| (code, counter.get()))
    }

    /// Back to zero.
    pub fn reset(&self) {
        self.0
            .get()
            .into_iter()
            .flat_map(|table| table.iter())
            .for_each(Counter::reset);
    }
}

/// A distribution of whole numbers (milliseconds, bytes) in log-linear bins: values below 16 are
/// exact, larger ones are kept to one part in 16. Allocated at the first value.
#[derive(Debug, Default)]
pub struct Histogram {
    bins: OnceLock<Box<[AtomicU64; Histogram::BINS]>>,
    sum: AtomicU64,
}

impl Histogram {
    /// Bins: 16 exact ones, then 16 for each power of two up to 2^32.
    pub const BINS: usize = 16 + 28 * 16;

    /// Records a value; one writer at a time.
    pub fn record(&self, value: u64) {
        let bins = self
            .bins
            .get_or_init(|| Box::new(std::array::from_fn(|_| AtomicU64::new(0))));
        let bin = &bins[Self::bin_of(value)];
        bin.store(bin.load(Relaxed).wrapping_add(1), Relaxed);
        self.sum
            .store(self.sum.load(Relaxed).wrapping_add(value), Relaxed);
    }

    /// Counts per bin; `None` before the first value.
    pub fn bins(&self) -> Option<Vec<u64>> {
        self.bins
            .get()
            .map(|bins| bins.iter().map(|bin| bin.load(Relaxed)).collect())
    }

    /// Sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// The bin that holds `value`.
    pub fn bin_of(value: u64) -> usize {
        if value < 16 {
            return usize::try_from(value).unwrap_or(0);
        }
        let exponent = value.ilog2().min(31);
        let clamped = value.min((1 << 32) - 1);
        let step = usize::try_from((clamped >> (exponent - 4)) & 15).unwrap_or(0);
        16 + (exponent as usize - 4) * 16 + step
    }

    /// The smallest value of a bin.
    pub fn lower_bound(bin: usize) -> u64 {
        if bin < 16 {
            return bin as u64;
        }
        let exponent = (bin - 16) / 16;
        ((16 + (bin - 16) % 16) as u64) << exponent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_a_bin_that_starts_at_or_below_it() {
        for value in (0..5000).chain([1 << 20, (1 << 31) + 7, u64::from(u32::MAX)]) {
            let bin = Histogram::bin_of(value);
            assert!(bin < Histogram::BINS, "{value}");
            assert!(Histogram::lower_bound(bin) <= value, "{value}");
            if bin + 1 < Histogram::BINS {
                assert!(value < Histogram::lower_bound(bin + 1), "{value}");
            }
        }
        assert!(Histogram::bin_of(u64::MAX) < Histogram::BINS);
    }

    #[test]
    fn codes_are_listed_in_order_once_seen() {
        let codes = ResponseCodes::default();
        assert_eq!(codes.seen().count(), 0);
        codes.inc(503);
        codes.inc(200);
        codes.inc(200);
        codes.inc(42);
        assert_eq!(codes.seen().collect::<Vec<_>>(), [(200, 2), (503, 1)]);
    }
}
