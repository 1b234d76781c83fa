// SPDX-License-Identifier: Apache-2.0
//! What each cluster has done.
//!
//! In: the registry of stats, at intervals. Out: the few numbers of each cluster that tell how it is; everything
//! else there is stays where it is, because ten thousand clusters have a million metrics.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use sluicegate_stats::{
    Counter, Gauge, Histogram, Prefixed, Registry, ResponseCodes, TextReadout, Visitor,
};

/// Numbers of one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// Answers to clients: `upstream_rq_completed`.
    pub requests: u64,
    /// Those of them with a status from 500 on, our own included: `upstream_rq_5xx`.
    pub errors: u64,
    /// Requests now.
    pub active: u64,
    /// Requests that wait for a connection now.
    pub pending: u64,
    /// Requests that found no endpoint.
    pub none_healthy: u64,
    /// Requests and connections that a circuit breaker has turned away.
    pub overflow: u64,
    /// Connections that could not be opened.
    pub connect_fail: u64,
    /// Those of them that took longer than `connect_timeout`.
    pub connect_timeout: u64,
    /// TLS handshakes that failed.
    pub handshakes: u64,
    /// Connections that the other side ended while a request ran.
    pub cut: u64,
    /// Answers that were not HTTP.
    pub protocol: u64,
    /// Streams that the other side reset.
    pub resets: u64,
    /// Requests and attempts that took too long.
    pub timeouts: u64,
    /// Circuit breakers of default priority that are open now, as `max_requests`.
    pub open: Vec<&'static str>,
    /// What endpoints have been ejected for, with how often, as `consecutive 5xx (2)`.
    pub ejections: Vec<String>,
    /// Times that an endpoint was ejected.
    pub ejected: u64,
    /// Milliseconds that half of the last seconds' requests took at most; `None` without any.
    pub p50_ms: Option<f64>,
    /// The same of 99 in 100.
    pub p99_ms: Option<f64>,
}

/// What is known of the process: requests of clients, over all listeners but the admin API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Answers to clients.
    pub requests: u64,
    /// Those of them with a status from 500 on.
    pub errors: u64,
    /// Requests now.
    pub active: u64,
    /// Connections now.
    pub connections: u64,
}

impl Numbers {
    /// What came to the counters after `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let more = |of: fn(&Self) -> u64| of(self).saturating_sub(of(before));
        Self {
            requests: more(|it| it.requests),
            errors: more(|it| it.errors),
            none_healthy: more(|it| it.none_healthy),
            overflow: more(|it| it.overflow),
            connect_fail: more(|it| it.connect_fail),
            connect_timeout: more(|it| it.connect_timeout),
            handshakes: more(|it| it.handshakes),
            cut: more(|it| it.cut),
            protocol: more(|it| it.protocol),
            resets: more(|it| it.resets),
            timeouts: more(|it| it.timeouts),
            ejected: more(|it| it.ejected),
            ..self.clone()
        }
    }

    /// Takes a counter of the cluster.
    pub(crate) fn count(&mut self, part: Part, name: &str, value: u64) {
        match (part, name) {
            (Part::Cluster, "upstream_cx_none_healthy") => self.none_healthy += value,
            (Part::Cluster, "upstream_cx_connect_fail") => self.connect_fail += value,
            (Part::Cluster, "upstream_cx_connect_timeout") => self.connect_timeout += value,
            (Part::Cluster, "upstream_cx_destroy_remote_with_active_rq") => self.cut += value,
            (Part::Cluster, "upstream_cx_protocol_error") => self.protocol += value,
            (Part::Cluster, RX_RESET) => self.resets += value,
            (
                Part::Cluster,
                "upstream_rq_timeout"
                | "upstream_rq_per_try_timeout"
                | "upstream_rq_per_try_idle_timeout"
                | "upstream_rq_max_duration_reached",
            ) => self.timeouts += value,
            (
                Part::Tls,
                "connection_error"
                | "fail_verify_cert_hash"
                | "fail_verify_error"
                | "fail_verify_no_cert"
                | "fail_verify_san",
            ) => self.handshakes += value,
            (
                Part::Cluster,
                "upstream_cx_overflow"
                | "upstream_rq_pending_overflow"
                | "upstream_rq_active_overflow"
                | "upstream_rq_retry_overflow",
            ) => self.overflow += value,
            (Part::Outliers, "ejections_enforced_total") => self.ejected += value,
            (Part::Outliers, name) if value > 0 => {
                if let Some(reason) = name.strip_prefix("ejections_enforced_") {
                    let reason = reason.replace('_', " ");
                    self.ejections.push(format!("{reason} ({value})"));
                }
            }
            _ => {}
        }
    }

    /// Takes a gauge of the cluster.
    pub(crate) fn level(&mut self, part: Part, name: &str, value: u64) {
        match (part, name) {
            (Part::Cluster, "upstream_rq_active") => self.active += value,
            (Part::Cluster, "upstream_rq_pending_active") => self.pending += value,
            (Part::Breakers, name) if value > 0 => {
                let limit = LIMITS.iter().find(|(gauge, _)| *gauge == name);
                self.open.extend(limit.map(|(_, limit)| *limit));
            }
            _ => {}
        }
    }
}

