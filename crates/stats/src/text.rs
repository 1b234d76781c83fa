// SPDX-License-Identifier: Apache-2.0
//! `/stats` as text.
//!
//! In: the collected metrics and the query. Out: text readouts, then counters and gauges together,
//! then histograms, one a line.

use std::fmt::Write;

use crate::{
    Collected,
    distribution::{BUCKETS, QUANTILES},
    flush::Flushed,
    query::{HistogramMode, Kind, Query},
};

pub(crate) fn render(collected: &Collected, query: &Query) -> String {
    let mut out = String::new();
    if query.wants(Kind::TextReadouts) {
        for sample in &collected.texts {
            let name = collected.name(sample);
            if query.matches(name, !sample.value.is_empty()) {
                let _ = writeln!(out, "{name}: \"{}\"", sample.value);
            }
        }
    }
    for sample in &collected.values {
        let (name, value) = (collected.name(sample), sample.value);
        let kind = [Kind::Counters, Kind::Gauges][usize::from(value.is_gauge)];
        if query.wants(kind) && query.matches(name, value.used) {
            let _ = writeln!(out, "{name}: {}", value.number);
        }
    }
    if query.wants(Kind::Histograms) {
        for sample in &collected.histograms {
            let name = collected.name(sample);
            if query.matches(name, sample.value.is_some()) {
                out.push_str(name);
                histogram(&mut out, sample.value.as_ref(), query.histograms);
                out.push('\n');
            }
        }
    }
    out
}

fn histogram(out: &mut String, flushed: Option<&Flushed>, mode: HistogramMode) {
    let Some(flushed) = flushed else {
        return out.push_str(": No recorded values");
    };
    match mode {
        HistogramMode::Cumulative => buckets(out, flushed, false),
        HistogramMode::Disjoint => buckets(out, flushed, true),
        HistogramMode::Detailed => detailed(out, flushed),
        HistogramMode::Summary | HistogramMode::Unset => {
            out.push(':');
            quantiles(out, flushed);
        }
    }
}

fn quantiles(out: &mut String, flushed: &Flushed) {
    let (interval, cumulative) = (flushed.interval.quantiles(), flushed.cumulative.quantiles());
    for (at, (name, _)) in QUANTILES.iter().enumerate() {
        let _ = write!(out, " P{name}({},", Number(interval[at]));
        let _ = write!(out, "{})", Number(cumulative[at]));
    }
}

fn buckets(out: &mut String, flushed: &Flushed, disjoint: bool) {
    out.push(':');
    let (interval, cumulative) = flushed.buckets(disjoint);
    for (at, (_, name, _)) in BUCKETS.iter().enumerate() {
        let _ = write!(out, " B{name}({},{})", interval[at], cumulative[at]);
    }
}

fn detailed(out: &mut String, flushed: &Flushed) {
    let parts = [
        ("totals", &flushed.cumulative),
        ("intervals", &flushed.interval),
    ];
    out.push(':');
    for (name, distribution) in parts {
        let _ = write!(out, "\n  {name}=");
        for (at, (lower, width, count)) in distribution.details().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(out, "{comma}{lower},{width}:{count}");
        }
    }
    out.push_str("\n  summary=");
    let mut summary = String::new();
    quantiles(&mut summary, flushed);
    out.push_str(summary.trim_start());
}

/// Prints a number as Envoy does: `nan` in small letters.
struct Number(f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_nan() {
            f.write_str("nan")
        } else {
            write!(f, "{}", self.0)
        }
    }
}
