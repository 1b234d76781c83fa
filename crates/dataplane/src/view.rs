// SPDX-License-Identifier: Apache-2.0
//! Read-only views for the admin API.
//!
//! In: the plan and the workers' numbers. Out: Envoy's admin messages.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
};

use sluicegate_xds::pb::envoy::{
    admin::v3::{
        ClusterStatus, Clusters, HostHealthStatus, HostStatus, ListenerStatus, Listeners,
        SimpleMetric, simple_metric,
    },
    config::{
        cluster::v3::{CircuitBreakers, circuit_breakers},
        core::v3::{
            Address, HealthStatus, RoutingPriority, SocketAddress, address, socket_address,
        },
    },
    r#type::v3::Percent,
};
use sluicegate_xds::pb::google::protobuf::UInt32Value;

use crate::{
    cluster::Flag,
    plan::{ClusterPlan, Endpoint, Health, Plan, Thresholds},
    stats::HostStats,
};

/// `/clusters`, of those whose name is meant.
pub(crate) fn clusters(plan: &Plan, is_meant: impl Fn(&str) -> bool) -> Clusters {
    let all = plan.clusters.iter().flatten();
    let meant = all.filter(|one| is_meant(&one.config.name));
    let mut cluster_statuses: Vec<ClusterStatus> = meant.map(|one| cluster(one)).collect();
    cluster_statuses.sort_by(|a, b| a.name.cmp(&b.name));
    Clusters { cluster_statuses }
}

/// `/listeners`.
pub(crate) fn listeners(bound: &BTreeMap<Arc<str>, SocketAddr>) -> Listeners {
    let listener_statuses = bound
        .iter()
        .map(|(name, at)| ListenerStatus {
            name: name.to_string(),
            local_address: Some(proto_address(*at)),
            ..ListenerStatus::default()
        })
        .collect();
    Listeners { listener_statuses }
}

/// This node's own address, which stands for clients on the loopback. Nothing is sent: connecting
/// a datagram socket only looks up the route.
pub(crate) fn local_address() -> String {
    let found = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    found.map_or_else(|_| "127.0.0.1".to_owned(), |at| at.ip().to_string())
}

fn cluster(cluster: &ClusterPlan) -> ClusterStatus {
    let config = &cluster.config;
    let endpoints = cluster.endpoints.endpoints.iter();
    let [external, local] = cluster.shared.health.rates();
    ClusterStatus {
        name: config.name.to_string(),
        added_via_api: true,
        observability_name: config.stat_name.clone(),
        host_statuses: endpoints.map(|one| host(cluster, one)).collect(),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: [RoutingPriority::Default, RoutingPriority::High]
                .into_iter()
                .zip(config.breakers)
                .map(|(priority, limits)| thresholds(priority, limits))
                .collect(),
            ..CircuitBreakers::default()
        }),
        success_rate_ejection_threshold: threshold(external),
        local_origin_success_rate_ejection_threshold: threshold(local),
        ..ClusterStatus::default()
    }
}

/// Left out unless it is above zero, as in Envoy.
fn threshold(rates: Option<(f64, f64)>) -> Option<Percent> {
    let (_, value) = rates?;
    (value > 0.0).then_some(Percent { value })
}

fn thresholds(priority: RoutingPriority, limits: Thresholds) -> circuit_breakers::Thresholds {
    let value = |value| Some(UInt32Value { value });
    circuit_breakers::Thresholds {
        priority: priority as i32,
        max_connections: value(limits.connections),
        max_pending_requests: value(limits.pending),
        max_requests: value(limits.requests),
        max_retries: value(limits.retries),
        ..circuit_breakers::Thresholds::default()
    }
}

fn host(cluster: &ClusterPlan, endpoint: &Endpoint) -> HostStatus {
    let health = cluster.shared.health.known(endpoint.address);
    let has = |flag| health.as_ref().is_some_and(|health| health.has(flag));
    let rates = health.as_ref().map(|health| health.success_rates());
    let [external, local] = rates.unwrap_or_default();
    let percent = |value: Option<f64>| value.map(|value| Percent { value });
    HostStatus {
        success_rate: percent(external),
        local_origin_success_rate: percent(local),
        address: Some(proto_address(endpoint.address)),
        stats: host_stats(&cluster.shared.stats_of(endpoint.address)),
        health_status: Some(HostHealthStatus {
            eds_health_status: match endpoint.health {
                Health::Healthy => HealthStatus::Healthy,
                Health::Degraded => HealthStatus::Degraded,
                Health::Draining => HealthStatus::Draining,
                Health::Unhealthy => HealthStatus::Unhealthy,
            } as i32,
            failed_active_health_check: has(Flag::FailedActiveHc),
            failed_outlier_check: has(Flag::FailedOutlierCheck),
            failed_active_degraded_check: has(Flag::DegradedActiveHc),
            pending_dynamic_removal: has(Flag::PendingDynamicRemoval),
            excluded_via_immediate_hc_fail: has(Flag::ExcludedViaImmediateHcFail),
            active_hc_timeout: has(Flag::ActiveHcTimeout),
            pending_active_hc: has(Flag::PendingActiveHc),
            ..HostHealthStatus::default()
        }),
        weight: endpoint.weight,
        hostname: endpoint.hostname.clone(),
        priority: endpoint.priority,
        locality: Some(endpoint.locality.clone().unwrap_or_default()),
    }
}

/// All counters, then all gauges, each in alphabetical order, as Envoy lists them.
fn host_stats(workers: &[Arc<HostStats>]) -> Vec<SimpleMetric> {
    let counter = |name: &str, read: fn(&HostStats) -> u64| SimpleMetric {
        r#type: simple_metric::Type::Counter as i32,
        name: name.to_owned(),
        value: workers.iter().map(|worker| read(worker)).sum(),
    };
    let gauge = |name: &str, read: fn(&HostStats) -> i64| {
        let sum: i64 = workers.iter().map(|worker| read(worker)).sum();
        SimpleMetric {
            r#type: simple_metric::Type::Gauge as i32,
            name: name.to_owned(),
            value: u64::try_from(sum).unwrap_or(0),
        }
    };
    vec![
        counter("cx_connect_fail", |stats| stats.cx_connect_fail.get()),
        counter("cx_total", |stats| stats.cx_total.get()),
        counter("rq_error", |stats| stats.rq_error.get()),
        counter("rq_success", |stats| stats.rq_success.get()),
        counter("rq_timeout", |stats| stats.rq_timeout.get()),
        counter("rq_total", |stats| stats.rq_total.get()),
        gauge("cx_active", |stats| stats.cx_active.get()),
        gauge("rq_active", |stats| stats.rq_active.get()),
    ]
}

fn proto_address(at: SocketAddr) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: at.ip().to_string(),
            port_specifier: Some(socket_address::PortSpecifier::PortValue(u32::from(
                at.port(),
            ))),
            ..SocketAddress::default()
        })),
    }
}
