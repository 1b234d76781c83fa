// SPDX-License-Identifier: Apache-2.0
//! The formats against what Envoy 1.40 prints, and the time that a large fleet takes.

use std::{sync::Arc, time::Instant};

use crate::{Query, Registry};

crate::stat_group! {
    struct ClusterStats {
        upstream_cx_active: Gauge,
        upstream_cx_total: Counter,
        upstream_rq: ResponseCodes,
        upstream_rq_time: Histogram,
        version_text: TextReadout,
    }
}

fn registry() -> (Registry, Arc<ClusterStats>) {
    let registry = Registry::default();
    let stats = Arc::new(ClusterStats::default());
    registry.register("cluster.static1.", &stats);
    stats.version_text.set("e1");
    stats.upstream_cx_total.add(3);
    stats.upstream_cx_active.add(1);
    stats.upstream_cx_active.add(-1);
    stats.upstream_rq.inc(200);
    stats.upstream_rq_time.record(29);
    (registry, stats)
}

fn render(registry: &Registry, query: &[(&str, &str)]) -> String {
    let query = Query::parse(query.iter().copied()).unwrap();
    query.render(registry)
}

#[test]
fn text_has_readouts_then_values_then_histograms() {
    let (registry, stats) = registry();
    let expected = "cluster.static1.version_text: \"e1\"\n\
                    cluster.static1.upstream_cx_active: 0\n\
                    cluster.static1.upstream_cx_total: 3\n\
                    cluster.static1.upstream_rq_200: 1\n\
                    cluster.static1.upstream_rq_2xx: 1\n\
                    cluster.static1.upstream_rq_completed: 1\n\
                    cluster.static1.upstream_rq_time: No recorded values\n";
    assert_eq!(render(&registry, &[]), expected);
    registry.reset_counters();
    assert_eq!(
        render(&registry, &[("usedonly", ""), ("filter", "(cx|_200)")]),
        "cluster.static1.upstream_cx_active: 0\ncluster.static1.upstream_cx_total: 0\n\
         cluster.static1.upstream_rq_200: 0\n"
    );
    let inverted = [("filter", "static1"), ("invert_filter", "")];
    assert_eq!(render(&registry, &inverted), "");
    assert_eq!(stats.upstream_cx_total.get(), 0);
}

#[test]
fn histograms_show_the_last_flush() {
    let (registry, stats) = registry();
    let histograms = [("type", "Histograms")];
    registry.flush();
    stats.upstream_rq_time.record(54);
    let line = render(&registry, &histograms);
    assert!(
        line.contains(" P0(29.5,29.5) ") && line.contains(" P99.9(29.5,29.5) "),
        "{line}"
    );
    registry.flush();
    let line = render(&registry, &histograms);
    assert!(
        line.contains(" P0(54.5,29.5) ") && line.ends_with(" P100(54.5,54.5)\n"),
        "{line}"
    );
    registry.flush();
    let line = render(&registry, &histograms);
    assert!(line.contains(" P0(nan,29.5) "), "{line}");
    let line = render(
        &registry,
        &[("type", "Histograms"), ("histogram_buckets", "disjoint")],
    );
    assert!(
        line.contains(" B25(0,0) B50(0,1) B100(0,1) B250(0,0) "),
        "{line}"
    );
    assert!(line.ends_with(" B1.8e+06(0,0) B3.6e+06(0,0)\n"), "{line}");
    let line = render(
        &registry,
        &[("type", "Histograms"), ("histogram_buckets", "detailed")],
    );
    assert!(
        line.contains(":\n  totals=29,1:1, 54,1:1\n  intervals=\n  summary=P0(nan,29.5) "),
        "{line}"
    );
}

#[test]
fn json_is_one_line_with_histograms_last() {
    let (registry, _stats) = registry();
    registry.flush();
    let value = [("format", "json"), ("filter", "cx_total|version")];
    assert_eq!(
        render(&registry, &value),
        "{\"stats\":[{\"name\":\"cluster.static1.version_text\",\"value\":\"e1\"},\
         {\"name\":\"cluster.static1.upstream_cx_total\",\"value\":3}]}"
    );
    assert_eq!(
        render(&registry, &[("format", "json"), ("filter", "zzz")]),
        "{\"stats\":[]}"
    );
    for (mode, expected) in [
        (
            "summary",
            "{\"stats\":[{\"histograms\":{\"supported_quantiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"computed_quantiles\":[{\"name\":\"cluster.static1.upstream_rq_time\",\"values\":[{\"cumulative\":29.5,\"interval\":29.5},",
        ),
        (
            "cumulative",
            "{\"stats\":[{\"histograms\":[{\"name\":\"cluster.static1.upstream_rq_time\",\"buckets\":[{\"upper_bound\":0.5,\"interval\":0,\"cumulative\":0},",
        ),
        (
            "detailed",
            "{\"stats\":[{\"histograms\":{\"supported_percentiles\":[0,25,50,75,90,95,99,99.5,99.9,100],\"details\":[{\"name\":\"cluster.static1.upstream_rq_time\",\"totals\":[{\"lower_bound\":29,\"width\":1,\"count\":1}],\"intervals\":[{\"lower_bound\":29,",
        ),
    ] {
        let query = [
            ("format", "json"),
            ("type", "Histograms"),
            ("histogram_buckets", mode),
        ];
        let line = render(&registry, &query);
        assert!(line.starts_with(expected), "{mode}: {line}");
        assert!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok(),
            "{line}"
        );
    }
}

