// SPDX-License-Identifier: Apache-2.0
//! One sorted view over all metrics.
//!
//! In: groups by prefix and the flush ledger. Out: [`Collected`], where metrics of the same full
//! name are summed and every list is in name order. Names share one buffer: ten thousand clusters
//! have more than half a million of them.

use std::{ops::Range, sync::Arc};

use crate::{
    Counter, Gauge, Histogram, Prefixed, ResponseCodes, TextReadout, Visitor,
    flush::{Flushed, Ledger},
};

/// The metrics of the process at one moment.
#[derive(Debug, Default)]
pub struct Collected {
    names: String,
    pub(crate) values: Vec<Sample<Value>>,
    pub(crate) texts: Vec<Sample<String>>,
    pub(crate) histograms: Vec<Sample<Option<Flushed>>>,
}

/// A metric and where its name stands.
#[derive(Debug)]
pub(crate) struct Sample<T> {
    name: Range<usize>,
    pub(crate) value: T,
}

/// A counter or a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) number: i64,
    pub(crate) is_gauge: bool,
    pub(crate) used: bool,
}

impl Collected {
    pub(crate) fn new(groups: &[Prefixed], ledger: &Ledger) -> Self {
        let mut collector = Collector::default();
        for prefixed in groups {
            collector.prefix = prefixed.prefix.clone();
            let first = collector.to.values.len();
            prefixed
                .groups
                .iter()
                .for_each(|group| group.visit(&mut collector));
            merge(&collector.to.names, &mut collector.to.values, first);
        }
        let mut all = collector.to;
        // Each prefix is a sorted run already, so this is close to linear.
        merge(&all.names, &mut all.values, 0);
        merge(&all.names, &mut all.texts, 0);
        merge(&all.names, &mut all.histograms, 0);
        for sample in &mut all.histograms {
            sample.value = ledger.get(&all.names[sample.name.clone()]).cloned();
        }
        all
    }

    /// Counters and gauges with their values, by full name.
    pub fn values(&self) -> impl Iterator<Item = (&str, i64)> {
        let values = self.values.iter();
        values.map(|sample| (self.name(sample), sample.value.number))
    }

    pub(crate) fn name<T>(&self, sample: &Sample<T>) -> &str {
        &self.names[sample.name.clone()]
    }
}

/// Sorts `samples[from..]` by name and joins those of one name.
fn merge<T: Join>(names: &str, samples: &mut Vec<Sample<T>>, from: usize) {
    samples[from..].sort_by(|a, b| names[a.name.clone()].cmp(&names[b.name.clone()]));
    let mut kept = from;
    for at in from..samples.len() {
        let same =
            at > from && names[samples[kept].name.clone()] == names[samples[at].name.clone()];
        if same {
            let (head, tail) = samples.split_at_mut(at);
            head[kept].value.join(&mut tail[0].value);
        } else {
            kept = if at == from { from } else { kept + 1 };
            samples.swap(kept, at);
        }
    }
    if from < samples.len() {
        samples.truncate(kept + 1);
    }
}

/// What happens to two metrics of one name.
trait Join {
    fn join(&mut self, other: &mut Self);
}

impl Join for Value {
    fn join(&mut self, other: &mut Self) {
        self.number = self.number.wrapping_add(other.number);
        self.used |= other.used;
    }
}

impl Join for String {
    fn join(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
        }
    }
}

/// Histograms are summed in the ledger.
impl Join for Option<Flushed> {
    fn join(&mut self, _other: &mut Self) {}
}

#[derive(Default)]
struct Collector {
    prefix: Arc<str>,
    to: Collected,
}

impl Collector {
    fn push_name(&mut self, parts: [&str; 2]) -> Range<usize> {
        let start = self.to.names.len();
        self.to.names.push_str(&self.prefix);
        parts.iter().for_each(|part| self.to.names.push_str(part));
        start..self.to.names.len()
    }

    fn push(&mut self, parts: [&str; 2], number: i64, is_gauge: bool, used: bool) {
        let value = Value {
            number,
            is_gauge,
            used,
        };
        let name = self.push_name(parts);
        self.to.values.push(Sample { name, value });
    }

