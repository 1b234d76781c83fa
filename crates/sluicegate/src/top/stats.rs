// SPDX-License-Identifier: Apache-2.0
//! The stats of a process that `top` needs.
//!
//! In: `/stats?format=json`, filtered. Out: numbers by cluster, and those of the process.

use std::collections::HashMap;

use anyhow::Context;
use serde_json::Value;

use crate::{
    admin_client,
    operator::numbers::{Numbers, Part, RX_RESET, Totals, parse},
};

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Stats {
    /// By the name of the cluster in stats.
    pub(super) clusters: HashMap<String, Numbers>,
    pub(super) totals: Totals,
}

/// The path that answers with it.
pub(super) fn path() -> String {
    let filter = admin_client::escaped(FILTER);
    format!("/stats?format=json&filter={filter}")
}

/// What `top` shows, and no more: ten thousand clusters have a million metrics.
const FILTER: &str = r"^(cluster\..*\.(upstream_rq_(completed|5xx|time|active|pending_active|timeout|per_try_timeout|per_try_idle_timeout|max_duration_reached|pending_overflow|active_overflow|retry_overflow)|upstream_cx_(none_healthy|connect_fail|connect_timeout|destroy_remote_with_active_rq|protocol_error|overflow)|http2\.rx_reset|ssl\.(connection_error|fail_verify_[a-z_]*)|circuit_breakers\.default\.[a-z_]*open|outlier_detection\.ejections_enforced_[a-z0-9_]*)|http\..*\.downstream_(rq_completed|rq_5xx|rq_active|cx_active))$";

impl Stats {
    /// # Errors
    /// When the text is no answer to [`path`].
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        let value: Value = serde_json::from_str(text).context("the stats are not JSON")?;
        let all = value.get("stats").and_then(Value::as_array);
        let mut stats = Self::default();
        for stat in all.context("the answer has no stats")? {
            if let Some(histograms) = stat.get("histograms") {
                stats.histograms(histograms);
            } else if let (Some(name), Some(value)) =
                (stat["name"].as_str(), stat["value"].as_u64())
            {
                stats.value(name, value);
            }
        }
        Ok(stats)
    }

    fn value(&mut self, name: &str, value: u64) {
        let reset = name.strip_suffix(RX_RESET);
        let reset = reset.and_then(|group| Some((group.strip_suffix('.')?, RX_RESET)));
        let Some((group, stat)) = reset.or_else(|| name.rsplit_once('.')) else {
            return;
        };
        if let Some((cluster, part)) = parse(&format!("{group}.")) {
            let of = self.clusters.entry(cluster.to_owned()).or_default();
            match (part, stat) {
                (Part::Cluster, "upstream_rq_completed") => of.requests = value,
                (Part::Cluster, "upstream_rq_5xx") => of.errors = value,
                (part, stat) => {
                    of.count(part, stat, value);
                    of.level(part, stat, value);
                }
            }
            return;
        }
        let totals = &mut self.totals;
        match (group, stat) {
            ("http.admin", _) => {}
            (_, "downstream_rq_completed") => totals.requests += value,
            (_, "downstream_rq_5xx") => totals.errors += value,
            (_, "downstream_rq_active") => totals.active += value,
            (_, "downstream_cx_active") => totals.connections += value,
            _ => {}
        }
    }

    /// Quantiles of the last seconds, for as long as the process samples.
    fn histograms(&mut self, histograms: &Value) {
        let list = |key: &str| histograms[key].as_array().into_iter().flatten();
        let place =
            |wanted: f64| list("supported_quantiles").position(|it| it.as_f64() == Some(wanted));
        let (p50, p99) = (place(50.0), place(99.0));
        for one in list("computed_quantiles") {
            let name = one["name"].as_str().unwrap_or_default();
            let Some((cluster, Part::Cluster)) =
                name.strip_suffix("upstream_rq_time").and_then(parse)
            else {
                continue;
            };
            let at = |place: Option<usize>| one["values"][place?]["interval"].as_f64();
            let of = self.clusters.entry(cluster.to_owned()).or_default();
            (of.p50_ms, of.p99_ms) = (at(p50), at(p99));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counters_gauges_and_quantiles() {
        let text = r#"{"stats":[
            {"name":"cluster.a.b.upstream_rq_completed","value":7},
            {"name":"cluster.a.b.upstream_rq_5xx","value":2},
            {"name":"cluster.a.b.http2.rx_reset","value":4},
            {"name":"cluster.a.b.ssl.connection_error","value":6},
            {"name":"cluster.a.b.circuit_breakers.default.rq_open","value":1},
            {"name":"cluster.a.b.outlier_detection.ejections_enforced_total","value":3},
            {"name":"http.ingress.downstream_rq_completed","value":9},
            {"name":"http.admin.downstream_rq_completed","value":100},
            {"histograms":{"supported_quantiles":[0,50,99],"computed_quantiles":[
                {"name":"cluster.a.b.upstream_rq_time","values":[
                    {"interval":1,"cumulative":1},{"interval":2.5,"cumulative":1},
                    {"interval":null,"cumulative":8}]}]}}]}"#;
        let stats = Stats::read(text).unwrap();
        let of = &stats.clusters["a.b"];
        assert_eq!((of.requests, of.errors), (7, 2));
        assert_eq!(of.open, ["max_requests"]);
        assert_eq!(of.ejected, 3);
        assert_eq!((of.resets, of.handshakes), (4, 6));
        assert_eq!((of.p50_ms, of.p99_ms), (Some(2.5), None));
        assert_eq!(stats.totals.requests, 9);
    }
}
