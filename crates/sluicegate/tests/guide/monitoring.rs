// SPDX-License-Identifier: Apache-2.0
//! `deploy/monitoring`: alerts and a dashboard, held to a scrape and to promtool.
//!
//! In: the files. Out: every metric and label in them is one that `/stats/prometheus` has after some
//! requests; every alert has a time, a severity, a text and a section of the guide, and fires in a
//! test of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::Value;

use crate::{
    backend::Backend,
    page::repository,
    sections::{gateway, stage},
};

/// Metrics with their labels.
type Scrape = BTreeMap<String, BTreeSet<String>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_in_a_scrape() {
    let backend = Backend::of("").await;
    let stage = stage("examples/debugging", &backend);
    stage.write("policy.yaml", POLICY);
    let _gateway = gateway(&stage, "examples/debugging").await;
    stage.run("curl -s 127.0.0.1:8080/orders").await;
    let text = stage.run("curl -s 127.0.0.1:19000/stats/prometheus").await;
    let scrape = scrape(&text);
    let dashboard = read("dashboard.json");
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut expressions = Vec::new();
    of_dashboard(&dashboard, &mut expressions);
    assert!(expressions.len() > 30, "{expressions:#?}");
    let alerts = read("alerts.yaml");
    expressions.push(alerts.clone());
    for expression in &expressions {
        for (metric, labels) in used(expression) {
            let known = scrape.get(&metric);
            let known =
                known.unwrap_or_else(|| panic!("{metric} is not in a scrape: {expression}"));
            let strange: Vec<_> = labels.difference(known).collect();
            assert!(strange.is_empty(), "{metric} has no {strange:?}");
        }
        for label in grouped_by(expression) {
            let known = scrape.values().any(|labels| labels.contains(&label));
            assert!(known, "no metric has {label}: {expression}");
        }
    }
}

/// Outlier detection and TLS have numbers where they are set only.
const POLICY: &str = "apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: orders, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: orders}]
  outlierDetection: {interval: 10s}
  tls: {wellKnownCACertificates: System, sni: orders.example.com}
";

#[test]
fn alerts_lead_to_the_guide() {
    let alerts = read("alerts.yaml");
    let guide = fs::read_to_string(repository().join("docs/guide/debugging.md")).unwrap();
    let headings = guide.lines().filter_map(|line| line.strip_prefix("## "));
    let anchors: BTreeSet<String> = headings
        .map(|heading| heading.to_lowercase().replace(',', "").replace(' ', "-"))
        .collect();
    let rules: Vec<&str> = alerts.split("- alert: ").skip(1).collect();
    let tests = read("alerts.test.yaml");
    for rule in &rules {
        let name = rule.lines().next().unwrap();
        for part in ["\n        for: ", "severity: ", "summary: "] {
            assert!(rule.contains(part), "{name} has no {part}");
        }
        let (_, runbook) = rule.split_once("runbook: docs/guide/debugging.md").unwrap();
        let runbook = runbook.lines().next().unwrap();
        let known = runbook.is_empty() || anchors.contains(&runbook[1..]);
        assert!(known, "{name}: the guide has no {runbook}");
        let tested = tests.contains(&format!("alertname: {name}\n        exp_alerts:"));
        assert!(tested, "{name} has no test");
    }
    let links = guide.split("](#").skip(1);
    for link in links.map(|rest| &rest[..rest.find(')').unwrap()]) {
        assert!(anchors.contains(link), "the guide has no #{link}");
    }
}

/// `scripts/tools.sh` brings promtool.
#[test]
fn promtool_takes_the_alerts_and_their_tests() {
    let promtool = repository().join(".tools/bin/promtool");
    assert!(
        promtool.is_file(),
        "no {}: run scripts/tools.sh once",
        promtool.display()
    );
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts.test.yaml"],
    ] {
        let run = Command::new(fs::canonicalize(&promtool).unwrap())
            .args(arguments)
            .current_dir(repository().join("deploy/monitoring"))
            .output();
        let run = run.unwrap();
        let said = [run.stdout, run.stderr].concat();
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("deploy/monitoring").join(name)).unwrap()
}

/// The metrics of a scrape; `_bucket` of histograms among them.
fn scrape(text: &str) -> Scrape {
    let mut scrape = Scrape::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((metric, _)) = line.rsplit_once(' ') else {
            continue;
        };
        let (name, labels) = metric.split_once('{').unwrap_or((metric, ""));
        let known = scrape.entry(name.to_owned()).or_default();
        known.extend(names_of(labels.trim_end_matches('}')));
    }
    scrape
}

/// Names of labels in `a="b",c=~"d"`.
fn names_of(labels: &str) -> BTreeSet<String> {
    let mut parts = labels.split('"');
    let mut names = BTreeSet::new();
    while let (Some(name), Some(_)) = (parts.next(), parts.next()) {
        let name = name.trim_matches([',', '=', '~', '!', ' ']);
        names.insert(name.to_owned());
    }
    names
}

/// The metrics of an expression with the labels by which it selects.
fn used(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut used = Vec::new();
    let ends = |it: char| !it.is_ascii_alphanumeric() && it != '_';
    for (at, _) in expression.match_indices("envoy_") {
        // A label: `envoy_` is not where its word begins, or what follows compares.
        let rest = &expression[at..];
        let end = rest.find(ends).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let begins = expression[..at].chars().next_back().is_none_or(ends);
        if !begins || LABELS.contains(&name) {
            continue;
        }
        let labels = after
            .strip_prefix('{')
            .and_then(|labels| Some(names_of(&labels[..labels.find('}')?])));
        used.push((name.to_owned(), labels.unwrap_or_default()));
    }
    used
}

/// Labels that begin like metrics.
const LABELS: [&str; 3] = [
    "envoy_cluster_name",
    "envoy_http_conn_manager_prefix",
    "envoy_response_code_class",
];

/// Labels after `by`, but for that of buckets.
fn grouped_by(expression: &str) -> BTreeSet<String> {
    let lists = expression.split("by (").skip(1);
    let labels = lists.flat_map(|rest| rest[..rest.find(')').unwrap()].split(','));
    let labels = labels.map(|label| label.trim().to_owned());
    labels.filter(|label| label != "le").collect()
}

/// Every `expr`, and the query of every variable.
fn of_dashboard(value: &Value, expressions: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("expr" | "query", Value::String(text)) => expressions.push(text.clone()),
                    _ => of_dashboard(value, expressions),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|it| of_dashboard(it, expressions)),
        _ => {}
    }
}

#[test]
fn metrics_and_labels_of_an_expression() {
    let expression = "sum by (le, envoy_cluster_name) (rate(envoy_a_bucket{envoy_cluster_name=~\"$c\",x=\"1\"}[5m])) / envoy_b";
    let labels = ["envoy_cluster_name", "x"].map(str::to_owned);
    assert_eq!(
        used(expression),
        [
            ("envoy_a_bucket".to_owned(), labels.into()),
            ("envoy_b".to_owned(), BTreeSet::new())
        ]
    );
    let grouped: Vec<String> = grouped_by(expression).into_iter().collect();
    assert_eq!(grouped, ["envoy_cluster_name"]);
}
