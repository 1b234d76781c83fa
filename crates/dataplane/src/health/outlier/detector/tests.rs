// SPDX-License-Identifier: Apache-2.0
//! Outlier detection as measured on Envoy 1.40.

use super::*;
use crate::health::outlier::monitor::LocalOutcome;

struct Cluster {
    detector: Detector,
    monitors: Vec<Arc<HostMonitor>>,
    now: Duration,
}

impl Cluster {
    fn new(hosts: u32, config: OutlierConfig) -> Self {
        let mut detector = Detector::new(config);
        let monitors = (0..hosts).map(|host| detector.add(HostId(host))).collect();
        Self {
            detector,
            monitors,
            now: Duration::ZERO,
        }
    }

    /// Responses from a host; the ejections that followed.
    fn respond(&mut self, host: u32, statuses: &[u16]) -> usize {
        let config = self.detector.config.clone();
        let outcomes = statuses.iter();
        let monitor = self.monitors[host as usize].clone();
        outcomes
            .map(|status| self.act(host, monitor.on_response(*status, &config)))
            .sum()
    }

    fn local(&mut self, host: u32, outcomes: &[LocalOutcome]) -> usize {
        let config = self.detector.config.clone();
        let monitor = self.monitors[host as usize].clone();
        outcomes
            .iter()
            .map(|outcome| self.act(host, monitor.on_local(*outcome, &config)))
            .sum()
    }

    fn act(&mut self, host: u32, reached: [Option<Ejection>; 2]) -> usize {
        let mut count = 0;
        for ejection in reached.into_iter().flatten() {
            let draw = Draw::default();
            let ejected = self
                .detector
                .on_reached(HostId(host), ejection, self.now, draw);
            count += usize::from(ejected);
        }
        count
    }

    fn sweep_at(&mut self, millis: u64) -> (Vec<HostId>, Vec<HostId>) {
        self.now = Duration::from_millis(millis);
        self.detector.sweep(self.now, Draw::default)
    }

    fn counter(&self, name: &str) -> u64 {
        self.detector.stats.counter(name)
    }
}

fn percent(max_ejection_percent: u32) -> OutlierConfig {
    OutlierConfig {
        max_ejection_percent,
        ..OutlierConfig::default()
    }
}

#[test]
fn share_of_ejected_hosts_is_limited() {
    let bad = [503; 5];
    let mut small = Cluster::new(2, OutlierConfig::default());
    assert_eq!(small.respond(0, &bad) + small.respond(0, &bad), 0);
    // Gateway failures are detected too; each detection overflows.
    assert_eq!(small.counter("ejections_overflow"), 4);
    assert_eq!(small.counter("ejections_detected_consecutive_5xx"), 2);
    assert_eq!(small.counter("ejections_consecutive_5xx"), 2);

    let one = OutlierConfig {
        always_eject_one_host: true,
        ..OutlierConfig::default()
    };
    let mut one = Cluster::new(2, one);
    assert_eq!((one.respond(0, &bad), one.respond(1, &bad)), (1, 0));

    for (max, wanted) in [(0, 0), (49, 0), (50, 1)] {
        let mut cluster = Cluster::new(2, percent(max));
        let ejected = cluster.respond(0, &bad) + cluster.respond(1, &bad);
        assert_eq!(ejected, wanted, "{max}");
        assert_eq!(cluster.detector.stats.active, wanted as u64);
    }
    assert_eq!(Cluster::new(10, percent(10)).respond(0, &bad), 1);
}

