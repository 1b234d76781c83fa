// SPDX-License-Identifier: Apache-2.0
//! `/clusters`.
//!
//! In: the live cluster view. Out: Envoy's `a::b::c` lines, or the message as JSON.

use std::fmt::Write;

use sluicegate_xds::{
    json,
    pb::envoy::{
        admin::v3::{ClusterStatus, Clusters, HostHealthStatus, HostStatus},
        config::{
            cluster::v3::circuit_breakers::Thresholds,
            core::v3::{HealthStatus, RoutingPriority},
        },
        r#type::v3::Percent,
    },
};

use crate::{Answer, config_dump::indented, page, request::Request, router::Router};

/// `/clusters`.
pub(crate) fn show(router: &Router, request: &Request) -> Answer {
    let mut clusters = (router.views.clusters)();
    if let Some(filter) = request.value("filter") {
        let Ok(filter) = sluicegate_stats::compile_pattern(filter) else {
            return Answer::bad_request("Invalid re2 regex");
        };
        clusters
            .cluster_statuses
            .retain(|cluster| filter.is_match(&cluster.name));
    }
    if request.value("format") == Some("json") {
        return as_json(clusters);
    }
    let mut out = String::new();
    for cluster in &clusters.cluster_statuses {
        cluster_lines(&mut out, cluster);
        for host in &cluster.host_statuses {
            host_lines(&mut out, &cluster.name, host);
        }
    }
    Answer::text(out)
}

/// The message as JSON, cluster by cluster: the whole of ten thousand takes ten times its text.
fn as_json(clusters: Clusters) -> Answer {
    if clusters.cluster_statuses.is_empty() {
        return page::message(&clusters);
    }
    let mut out = String::from("{\n \"cluster_statuses\": [\n");
    for (at, cluster) in clusters.cluster_statuses.into_iter().enumerate() {
        let value = match json::to_value(&cluster) {
            Ok(value) => value,
            Err(error) => return Answer::internal_error(format!("{error}\n")),
        };
        if at > 0 {
            out.push_str(",\n");
        }
        out.push_str("  ");
        indented(&mut out, json::to_string(&value).trim_end(), "  ");
    }
    out.push_str("\n ]\n}\n");
    Answer::json(out)
}

fn cluster_lines(out: &mut String, cluster: &ClusterStatus) {
    let name = &cluster.name;
    let observability_name = match cluster.observability_name.as_str() {
        "" => name,
        other => other,
    };
    let _ = writeln!(out, "{name}::observability_name::{observability_name}");
    let thresholds = [
        ("", &cluster.success_rate_ejection_threshold),
        (
            "local_origin_",
            &cluster.local_origin_success_rate_ejection_threshold,
        ),
    ];
    for (kind, threshold) in thresholds {
        if let Some(Percent { value }) = threshold {
            let _ = writeln!(
                out,
                "{name}::outlier::{kind}success_rate_ejection_threshold::{value}"
            );
        }
    }
    let breakers = cluster.circuit_breakers.as_ref();
    let thresholds = breakers.map_or(&[][..], |breakers| &breakers.thresholds[..]);
    for (word, priority) in [
        ("default", RoutingPriority::Default),
        ("high", RoutingPriority::High),
    ] {
        let mut thresholds = thresholds.iter();
        let unset = Thresholds::default();
        let found = thresholds.find(|one| one.priority == priority as i32);
        let limits = found.unwrap_or(&unset);
        // Envoy defaults: 1024, and 3 retries.
        for (limit, value, default) in [
            ("max_connections", limits.max_connections, 1024),
            ("max_pending_requests", limits.max_pending_requests, 1024),
            ("max_requests", limits.max_requests, 1024),
            ("max_retries", limits.max_retries, 3),
        ] {
            let value = value.map_or(default, |value| value.value);
            let _ = writeln!(out, "{name}::{word}_priority::{limit}::{value}");
        }
    }
    let _ = writeln!(out, "{name}::added_via_api::{}", cluster.added_via_api);
}

fn host_lines(out: &mut String, cluster: &str, host: &HostStatus) {
    let address = page::address(host.address.as_ref());
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "{cluster}::{address}::{key}::{value}");
    };
    for stat in HOST_STATS {
        let found = host.stats.iter().find(|metric| metric.name == *stat);
        line(stat, &found.map_or(0, |metric| metric.value));
    }
    let locality = host.locality.clone().unwrap_or_default();
    let rate = |rate: &Option<Percent>| rate.as_ref().map_or(-1.0, |rate| rate.value);
    line("hostname", &host.hostname);
    line("health_flags", &health_flags(host.health_status.as_ref()));
    line("weight", &host.weight);
    line("region", &locality.region);
    line("zone", &locality.zone);
    line("sub_zone", &locality.sub_zone);
    line("canary", &false);
    line("priority", &host.priority);
    line("success_rate", &rate(&host.success_rate));
    line(
        "local_origin_success_rate",
        &rate(&host.local_origin_success_rate),
    );
}

/// `healthy`, or every flag with a slash before it, in the order of Envoy's flag list.
fn health_flags(status: Option<&HostHealthStatus>) -> String {
    let Some(status) = status else {
        return "healthy".to_owned();
    };
    let eds = |wanted: &[HealthStatus]| {
        let mut wanted = wanted.iter();
        wanted.any(|health| *health as i32 == status.eds_health_status)
    };
    let flags = [
        (status.failed_active_health_check, "/failed_active_hc"),
        (status.failed_outlier_check, "/failed_outlier_check"),
        (
            eds(&[HealthStatus::Unhealthy, HealthStatus::Timeout]),
            "/failed_eds_health",
        ),
        (status.failed_active_degraded_check, "/degraded_active_hc"),
        (eds(&[HealthStatus::Degraded]), "/degraded_eds_health"),
        (status.pending_dynamic_removal, "/pending_dynamic_removal"),
        (status.pending_active_hc, "/pending_active_hc"),
        (
            status.excluded_via_immediate_hc_fail,
            "/excluded_via_immediate_hc_fail",
        ),
        (status.active_hc_timeout, "/active_hc_timeout"),
        (eds(&[HealthStatus::Draining]), "/eds_status_draining"),
    ];
    let set: String = flags
        .into_iter()
        .filter_map(|(is_set, word)| is_set.then_some(word))
        .collect();
    if set.is_empty() {
        "healthy".to_owned()
    } else {
        set
    }
}

const HOST_STATS: &[&str] = &[
    "cx_active",
    "cx_connect_fail",
    "cx_total",
    "rq_active",
    "rq_error",
    "rq_pending_active",
    "rq_success",
    "rq_timeout",
    "rq_total",
];
