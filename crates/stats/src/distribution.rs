// SPDX-License-Identifier: Apache-2.0
//! A distribution that no longer changes, and the questions asked of it.
//!
//! In: counts per bin. Out: quantiles as circllhist computes them, counts below a bound, totals.

use crate::Histogram;

/// Filled bins with their counts, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Distribution {
    bins: Vec<(usize, u64)>,
    sum: u64,
}

/// The quantiles that Envoy prints.
pub(crate) const QUANTILES: [(&str, f64); 10] = [
    ("0", 0.0),
    ("25", 0.25),
    ("50", 0.5),
    ("75", 0.75),
    ("90", 0.9),
    ("95", 0.95),
    ("99", 0.99),
    ("99.5", 0.995),
    ("99.9", 0.999),
    ("100", 1.0),
];

/// The buckets that Envoy prints: bound for Prometheus, bound for text, bin of the bound.
/// 0.5 holds whole numbers below one, that is the bin of zero.
pub(crate) const BUCKETS: [(&str, &str, u64); 19] = [
    ("0.5", "0.5", 0),
    ("1", "1", 1),
    ("5", "5", 5),
    ("10", "10", 10),
    ("25", "25", 25),
    ("50", "50", 50),
    ("100", "100", 100),
    ("250", "250", 250),
    ("500", "500", 500),
    ("1000", "1000", 1000),
    ("2500", "2500", 2500),
    ("5000", "5000", 5000),
    ("10000", "10000", 10000),
    ("30000", "30000", 30000),
    ("60000", "60000", 60000),
    ("300000", "300000", 300_000),
    ("600000", "600000", 600_000),
    ("1800000", "1.8e+06", 1_800_000),
    ("3600000", "3.6e+06", 3_600_000),
];

impl Distribution {
    /// Adds the bins of another cell.
    pub(crate) fn add(&mut self, bins: impl Iterator<Item = (usize, u64)>, sum: u64) {
        self.sum = self.sum.wrapping_add(sum);
        if self.bins.is_empty() {
            self.bins.extend(bins);
            return;
        }
        for (bin, count) in bins {
            match self.bins.binary_search_by_key(&bin, |entry| entry.0) {
                Ok(at) => self.bins[at].1 += count,
                Err(at) => self.bins.insert(at, (bin, count)),
            }
        }
    }

    /// What came on top of `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let count_before = |bin| {
            let at = earlier.bins.binary_search_by_key(&bin, |entry| entry.0);
            at.map_or(0, |at| earlier.bins[at].1)
        };
        Self {
            bins: self
                .bins
                .iter()
                .map(|(bin, count)| (*bin, count.saturating_sub(count_before(*bin))))
                .filter(|(_, count)| *count > 0)
                .collect(),
            sum: self.sum.saturating_sub(earlier.sum),
        }
    }

    /// Number of values.
    pub(crate) fn count(&self) -> u64 {
        self.bins.iter().map(|(_, count)| count).sum()
    }

    /// Sum of the values, exact (Envoy's is the sum of bin midpoints).
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// Lower bound, width and count of each filled bin.
    pub(crate) fn details(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.bins.iter().map(|(bin, count)| {
            let (lower, width) = Histogram::bounds(*bin);
            (lower, width, *count)
        })
    }

    /// Values at or below each of [`BUCKETS`]. A bound belongs to the bin that starts at it.
    pub(crate) fn buckets(&self) -> [u64; BUCKETS.len()] {
        BUCKETS.map(|(_, _, bound)| {
            let last = Histogram::bin_of(bound);
            let within = self.bins.iter().take_while(|(bin, _)| *bin <= last);
            within.map(|(_, count)| count).sum()
        })
    }

    /// The value of each of [`QUANTILES`]; not a number when there is none. The n values of a bin
    /// are taken to lie at equal distances from each other and from its bounds.
    pub(crate) fn quantiles(&self) -> [f64; QUANTILES.len()] {
        let total = self.count();
        QUANTILES.map(|(_, quantile)| self.at_rank((quantile * total as f64).ceil().max(1.0)))
    }

    fn at_rank(&self, rank: f64) -> f64 {
        let mut below = 0.0;
        for (lower, width, count) in self.details() {
            let count = count as f64;
            if below + count >= rank {
                return lower + width * ((rank - below) / (count + 1.0));
            }
            below += count;
        }
        f64::NAN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        let mut distribution = Distribution::default();
        distribution.add(histogram.filled(), histogram.sum());
        distribution
    }

    /// Recorded from Envoy 1.40: 31 ones, and one value each at 29 and 110.
    #[test]
    fn quantiles_are_those_of_envoy() {
        let ones = of(&[1; 31]).quantiles();
        let expected = [
            1.003125, 1.025, 1.05, 1.075, 1.0875, 1.09375, 1.096875, 1.096875, 1.096875, 1.096875,
        ];
        assert_eq!(ones, expected);
        assert_eq!(of(&[29]).quantiles(), [29.5; 10]);
        assert_eq!(of(&[113]).quantiles()[9].to_string(), "115.00000000000001");
        assert_eq!(
            of(&[54, 54]).quantiles()[0].to_string(),
            "54.333333333333336"
        );
        assert_eq!(of(&[0]).quantiles(), [0.0; 10]);
        assert!(of(&[]).quantiles().iter().all(|value| value.is_nan()));
    }

    #[test]
    fn a_bound_counts_the_bin_that_starts_at_it() {
        let counts = of(&[0, 1, 5, 6, 3_600_000]).buckets();
        assert_eq!(&counts[..4], [1, 2, 3, 4]);
        assert_eq!((counts[17], counts[18]), (4, 5));
    }

    #[test]
    fn an_interval_is_what_came_on_top() {
        let (early, late) = (of(&[1, 7]), of(&[1, 1, 7, 300]));
        assert_eq!(late.since(&early), of(&[1, 300]));
    }
}