    fn push_count(&mut self, parts: [&str; 2], count: u64, used: bool) {
        self.push(parts, count.try_into().unwrap_or(i64::MAX), false, used);
    }
}

impl Visitor for Collector {
    fn counter(&mut self, name: &str, counter: &Counter) {
        self.push_count([name, ""], counter.get(), counter.used());
    }

    fn gauge(&mut self, name: &str, gauge: &Gauge) {
        self.push([name, ""], gauge.get(), true, gauge.used());
    }

    fn histogram(&mut self, name: &str, _histogram: &Histogram) {
        let name = self.push_name([name, ""]);
        self.to.histograms.push(Sample { name, value: None });
    }

    /// Envoy makes `upstream_rq_completed` with the cluster and everything else at the first use,
    /// `external.upstream_rq_completed` and its like included.
    fn response_codes(&mut self, name: &str, codes: &ResponseCodes) {
        const CLASSES: [&str; 5] = ["_1xx", "_2xx", "_3xx", "_4xx", "_5xx"];
        let mut classes = [None; 5];
        for (code, count) in codes.seen() {
            let digits = [b'_', digit(code / 100), digit(code / 10), digit(code)];
            let suffix = std::str::from_utf8(&digits).unwrap_or("_");
            self.push_count([name, suffix], count, true);
            if let Some(class) = classes.get_mut(usize::from(code / 100) - 1) {
                *class = Some(class.unwrap_or(0) + count);
            }
        }
        for (suffix, count) in CLASSES.into_iter().zip(classes) {
            if let Some(count) = count {
                self.push_count([name, suffix], count, true);
            }
        }
        let used = classes.iter().any(Option::is_some);
        if used || !name.contains('.') {
            let completed = classes.iter().flatten().sum();
            self.push_count([name, "_completed"], completed, used);
        }
    }

    fn text_readout(&mut self, name: &str, text: &TextReadout) {
        let name = self.push_name([name, ""]);
        let value = text.get();
        self.to.texts.push(Sample { name, value });
    }
}

/// The last decimal digit of a number.
fn digit(number: u16) -> u8 {
    b'0' + u8::try_from(number % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::Registry;
    use std::sync::Arc;

    crate::stat_group! {
        struct Sample {
            b: Counter,
            a: Gauge,
            upstream_rq: ResponseCodes,
            external: ResponseCodes = "external.upstream_rq",
        }
    }

    #[test]
    fn sums_groups_of_one_prefix_and_sorts() {
        let registry = Registry::default();
        let groups = [Arc::new(Sample::default()), Arc::new(Sample::default())];
        groups
            .iter()
            .for_each(|group| registry.register("cluster.y:1.", group));
        let other = Arc::new(Sample::default());
        registry.register("cluster.x.", &other);
        groups[0].b.add(2);
        groups[1].b.add(3);
        groups[1].a.add(-1);
        groups[0].upstream_rq.inc(200);
        groups[1].upstream_rq.inc(204);
        groups[1].external.inc(503);
        let collected = registry.collect();
        let expected = [
            ("cluster.x.a", 0),
            ("cluster.x.b", 0),
            ("cluster.x.upstream_rq_completed", 0),
            ("cluster.y_1.a", -1),
            ("cluster.y_1.b", 5),
            ("cluster.y_1.external.upstream_rq_503", 1),
            ("cluster.y_1.external.upstream_rq_5xx", 1),
            ("cluster.y_1.external.upstream_rq_completed", 1),
            ("cluster.y_1.upstream_rq_200", 1),
            ("cluster.y_1.upstream_rq_204", 1),
            ("cluster.y_1.upstream_rq_2xx", 2),
            ("cluster.y_1.upstream_rq_completed", 2),
        ];
        assert_eq!(collected.values().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_group_leaves_with_its_owner() {
        let registry = Registry::default();
        let group = Arc::new(Sample::default());
        registry.register("cluster.x.", &group);
        drop(group);
        assert_eq!(registry.collect().values().count(), 0);
    }
}
