// SPDX-License-Identifier: Apache-2.0
//! `/stats` as JSON, on one line.
//!
//! In: the collected metrics and the query. Out: `{"stats":[...]}`, where the histograms that match
//! form one last element.

use std::fmt::Write;

use crate::{
    Collected,
    distribution::{BUCKETS, Distribution, QUANTILES},
    flush::Flushed,
    query::{HistogramMode, Kind, Query},
};

pub(crate) fn render(collected: &Collected, query: &Query) -> String {
    let mut out = String::from("{\"stats\":[");
    let mut comma = Comma::default();
    if query.wants(Kind::TextReadouts) {
        for sample in &collected.texts {
            let name = collected.name(sample);
            if query.matches(name, !sample.value.is_empty()) {
                comma.put(&mut out);
                named(&mut out, name);
                let _ = write!(out, ",\"value\":{}}}", quoted(&sample.value));
            }
        }
    }
    for sample in &collected.values {
        let (name, value) = (collected.name(sample), sample.value);
        let kind = [Kind::Counters, Kind::Gauges][usize::from(value.is_gauge)];
        if query.wants(kind) && query.matches(name, value.used) {
            comma.put(&mut out);
            named(&mut out, name);
            let _ = write!(out, ",\"value\":{}}}", value.number);
        }
    }
    histograms(&mut out, &mut comma, collected, query);
    out.push_str("]}");
    out
}

fn histograms(out: &mut String, comma: &mut Comma, collected: &Collected, query: &Query) {
    if !query.wants(Kind::Histograms) {
        return;
    }
    let empty = Flushed::default();
    let mut matching = collected
        .histograms
        .iter()
        .map(|sample| (collected.name(sample), sample.value.as_ref()))
        .filter(|(name, flushed)| query.matches(name, flushed.is_some()))
        .map(|(name, flushed)| (name, flushed.unwrap_or(&empty)))
        .peekable();
    if matching.peek().is_none() {
        return;
    }
    comma.put(out);
    out.push_str("{\"histograms\":");
    out.push_str(match query.histograms {
        HistogramMode::Cumulative | HistogramMode::Disjoint => "[",
        HistogramMode::Detailed => DETAILED,
        HistogramMode::Summary | HistogramMode::Unset => SUMMARY,
    });
    let mut comma = Comma::default();
    for (name, flushed) in matching {
        comma.put(out);
        named(out, name);
        match query.histograms {
            HistogramMode::Cumulative => buckets(out, flushed, false),
            HistogramMode::Disjoint => buckets(out, flushed, true),
            HistogramMode::Detailed => {
                details(out, "totals", &flushed.cumulative);
                details(out, "intervals", &flushed.interval);
                quantiles(out, "percentiles", flushed);
            }
            HistogramMode::Summary | HistogramMode::Unset => quantiles(out, "values", flushed),
        }
        out.push('}');
    }
    out.push_str(match query.histograms {
        HistogramMode::Cumulative | HistogramMode::Disjoint => "]}",
        _ => "]}}",
    });
}

fn quantiles(out: &mut String, key: &str, flushed: &Flushed) {
    let (interval, cumulative) = (flushed.interval.quantiles(), flushed.cumulative.quantiles());
    let _ = write!(out, ",\"{key}\":[");
    let mut comma = Comma::default();
    for at in 0..QUANTILES.len() {
        comma.put(out);
        let (cumulative, interval) = (number(cumulative[at]), number(interval[at]));
        let _ = write!(
            out,
            "{{\"cumulative\":{cumulative},\"interval\":{interval}}}"
        );
    }
    out.push(']');
}

fn buckets(out: &mut String, flushed: &Flushed, disjoint: bool) {
    let (interval, cumulative) = flushed.buckets(disjoint);
    out.push_str(",\"buckets\":[");
    let mut comma = Comma::default();
    for (at, (bound, _, _)) in BUCKETS.iter().enumerate() {
        comma.put(out);
        let (interval, cumulative) = (interval[at], cumulative[at]);
        let _ = write!(
            out,
            "{{\"upper_bound\":{bound},\"interval\":{interval},\"cumulative\":{cumulative}}}"
        );
    }
    out.push(']');
}

fn details(out: &mut String, key: &str, distribution: &Distribution) {
    let _ = write!(out, ",\"{key}\":[");
    let mut comma = Comma::default();
    for (lower, width, count) in distribution.details() {
        comma.put(out);
        let _ = write!(
            out,
            "{{\"lower_bound\":{lower},\"width\":{width},\"count\":{count}}}"
        );
    }
    out.push(']');
}

/// Opens an object with a name.
fn named(out: &mut String, name: &str) {
    let plain = name
        .bytes()
        .all(|byte| byte >= 0x20 && !matches!(byte, b'"' | b'\\'));
    if plain {
        let _ = write!(out, "{{\"name\":\"{name}\"");
    } else {
        let _ = write!(out, "{{\"name\":{}", quoted(name));
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn number(value: f64) -> String {
    if value.is_nan() {
        "null".to_owned()
    } else {
        value.to_string()
    }
}

/// Separates list elements.
#[derive(Default)]
struct Comma(bool);

impl Comma {
    fn put(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.0, true) {
            out.push(',');
        }
    }
}

const DETAILED: &str =
    "{\"supported_percentiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"details\":[";
const SUMMARY: &str =
    "{\"supported_quantiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"computed_quantiles\":[";