#[test]
fn counters_need_a_row_and_restart() {
    let mut cluster = Cluster::new(1, percent(100));
    assert_eq!(cluster.respond(0, &[500, 500, 500, 500, 404, 500]), 0);
    assert_eq!(cluster.respond(0, &[501, 500, 500, 599]), 1);
    assert!(cluster.detector.is_ejected(HostId(0)));
    assert_eq!(cluster.counter("ejections_enforced_total"), 1);
    assert_eq!(cluster.counter("ejections_total"), 1);
    // An ejected host is not detected again.
    assert_eq!(cluster.respond(0, &[500; 10]), 0);
    assert_eq!(cluster.counter("ejections_detected_consecutive_5xx"), 1);
    cluster.sweep_at(30_000);
    assert_eq!(cluster.respond(0, &[500; 4]), 0);
    assert_eq!(cluster.respond(0, &[500]), 1);
}

#[test]
fn a_sentence_names_the_detector_and_the_sweep_that_ends_it() {
    let mut cluster = Cluster::new(1, percent(100));
    cluster.sweep_at(10_000);
    cluster.now = Duration::from_secs(12);
    assert_eq!(cluster.detector.sentence(HostId(0)), None);
    assert_eq!(cluster.respond(0, &[500; 5]), 1);
    let sentence = cluster.detector.sentence(HostId(0)).unwrap();
    // 30 s are over at 42 s; sweeps come at 40 s and 50 s.
    let wanted = Sentence {
        by: Ejection::Consecutive5xx,
        at: Duration::from_secs(12),
        until: Duration::from_secs(50),
    };
    assert_eq!(sentence, wanted);
    assert!(cluster.sweep_at(40_000).1.is_empty());
    assert_eq!(cluster.sweep_at(50_000).1, [HostId(0)]);
    assert_eq!(cluster.detector.sentence(HostId(0)), None);
}

#[test]
fn gateway_failures_are_a_count_of_their_own() {
    let config = OutlierConfig {
        enforcing_consecutive_gateway_failure: 100,
        enforcing_consecutive_5xx: 0,
        ..percent(100)
    };
    let mut cluster = Cluster::new(1, config);
    assert_eq!(cluster.respond(0, &[502, 503, 504, 502, 500, 502]), 0);
    assert_eq!(cluster.counter("ejections_detected_consecutive_5xx"), 1);
    assert_eq!(cluster.respond(0, &[502, 503, 504, 502]), 1);
    let name = "ejections_enforced_consecutive_gateway_failure";
    assert_eq!(cluster.counter(name), 1);
}

#[test]
fn enforcing_is_a_draw() {
    let config = OutlierConfig {
        enforcing_consecutive_5xx: 30,
        ..percent(100)
    };
    for (enforcing, wanted) in [(29, true), (30, false), (129, true)] {
        let mut cluster = Cluster::new(1, config.clone());
        let draw = Draw {
            enforcing,
            jitter: 0,
        };
        let ejection = Ejection::Consecutive5xx;
        let ejected = cluster
            .detector
            .on_reached(HostId(0), ejection, cluster.now, draw);
        assert_eq!(ejected, wanted);
    }
}

/// Base 1 s, at most 3 s, sweeps every 0.5 s: away for 1, 2, 3, 3 s, and shorter again after a
/// quiet time.
#[test]
fn ejections_grow_and_decay() {
    let config = OutlierConfig {
        interval: Duration::from_millis(500),
        base_ejection_time: Duration::from_secs(1),
        max_ejection_time: Duration::from_secs(3),
        ..percent(100)
    };
    let mut cluster = Cluster::new(1, config);
    let mut at = 0;
    for wanted in [1000, 2000, 3000, 3000, 3000] {
        assert_eq!(cluster.respond(0, &[500; 5]), 1);
        let from = at;
        loop {
            at += 500;
            if !cluster.sweep_at(at).1.is_empty() {
                break;
            }
        }
        assert_eq!(at - from, wanted);
    }
    for _ in 0..9 {
        at += 500;
        cluster.sweep_at(at);
    }
    cluster.respond(0, &[500; 5]);
    assert!(cluster.sweep_at(at + 500).1.is_empty());
    assert_eq!(cluster.sweep_at(at + 1000).1, [HostId(0)]);
}