#[test]
fn prometheus_groups_by_family() {
    let (registry, _stats) = registry();
    let other = Arc::new(ClusterStats::default());
    registry.register("cluster.a.b:c/d.", &other);
    registry.flush();
    let text = render(&registry, &[("format", "prometheus")]);
    let expected = "# TYPE envoy_cluster_b_c_d_upstream_cx_total counter\n\
        envoy_cluster_b_c_d_upstream_cx_total{envoy_cluster_name=\"a\"} 0\n\
        # TYPE envoy_cluster_b_c_d_upstream_rq_completed counter\n\
        envoy_cluster_b_c_d_upstream_rq_completed{envoy_cluster_name=\"a\"} 0\n\
        # TYPE envoy_cluster_upstream_cx_total counter\n\
        envoy_cluster_upstream_cx_total{envoy_cluster_name=\"static1\"} 3\n\
        # TYPE envoy_cluster_upstream_rq counter\n\
        envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"static1\"} 1\n\
        # TYPE envoy_cluster_upstream_rq_completed counter\n\
        envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"static1\"} 1\n\
        # TYPE envoy_cluster_upstream_rq_xx counter\n\
        envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"static1\"} 1\n\
        # TYPE envoy_cluster_b_c_d_upstream_cx_active gauge\n";
    assert!(text.starts_with(expected), "{text}");
    let histogram = "# TYPE envoy_cluster_upstream_rq_time histogram\n\
        envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=\"static1\",le=\"0.5\"} 0\n";
    assert!(text.contains(histogram), "{text}");
    assert!(text.ends_with(
        "le=\"+Inf\"} 1\nenvoy_cluster_upstream_rq_time_sum{envoy_cluster_name=\"static1\"} 29\n\
         envoy_cluster_upstream_rq_time_count{envoy_cluster_name=\"static1\"} 1\n"
    ), "{text}");
    let readouts = [
        ("format", "prometheus"),
        ("text_readouts", ""),
        ("filter", "static1.version"),
    ];
    assert_eq!(
        render(&registry, &readouts),
        "# TYPE envoy_cluster_version_text gauge\n\
         envoy_cluster_version_text{envoy_cluster_name=\"static1\",text_value=\"e1\"} 0\n"
    );
}

crate::stat_group! {
    struct Large {
        a1: Counter, a2: Counter, a3: Counter, a4: Counter, a5: Counter, a6: Counter, a7: Counter,
        b1: Counter, b2: Counter, b3: Counter, b4: Counter, b5: Counter, b6: Counter, b7: Counter,
        c1: Counter, c2: Counter, c3: Counter, c4: Counter, c5: Counter, c6: Counter, c7: Counter,
        d1: Counter, d2: Counter, d3: Counter, d4: Counter, d5: Counter, d6: Counter, d7: Counter,
        e1: Gauge, e2: Gauge, e3: Gauge, e4: Gauge, e5: Gauge, e6: Gauge, e7: Gauge, e8: Gauge,
        upstream_rq: ResponseCodes, upstream_rq_time: Histogram, upstream_cx_length_ms: Histogram,
    }
}

/// Ten thousand clusters on two workers: run with `--release -- --ignored --nocapture`.
#[test]
#[ignore = "measures; meaningful in release mode only"]
fn a_large_fleet_renders_quickly() {
    let registry = Registry::default();
    let groups: Vec<_> = (0..20_000)
        .map(|at| {
            let group = Arc::new(Large::default());
            group.upstream_rq.inc(200);
            group.upstream_rq_time.record(at);
            registry.register(&format!("cluster.kube_team_service_{}.", at / 2), &group);
            group
        })
        .collect();
    let start = Instant::now();
    registry.flush();
    println!("flush {:?}", start.elapsed());
    for format in ["text", "json", "prometheus"] {
        let start = Instant::now();
        let text = render(&registry, &[("format", format)]);
        println!("{format}: {} bytes in {:?}", text.len(), start.elapsed());
    }
    drop(groups);
}
