// SPDX-License-Identifier: Apache-2.0
//! Histogram cells with the bins of Envoy's own histograms.
//!
//! In: whole numbers. Out: counts per bin. The bins keep two significant decimal digits, as the
//! circllhist library does, so that quantiles come out as Envoy prints them.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

/// A distribution of whole numbers (milliseconds, bytes). Values below 100 are exact, larger ones
/// are kept to two digits; those from 10^9 on fall into the last bin. Allocated at the first value.
#[derive(Debug, Default)]
pub struct Histogram {
    bins: OnceLock<Box<[AtomicU64; Histogram::BINS]>>,
    sum: AtomicU64,
}

impl Histogram {
    /// Bins: 0 to 9 exactly, then 90 for each power of ten up to 10^9.
    pub const BINS: usize = 10 + 90 * 8;

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

    /// The bins that hold values, with their counts, in order.
    pub fn filled(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.bins
            .get()
            .into_iter()
            .flat_map(|bins| bins.iter().enumerate())
            .map(|(bin, count)| (bin, count.load(Relaxed)))
            .filter(|(_, count)| *count > 0)
    }

    /// Sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Relaxed)
    }

    /// The bin that holds `value`.
    pub fn bin_of(value: u64) -> usize {
        if value < 10 {
            return usize::try_from(value).unwrap_or(0);
        }
        let decade = value.ilog10();
        if decade > 8 {
            return Self::BINS - 1;
        }
        let digits = usize::try_from(value / 10_u64.pow(decade - 1)).unwrap_or(10);
        10 + (decade as usize - 1) * 90 + digits - 10
    }

    /// Lower bound and width of a bin, computed in the order in which circllhist computes them, so
    /// that rounding agrees with what Envoy prints.
    pub(crate) fn bounds(bin: usize) -> (f64, f64) {
        if bin == 0 {
            return (0.0, 0.0);
        }
        let (digits, decade) = if bin < 10 {
            (bin * 10, 0)
        } else {
            (10 + (bin - 10) % 90, 1 + (bin - 10) / 90)
        };
        let power = 10_f64.powi(i32::try_from(decade).unwrap_or(0));
        let digits = f64::from(u32::try_from(digits).unwrap_or(0));
        (digits / 10.0 * power, power / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_falls_into_the_bin_that_spans_it() {
        for value in (0..5000_u32).chain([123_456, 99_999_999, 999_999_999]) {
            let bin = Histogram::bin_of(value.into());
            let (lower, width) = Histogram::bounds(bin);
            let value = f64::from(value);
            assert!(bin < Histogram::BINS, "{value}");
            assert!(
                lower <= value * (1.0 + 1e-12),
                "{value} in {bin} from {lower}"
            );
            assert!(value == 0.0 || value < lower + width, "{value} in {bin}");
        }
        assert_eq!(Histogram::bin_of(u64::MAX), Histogram::BINS - 1);
    }
}
