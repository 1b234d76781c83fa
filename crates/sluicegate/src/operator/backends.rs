// SPDX-License-Identifier: Apache-2.0
//! How each backend is, and why.
//!
//! In: clusters of the data plane with their numbers, and the backends of the graph. Out: a row per
//! cluster: state, one sentence that says why, endpoints, circuit breakers.

mod endpoint;
mod why;

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use serde::{Deserialize, Serialize};
use sluicegate_dataplane::Ejected;
use sluicegate_xds::pb::envoy::{
    admin::v3::{ClusterStatus, Clusters},
    config::core::v3::RoutingPriority,
};

use super::{
    numbers::{History, Numbers},
    of_round::Known,
};
pub(super) use endpoint::address;
use endpoint::endpoint;
pub use endpoint::{Ejection, EndpointRow};
use why::judge;

/// How a backend is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Requests cannot be served.
    Failing,
    /// Some cannot, or fewer endpoints are used than there are.
    Degraded,
    /// Nothing is wrong.
    Healthy,
    /// No route leads there.
    Unused,
}

impl State {
    /// Every state, worst first.
    pub const ALL: [Self; 4] = [Self::Failing, Self::Degraded, Self::Healthy, Self::Unused];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
            Self::Unused => "unused",
        }
    }
}

/// One cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendRow {
    /// `namespace/name:port`, or the cluster where nothing is known of manifests.
    pub name: String,
    /// Name of the Envoy cluster.
    pub cluster: String,
    /// How it is.
    pub state: State,
    /// Why, in one sentence; empty when there is nothing to say.
    pub why: String,
    /// Endpoints that are sent requests.
    pub usable: usize,
    /// Its endpoints.
    pub endpoints: Vec<EndpointRow>,
    /// Circuit breakers of default priority.
    pub breakers: Vec<Breaker>,
    /// Answers to clients since the start.
    pub requests: u64,
    /// Those of them with a status from 500 on.
    pub errors: u64,
    /// Requests now.
    pub active: u64,
    /// Requests that wait for a connection now.
    pub pending: u64,
    /// Times that an endpoint was ejected, since the start.
    pub ejections: u64,
    /// Milliseconds that half of the last seconds' requests took at most; `None` without any.
    pub p50_ms: Option<f64>,
    /// The same of 99 in 100.
    pub p99_ms: Option<f64>,
}

/// One limit and how much of it is used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Breaker {
    /// Envoy's name of the limit.
    pub name: Cow<'static, str>,
    /// Used now.
    pub used: u64,
    /// The limit; 4294967295 is Envoy's way to say none.
    pub limit: u32,
    /// Whether it turns requests away now.
    pub open: bool,
}

/// What the data plane says.
pub struct Reported<'a> {
    /// Its clusters.
    pub clusters: &'a Clusters,
    /// Hosts that outlier detection has ejected.
    pub ejected: &'a [Ejected],
    /// What clusters have done.
    pub history: &'a History,
    /// Whether clusters that it does not have are carried by connected Envoys.
    pub is_control_only: bool,
}

/// A row per cluster, and per known backend that is closed; worst first, then by name.
pub(crate) fn rows(known: &HashMap<String, Known>, reported: &Reported<'_>) -> Vec<BackendRow> {
    let ejections = ejections(reported.ejected);
    let mut rows = Vec::new();
    for status in &reported.clusters.cluster_statuses {
        let of_variant = || base(&status.name).and_then(|name| known.get(name));
        let belongs = known.get(&status.name).or_else(of_variant);
        let (numbers, recent) = reported.history.of(&stat_name(status));
        let ejections = ejections.get(&*status.name).map_or(&[][..], Vec::as_slice);
        rows.push(row(status, ejections, belongs, (&numbers, &recent)));
    }
    let there: HashSet<&str> = rows.iter().map(|row| &*row.cluster).collect();
    // What the data plane does not have is closed, or carried by Envoys.
    let absent: Vec<BackendRow> = known
        .iter()
        .filter(|(_, known)| known.closed.is_some() || reported.is_control_only)
        .filter(|(cluster, _)| !there.contains(&***cluster))
        .map(|(cluster, known)| absent(cluster.clone(), known))
        .collect();
    rows.extend(absent);
    rows.sort_by(|a, b| (a.state, &a.name, &a.cluster).cmp(&(b.state, &b.name, &b.cluster)));
    rows
}