/// The numbers now, and some seconds ago.
#[derive(Debug, Clone, Default)]
pub struct History {
    now: ByCluster,
    before: Arc<ByCluster>,
    /// Of the process now.
    pub totals: Totals,
}

type ByCluster = HashMap<String, Numbers>;

impl History {
    /// The numbers of one cluster since the start, and lately.
    pub fn of(&self, cluster: &str) -> (Numbers, Numbers) {
        let now = self.now.get(cluster).cloned().unwrap_or_default();
        let recent = match self.before.get(cluster) {
            Some(before) => now.since(before),
            None => now.clone(),
        };
        (now, recent)
    }
}

/// Remembers the last numbers, so that a page can tell what is from what was.
#[derive(Debug, Default)]
pub struct Samples(Mutex<[Arc<ByCluster>; 2]>);

impl Samples {
    /// Takes the place of the older one of the samples. Whoever owns a timer calls it.
    pub fn take(&self, registry: &Registry) {
        let new = Arc::new(read(registry).0);
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.swap(0, 1);
        samples[1] = new;
    }

    /// The numbers now of these clusters alone, by their names in stats, beside those at the last but
    /// one sample; nothing of the process.
    pub fn history_of(&self, registry: &Registry, clusters: &[String]) -> History {
        let mut now = ByCluster::new();
        for cluster in clusters {
            let prefix = format!("cluster.{cluster}.");
            let (mut read, _) = sum(&registry.groups_below(&prefix));
            // Below `a.` stands the cluster `a.b`, too.
            let mut numbers = read.remove(cluster).unwrap_or_default();
            let time = format!("{prefix}{TIME}");
            if let Some([p50, p99]) = registry.last_quantiles_of(&time, QUANTILES) {
                (numbers.p50_ms, numbers.p99_ms) = (Some(p50), Some(p99));
            }
            now.insert(cluster.clone(), numbers);
        }
        History {
            now,
            before: self.before(),
            totals: Totals::default(),
        }
    }

    /// The numbers now, beside those at the last but one sample.
    pub fn history(&self, registry: &Registry) -> History {
        let before = self.before();
        let (mut now, totals) = read(registry);
        for (name, [p50, p99]) in registry.last_quantiles(TIME, QUANTILES) {
            if let Some((cluster, Part::Cluster)) = parse(&name)
                && let Some(numbers) = now.get_mut(cluster)
            {
                (numbers.p50_ms, numbers.p99_ms) = (Some(p50), Some(p99));
            }
        }
        History {
            now,
            before,
            totals,
        }
    }

    fn before(&self) -> Arc<ByCluster> {
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples[0].clone()
    }
}

/// The numbers by the name that a cluster has in stats, colons as underscores; and those of the process.
fn read(registry: &Registry) -> (ByCluster, Totals) {
    sum(&registry.groups())
}

fn sum(groups: &[Prefixed]) -> (ByCluster, Totals) {
    let mut all = ByCluster::new();
    let mut totals = Totals::default();
    for prefixed in groups {
        let Some((name, part)) = parse(&prefixed.prefix) else {
            if prefixed.prefix.starts_with("http.") && &*prefixed.prefix != "http.admin." {
                let groups = prefixed.groups.iter();
                groups.for_each(|group| group.visit(&mut totals));
            }
            continue;
        };
        let mut reader = Reader {
            numbers: all.entry(name.to_owned()).or_default(),
            part,
        };
        for group in &prefixed.groups {
            group.visit(&mut reader);
        }
    }
    (all, totals)
}

/// The histogram of times of requests, without its prefix.
const TIME: &str = "upstream_rq_time";

/// Those of it that are shown.
const QUANTILES: [&str; 2] = ["50", "99"];

/// The one counter of a cluster whose name has a dot.
pub(crate) const RX_RESET: &str = "http2.rx_reset";

/// What a group is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Breakers,
    Cluster,
    Outliers,
    Tls,
}

/// The cluster and the part of it that a prefix names; names have dots, too.
pub(crate) fn parse(prefix: &str) -> Option<(&str, Part)> {
    let rest = prefix.strip_prefix("cluster.")?;
    if let Some(name) = rest.strip_suffix(".circuit_breakers.default.") {
        return Some((name, Part::Breakers));
    }
    if let Some(name) = rest.strip_suffix(".outlier_detection.") {
        return Some((name, Part::Outliers));
    }
    if let Some(name) = rest.strip_suffix(".ssl.") {
        return Some((name, Part::Tls));
    }
    Some((rest.strip_suffix('.')?, Part::Cluster))
}

struct Reader<'a> {
    numbers: &'a mut Numbers,
    part: Part,
}

