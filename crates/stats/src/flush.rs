// SPDX-License-Identifier: Apache-2.0
//! The flush ledger: what each histogram held at the last two flushes.
//!
//! In: all groups, every few seconds. Out: per histogram the distribution since the start and the
//! one of the last interval. Readers see nothing newer than the last flush, as in Envoy.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Counter, Gauge, Histogram, Prefixed, ResponseCodes, TextReadout, Visitor,
    distribution::{BUCKETS, Distribution},
};

/// Histograms by full name.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: HashMap<String, Flushed>,
}

/// One histogram as of the last flush.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flushed {
    /// Since the start.
    pub(crate) cumulative: Distribution,
    /// Between the last two flushes.
    pub(crate) interval: Distribution,
}

impl Flushed {
    /// Values per bucket in the interval and in all; each bucket without the smaller ones when
    /// `disjoint`.
    pub(crate) fn buckets(&self, disjoint: bool) -> ([u64; BUCKETS.len()], [u64; BUCKETS.len()]) {
        let mut both = (self.interval.buckets(), self.cumulative.buckets());
        if disjoint {
            for at in (1..BUCKETS.len()).rev() {
                both.0[at] -= both.0[at - 1];
                both.1[at] -= both.1[at - 1];
            }
        }
        both
    }
}

impl Ledger {
    pub(crate) fn get(&self, name: &str) -> Option<&Flushed> {
        self.entries.get(name)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Flushed)> {
        self.entries.iter()
    }

    pub(crate) fn flush(&mut self, groups: &[Prefixed]) {
        let mut totals = Totals::default();
        for prefixed in groups {
            totals.prefix = prefixed.prefix.clone();
            prefixed
                .groups
                .iter()
                .for_each(|group| group.visit(&mut totals));
        }
        let before = std::mem::take(&mut self.entries);
        self.entries = totals
            .by_name
            .into_iter()
            .map(|(name, cumulative)| {
                let interval = match before.get(&name) {
                    Some(old) => cumulative.since(&old.cumulative),
                    None => cumulative.clone(),
                };
                let flushed = Flushed {
                    cumulative,
                    interval,
                };
                (name, flushed)
            })
            .collect();
    }
}

/// Sums the histograms of all groups by full name.
#[derive(Default)]
struct Totals {
    prefix: Arc<str>,
    by_name: HashMap<String, Distribution>,
}

impl Visitor for Totals {
    fn counter(&mut self, _name: &str, _counter: &Counter) {}
    fn gauge(&mut self, _name: &str, _gauge: &Gauge) {}
    fn response_codes(&mut self, _name: &str, _codes: &ResponseCodes) {}
    fn text_readout(&mut self, _name: &str, _text: &TextReadout) {}

    fn histogram(&mut self, name: &str, histogram: &Histogram) {
        let mut filled = histogram.filled().peekable();
        if filled.peek().is_none() {
            return;
        }
        let name = format!("{}{name}", self.prefix);
        let total = self.by_name.entry(name).or_default();
        total.add(filled, histogram.sum());
    }
}
