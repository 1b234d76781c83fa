// SPDX-License-Identifier: Apache-2.0
//! `/stats` in the Prometheus exposition format.
//!
//! In: the collected metrics and the query. Out: families in name order; counters, then gauges
//! (then text readouts, when asked for), then histograms.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use crate::{
    Collected,
    distribution::{BUCKETS, QUANTILES},
    flush::Flushed,
    query::{HistogramMode, Kind, Query},
    tags::Tagged,
};

pub(crate) fn render(collected: &Collected, query: &Query) -> String {
    let mut out = String::new();
    for (kind, is_gauge, word) in [
        (Kind::Counters, false, "counter"),
        (Kind::Gauges, true, "gauge"),
    ] {
        let mut families = Families::default();
        for sample in &collected.values {
            let (name, value) = (collected.name(sample), sample.value);
            let wanted = value.is_gauge == is_gauge && query.wants(kind);
            if wanted && query.matches(name, value.used) {
                families.sample(name, |line| {
                    let _ = write!(line, "}} {}", value.number);
                });
            }
        }
        families.print(&mut out, word);
    }
    if query.text_readouts && query.wants(Kind::TextReadouts) {
        text_readouts(&mut out, collected, query);
    }
    if query.wants(Kind::Histograms) {
        histograms(&mut out, collected, query);
    }
    out
}

fn text_readouts(out: &mut String, collected: &Collected, query: &Query) {
    let mut families = Families::default();
    for sample in &collected.texts {
        let name = collected.name(sample);
        if query.matches(name, !sample.value.is_empty()) {
            families.sample(name, |line| {
                let comma = if line.ends_with('{') { "" } else { "," };
                let _ = write!(line, "{comma}text_value=\"");
                escape(line, &sample.value);
                line.push_str("\"} 0");
            });
        }
    }
    families.print(out, "gauge");
}

fn histograms(out: &mut String, collected: &Collected, query: &Query) {
    let mut families = BTreeMap::<String, String>::new();
    let (empty, mut tagged) = (Flushed::default(), Tagged::default());
    let summary = query.histograms == HistogramMode::Summary;
    for sample in &collected.histograms {
        let name = collected.name(sample);
        if !query.matches(name, sample.value.is_some()) {
            continue;
        }
        Tagged::extract(name, &mut tagged);
        let mut labels = String::new();
        write_labels(&mut labels, &tagged.tags);
        let family = metric_name(&tagged.name);
        let flushed = sample.value.as_ref().unwrap_or(&empty);
        let lines = families.entry(tagged.name.clone()).or_default();
        if summary {
            quantile_lines(lines, &family, &labels, flushed);
        } else {
            bucket_lines(lines, &family, &labels, flushed);
        }
        let (sum, count) = (flushed.cumulative.sum(), flushed.cumulative.count());
        let _ = writeln!(lines, "{family}_sum{{{labels}}} {sum}");
        let _ = writeln!(lines, "{family}_count{{{labels}}} {count}");
    }
    let word = if summary { "summary" } else { "histogram" };
    for (name, lines) in families {
        let _ = writeln!(out, "# TYPE {} {word}", metric_name(&name));
        out.push_str(&lines);
    }
}

fn bucket_lines(lines: &mut String, family: &str, labels: &str, flushed: &Flushed) {
    let comma = if labels.is_empty() { "" } else { "," };
    for ((bound, _, _), count) in BUCKETS.iter().zip(flushed.cumulative.buckets()) {
        let _ = writeln!(
            lines,
            "{family}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
        );
    }
    let count = flushed.cumulative.count();
    let _ = writeln!(
        lines,
        "{family}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"
    );
}

/// Quantiles of the last interval, as Envoy's summary mode prints them.
fn quantile_lines(lines: &mut String, family: &str, labels: &str, flushed: &Flushed) {
    let comma = if labels.is_empty() { "" } else { "," };
    for ((_, quantile), value) in QUANTILES.iter().zip(flushed.interval.quantiles()) {
        let _ = writeln!(
            lines,
            "{family}{{{labels}{comma}quantile=\"{quantile}\"}} {value}"
        );
    }
}

/// Sample lines by the name that is left after tag extraction.
#[derive(Default)]
struct Families<'a> {
    by_name: HashMap<String, String>,
    tagged: Tagged<'a>,
}

impl<'a> Families<'a> {
    /// Adds a line; `value` finishes it after the labels.
    fn sample(&mut self, name: &'a str, value: impl FnOnce(&mut String)) {
        Tagged::extract(name, &mut self.tagged);
        if !self.by_name.contains_key(&self.tagged.name) {
            self.by_name.insert(self.tagged.name.clone(), String::new());
        }
        let Some(lines) = self.by_name.get_mut(&self.tagged.name) else {
            return;
        };
        push_metric_name(lines, &self.tagged.name);
        lines.push('{');
        write_labels(lines, &self.tagged.tags);
        value(lines);
        lines.push('\n');
    }

    fn print(self, out: &mut String, word: &str) {
        let mut families: Vec<_> = self.by_name.into_iter().collect();
        families.sort();
        for (name, lines) in families {
            let _ = writeln!(out, "# TYPE {} {word}", metric_name(&name));
            out.push_str(&lines);
        }
    }
}

fn write_labels(out: &mut String, tags: &[(&str, &str)]) {
    for (at, (label, value)) in tags.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(label);
        out.push_str("=\"");
        escape(out, value);
        out.push('"');
    }
}

fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

fn metric_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 6);
    push_metric_name(&mut out, name);
    out
}

fn push_metric_name(out: &mut String, name: &str) {
    out.push_str("envoy_");
    out.extend(name.chars().map(|character| {
        if character.is_ascii_alphanumeric() || character == '_' {
            character
        } else {
            '_'
        }
    }));
}