/// A row per cluster where nothing is known of manifests, in the order of `/clusters`.
pub(crate) fn rows_of_clusters(
    clusters: &Clusters,
    numbers: impl Fn(&str) -> (Numbers, Numbers),
) -> Vec<BackendRow> {
    let rows = clusters.cluster_statuses.iter().map(|status| {
        let (numbers, recent) = numbers(&stat_name(status));
        row(status, &[], None, (&numbers, &recent))
    });
    rows.collect()
}

/// Ejected hosts by their cluster.
fn ejections(ejected: &[Ejected]) -> HashMap<&str, Vec<&Ejected>> {
    let mut all: HashMap<&str, Vec<&Ejected>> = HashMap::new();
    for one in ejected {
        all.entry(&one.cluster).or_default().push(one);
    }
    all
}

/// The name of a cluster in stats.
pub(crate) fn stat_name(status: &ClusterStatus) -> String {
    let name = match status.observability_name.as_str() {
        "" => &status.name,
        other => other,
    };
    name.replace(':', "_")
}

/// The base cluster of one that a BackendTrafficPolicy made.
pub(crate) fn base(cluster: &str) -> Option<&str> {
    Some(cluster.split_once("|btp|")?.0)
}

fn absent(cluster: String, known: &Known) -> BackendRow {
    let (state, why) = match (&known.closed, known.routed) {
        (Some(reason), true) => (State::Failing, closed(reason)),
        (Some(reason), false) => (State::Unused, closed(reason)),
        (None, true) => (State::Healthy, "carried by connected Envoys".to_owned()),
        (None, false) => (State::Unused, "no route sends requests here".to_owned()),
    };
    BackendRow {
        name: known.name.clone(),
        cluster,
        state,
        why,
        usable: 0,
        endpoints: Vec::new(),
        breakers: Vec::new(),
        requests: 0,
        errors: 0,
        active: 0,
        pending: 0,
        ejections: 0,
        p50_ms: None,
        p99_ms: None,
    }
}

fn closed(reason: &str) -> String {
    format!("closed, every request is answered 500: {reason}")
}

fn row(
    status: &ClusterStatus,
    ejections: &[&Ejected],
    belongs: Option<&Known>,
    (numbers, recent): (&Numbers, &Numbers),
) -> BackendRow {
    let hosts = status.host_statuses.iter();
    let endpoints: Vec<EndpointRow> = hosts.map(|host| endpoint(host, ejections)).collect();
    let mut row = BackendRow {
        name: match belongs {
            Some(known) => known.name.clone(),
            None => status.name.clone(),
        },
        cluster: status.name.clone(),
        state: State::Healthy,
        why: String::new(),
        usable: endpoints.iter().filter(|it| it.usable).count(),
        breakers: breakers(status, &endpoints, numbers),
        endpoints,
        requests: numbers.requests,
        errors: numbers.errors,
        active: numbers.active,
        pending: numbers.pending,
        ejections: numbers.ejected,
        p50_ms: numbers.p50_ms,
        p99_ms: numbers.p99_ms,
    };
    (row.state, row.why) = judge(&row, belongs, (numbers, recent));
    row
}

/// `1 connection`, `2 connections`, `2 requests or attempts`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        some => format!("{some} {}s", what.replace(" or ", "s or ")),
    }
}

/// `12 s`, `4 min 50 s`: seconds, rounded up.
pub(crate) fn span(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    match (seconds / 60, seconds % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

fn breakers(status: &ClusterStatus, endpoints: &[EndpointRow], numbers: &Numbers) -> Vec<Breaker> {
    let all = status.circuit_breakers.iter().flat_map(|it| &it.thresholds);
    let default = RoutingPriority::Default as i32;
    let Some(limits) = all.into_iter().find(|it| it.priority == default) else {
        return Vec::new();
    };
    let sum = |of: fn(&EndpointRow) -> u64| endpoints.iter().map(of).sum();
    let limits = [
        (
            "max_connections",
            sum(|it| it.connections),
            limits.max_connections,
        ),
        (
            "max_pending_requests",
            numbers.pending,
            limits.max_pending_requests,
        ),
        ("max_requests", sum(|it| it.active), limits.max_requests),
    ];
    let set = limits.into_iter().filter_map(|(name, used, limit)| {
        Some(Breaker {
            name: name.into(),
            used,
            limit: limit?.value,
            open: numbers.open.contains(&name),
        })
    });
    set.collect()
}

#[cfg(test)]
mod tests;