#[test]
fn jitter_lengthens_an_ejection() {
    let config = OutlierConfig {
        max_ejection_time_jitter: Duration::from_secs(5),
        ..percent(100)
    };
    let mut cluster = Cluster::new(1, config);
    let draw = Draw {
        enforcing: 0,
        jitter: 5000,
    };
    let ejection = Ejection::Consecutive5xx;
    cluster
        .detector
        .on_reached(HostId(0), ejection, cluster.now, draw);
    assert!(cluster.sweep_at(34_999).1.is_empty());
    assert_eq!(cluster.sweep_at(35_000).1, [HostId(0)]);
}

#[test]
fn success_rate_ejects_the_outlier() {
    let mut cluster = Cluster::new(5, percent(100));
    for host in 0..5 {
        cluster.respond(host, &[200; 100]);
    }
    cluster.sweep_at(10_000);
    for host in 1..5 {
        cluster.respond(host, &[200; 100]);
    }
    cluster.respond(0, &[200, 500].repeat(50));
    let (ejected, _) = cluster.sweep_at(20_000);
    assert_eq!(ejected, [HostId(0)]);
    let rates = &cluster.detector.rates[0];
    assert_eq!(rates.threshold, Some((90.0, 52.0)));
    assert_eq!(rates.rates[0], (HostId(0), 50.0));
    assert_eq!(cluster.counter("ejections_enforced_success_rate"), 1);
    // Only the last interval counts.
    cluster.sweep_at(30_000);
    assert_eq!(cluster.detector.rates[0], SuccessRates::default());
}

#[test]
fn failure_percentage_ejects_at_the_threshold() {
    for (threshold, wanted) in [(50, 1), (51, 0)] {
        let config = OutlierConfig {
            enforcing_failure_percentage: 100,
            enforcing_success_rate: 0,
            failure_percentage_threshold: threshold,
            ..percent(100)
        };
        let mut cluster = Cluster::new(5, config);
        for host in 1..5 {
            cluster.respond(host, &[200; 50]);
        }
        cluster.respond(0, &[200, 500].repeat(25));
        assert_eq!(cluster.sweep_at(10_000).0.len(), wanted);
    }
}

#[test]
fn local_origin_counts_apart_when_split() {
    let refused = [LocalOutcome::Failed; 5];
    let timeouts = [LocalOutcome::Timeout; 5];
    for outcomes in [refused, timeouts] {
        let mut joined = Cluster::new(1, percent(100));
        assert_eq!(joined.local(0, &outcomes), 1);
        assert_eq!(joined.counter("ejections_enforced_consecutive_5xx"), 1);
        let config = OutlierConfig {
            split_external_local_origin_errors: true,
            ..percent(100)
        };
        let mut split = Cluster::new(1, config);
        assert_eq!(split.local(0, &outcomes), 1);
        let name = "ejections_enforced_consecutive_local_origin_failure";
        assert_eq!(split.counter(name), 1);
        split.sweep_at(30_000);
        // Every connection that is made resets the counter.
        let after_connect = [LocalOutcome::Connected, LocalOutcome::Failed].repeat(6);
        assert_eq!(split.local(0, &after_connect), 0);
    }
}

#[test]
fn good_check_returns_a_host() {
    for (allowed, wanted) in [(true, true), (false, false)] {
        let config = OutlierConfig {
            successful_active_health_check_uneject_host: allowed,
            ..percent(100)
        };
        let mut cluster = Cluster::new(1, config);
        assert!(!cluster.detector.on_good_check(HostId(0), cluster.now));
        cluster.respond(0, &[500; 5]);
        assert_eq!(
            cluster.detector.on_good_check(HostId(0), cluster.now),
            wanted
        );
        assert_eq!(cluster.detector.stats.active, u64::from(!wanted));
        cluster.detector.remove(HostId(0));
        assert_eq!(cluster.detector.stats.active, 0);
    }
}
