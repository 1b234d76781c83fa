// SPDX-License-Identifier: Apache-2.0
//! The policy of the traffic against that of the backend, setting by setting.
//!
//! In: a policy in force and a backend with its own. Out: which of the former's settings hold.

use sluicegate_resource::{
    envoygateway::backend_traffic_policy::{HealthChecker, LoadBalancerAlgorithm, RoutingType},
    gateway::Carried,
};

use super::{BackendSide, Class, Row, RowVerdict, TrafficPolicy, Weighed, without_effect};
use crate::{Backend, ProtocolClass};

/// Every setting of `traffic` that concerns connections to `backend` for what a route carries, in the
/// order of the API.
pub fn weigh(traffic: &TrafficPolicy, backend: &Backend, carried: Carried) -> Vec<Weighed> {
    let rows = Row::ALL.iter();
    rows.filter_map(|row| weigh_one(*row, traffic, backend, carried))
        .collect()
}

/// Whether both limits on connections are set; the smaller one counts.
pub(super) fn limited_twice(traffic: &TrafficPolicy) -> bool {
    let limit = |row: Row| row.of_traffic(&traffic.spec);
    limit(Row::MaxConnections).is_some() && limit(Row::ConnectionLimit).is_some()
}

/// One of them; `None` when `traffic` does not set it.
pub fn weigh_one(
    row: Row,
    traffic: &TrafficPolicy,
    backend: &Backend,
    carried: Carried,
) -> Option<Weighed> {
    let mine = row.of_traffic(&traffic.spec)?;
    let source = traffic.source(row.name())?;
    let unusable = without_effect(row.name(), carried).or_else(|| unusable(row, traffic, backend));
    let verdict = if let Some(reason) = unusable {
        RowVerdict::NoEffect(reason)
    } else if row == Row::LoadBalancer && asks_for_load_reports(traffic) {
        RowVerdict::NotEnforced(other(row, backend).map(|(side, _)| side))
    } else {
        match other(row, backend) {
            None => RowVerdict::InForce(None),
            Some((side, theirs)) => {
                let wins = match row.class() {
                    Class::Fact => false,
                    Class::Limit => limit(row, mine) < limit(row, theirs),
                    Class::Behaviour => source.by.rank.is_of_route(),
                };
                match wins {
                    true => RowVerdict::InForce(Some(side)),
                    false => RowVerdict::Lost(side),
                }
            }
        }
    };
    Some(Weighed {
        row,
        source,
        verdict,
    })
}

/// Zero requests per connection means any number.
fn limit(row: Row, value: u32) -> u32 {
    match (row, value) {
        (Row::MaxRequestsPerConnection, 0) => u32::MAX,
        _ => value,
    }
}

/// The policy of the backend that sets `row`, too.
fn other(row: Row, backend: &Backend) -> Option<(BackendSide, u32)> {
    let (unit, leaf, read) = row.of_backend()?;
    let value = read(&backend.policy)?;
    let winner = backend.policy.winner(unit)?;
    let path = match leaf {
        "" => winner.path.clone(),
        leaf => winner.path.field(leaf),
    };
    let policy = winner.policy.clone();
    Some((BackendSide { policy, path }, value))
}

fn unusable(row: Row, traffic: &TrafficPolicy, backend: &Backend) -> Option<String> {
    let client = traffic.spec.use_client_protocol.as_ref();
    let http2 = backend.protocol == ProtocolClass::Http2;
    let may_be_http2 = http2 || client.is_some_and(|it| it.value);
    let key = &backend.key;
    match row {
        Row::InitialStreamWindowSize
        | Row::InitialConnectionWindowSize
        | Row::MaxConcurrentStreams
        | Row::OnInvalidMessage
        | Row::ConnectionKeepalive
            if !may_be_http2 =>
        {
            Some(format!(
                "{key} speaks HTTP/1.1; http2 needs appProtocol kubernetes.io/h2c, or http2 or grpc \
                 as appProtocol or port name"
            ))
        }
        Row::ActiveHealthCheck if !http2 && asks_by_grpc(traffic) => Some(format!(
            "{key} speaks HTTP/1.1; a gRPC health check needs HTTP/2"
        )),
        Row::RoutingType if asks_for_service(traffic) && backend.source.cluster_ip().is_none() => {
            Some(format!(
                "{key} has no clusterIP: requests go to its endpoints"
            ))
        }
        Row::ZoneAware => balanced_by_its_own(traffic, backend),
        Row::DnsRefreshRate | Row::RespectDnsTtl | Row::LookupFamily
            if !backend.source.resolves_names() =>
        {
            Some(format!("{key} is not found by DNS"))
        }
        _ => None,
    }
}

fn asks_for_service(traffic: &TrafficPolicy) -> bool {
    let routing = traffic.spec.routing_type.as_ref();
    routing.is_some_and(|it| it.value == RoutingType::Service)
}

/// Load reports of endpoints are not read.
fn asks_for_load_reports(traffic: &TrafficPolicy) -> bool {
    let balancer = traffic.spec.load_balancer.as_ref();
    let algorithm = balancer.map(|it| &it.value.algorithm);
    matches!(
        algorithm,
        Some(LoadBalancerAlgorithm::BackendUtilization(_))
    )
}

/// Zones are a part of the choice of a balancer.
fn balanced_by_its_own(traffic: &TrafficPolicy, backend: &Backend) -> Option<String> {
    let balancer = weigh_one(Row::LoadBalancer, traffic, backend, Carried::Http)?;
    let key = &backend.key;
    (!balancer.is_in_force()).then(|| format!("loadBalancer is not in force for {key}"))
}

fn asks_by_grpc(traffic: &TrafficPolicy) -> bool {
    let health = traffic.spec.health_check.as_ref();
    let active = health.and_then(|it| it.value.active.as_ref());
    active.is_some_and(|it| matches!(it.value.checker, HealthChecker::Grpc { .. }))
}