impl Visitor for Reader<'_> {
    fn counter(&mut self, name: &str, counter: &Counter) {
        self.numbers.count(self.part, name, counter.get());
    }

    fn gauge(&mut self, name: &str, gauge: &Gauge) {
        let value = u64::try_from(gauge.get()).unwrap_or(0);
        self.numbers.level(self.part, name, value);
    }

    fn histogram(&mut self, _name: &str, _histogram: &Histogram) {}

    fn response_codes(&mut self, name: &str, codes: &ResponseCodes) {
        if (self.part, name) != (Part::Cluster, "upstream_rq") {
            return;
        }
        for (code, count) in codes.seen() {
            self.numbers.requests += count;
            if code >= 500 {
                self.numbers.errors += count;
            }
        }
    }

    fn text_readout(&mut self, _name: &str, _text: &TextReadout) {}
}

impl Visitor for Totals {
    fn counter(&mut self, _name: &str, _counter: &Counter) {}

    fn gauge(&mut self, name: &str, gauge: &Gauge) {
        let value = u64::try_from(gauge.get()).unwrap_or(0);
        match name {
            "downstream_rq_active" => self.active += value,
            "downstream_cx_active" => self.connections += value,
            _ => {}
        }
    }

    fn histogram(&mut self, _name: &str, _histogram: &Histogram) {}

    fn response_codes(&mut self, name: &str, codes: &ResponseCodes) {
        if name != "downstream_rq" {
            return;
        }
        for (code, count) in codes.seen() {
            self.requests += count;
            if code >= 500 {
                self.errors += count;
            }
        }
    }

    fn text_readout(&mut self, _name: &str, _text: &TextReadout) {}
}

/// Gauges of circuit breakers with the limit that each is about.
const LIMITS: [(&str, &str); 5] = [
    ("cx_open", "max_connections"),
    ("cx_pool_open", "max_connection_pools"),
    ("rq_open", "max_requests"),
    ("rq_pending_open", "max_pending_requests"),
    ("rq_retry_open", "max_retries"),
];

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use sluicegate_stats::{Group, stat_group};

    use super::*;

    stat_group! {
        struct Cluster {
            upstream_rq: ResponseCodes,
            upstream_cx_none_healthy: Counter,
            upstream_rq_pending_active: Gauge,
        }
    }
    stat_group! {
        struct Breakers {
            rq_open: Gauge,
            cx_open: Gauge,
        }
    }
    stat_group! {
        struct Outliers {
            ejections_enforced_total: Counter,
            ejections_enforced_consecutive_5xx: Counter,
        }
    }

    #[test]
    fn sums_workers_and_tells_parts_of_names_with_dots() {
        let registry = Registry::default();
        let workers = [Arc::new(Cluster::default()), Arc::new(Cluster::default())];
        for worker in &workers {
            registry.register("cluster.a.example.", worker);
            worker.upstream_rq.inc(200);
            worker.upstream_rq.inc(503);
            worker.upstream_cx_none_healthy.inc();
            worker.upstream_rq_pending_active.set(2);
        }
        let breakers = Arc::new(Breakers::default());
        registry.register("cluster.a.example.circuit_breakers.default.", &breakers);
        breakers.rq_open.set(1);
        let outliers = Arc::new(Outliers::default());
        registry.register("cluster.a.example.outlier_detection.", &outliers);
        outliers.ejections_enforced_total.inc();
        outliers.ejections_enforced_consecutive_5xx.inc();
        let (all, _) = read(&registry);
        let expected = Numbers {
            requests: 4,
            errors: 2,
            pending: 4,
            none_healthy: 2,
            open: vec!["max_requests"],
            ejections: vec!["consecutive 5xx (1)".to_owned()],
            ejected: 1,
            ..Numbers::default()
        };
        assert_eq!(all["a.example"], expected);
    }

    /// Tells who looks at it.
    #[derive(Default)]
    struct Watched(AtomicBool);

    impl Group for Watched {
        fn visit(&self, _visitor: &mut dyn Visitor) {
            self.0.store(true, Relaxed);
        }

        fn reset_counters(&self) {}
    }

    #[test]
    fn of_one_cluster_no_other_is_read() {
        let registry = Registry::default();
        let (one, other) = (Arc::<Cluster>::default(), Arc::<Watched>::default());
        registry.register("cluster.web.", &one);
        registry.register("cluster.web.example.", &one);
        registry.register("cluster.weber.", &other);
        registry.register("cluster.we.", &other);
        registry.register("http.ingress.", &other);
        one.upstream_rq.inc(503);
        let samples = Samples::default();
        let history = samples.history_of(&registry, &["web".to_owned(), "absent".to_owned()]);
        let (now, recent) = history.of("web");
        assert_eq!((now.requests, recent.errors), (1, 1));
        assert_eq!(history.of("absent").0, Numbers::default());
        assert!(!other.0.load(Relaxed));
        samples.history(&registry);
        assert!(other.0.load(Relaxed));
    }
}
