// SPDX-License-Identifier: Apache-2.0
//! Circuit breakers of a cluster as a BackendTrafficPolicy wants them.
//!
//! In: `circuitBreaker`, `connection.connectionLimit`. Out: thresholds of the default priority.

use sluicegate_attach::Row;
use sluicegate_xds::pb::{
    envoy::{
        config::cluster::v3::{
            CircuitBreakers, Cluster,
            circuit_breakers::{Thresholds, thresholds::RetryBudget},
        },
        r#type::v3::Percent,
    },
    google::protobuf::UInt32Value,
};

use super::Context;
use crate::pb;

/// Envoy Gateway's; Envoy's own is 3, which is less than a busy route needs.
const MAX_RETRIES: u32 = 1024;
/// Envoy Gateway's.
const PER_ENDPOINT_MAX_CONNECTIONS: u32 = 1024;

const ROWS: [Row; 7] = [
    Row::ConnectionLimit,
    Row::MaxConnections,
    Row::MaxPendingRequests,
    Row::MaxParallelRequests,
    Row::MaxParallelRetries,
    Row::MaxConnectionPools,
    Row::RetryBudget,
];

pub(super) fn circuit_breakers(cluster: &mut Cluster, context: &Context<'_>) {
    if ROWS.into_iter().any(|row| context.holds(row)) {
        set(thresholds(cluster), context);
    }
    per_host_thresholds(cluster, context);
}

fn set(thresholds: &mut Thresholds, context: &Context<'_>) {
    let spec = &context.policy.spec;
    let connection = spec.connection.as_ref();
    let limit = connection.and_then(|it| Some(it.value.connection_limit?.value));
    let limit = context.held(Row::ConnectionLimit, limit);
    let Some(breaker) = spec.circuit_breaker.as_ref().map(|it| &it.value) else {
        replace(&mut thresholds.max_connections, limit);
        return;
    };
    let held = |row, value| context.held(row, value);
    let connections = held(Row::MaxConnections, breaker.max_connections);
    let connections = connections.into_iter().chain(limit).min();
    let requests = breaker.max_parallel_requests.as_ref().map(|it| it.value);
    let retries = breaker.max_parallel_retries.as_ref().map(|it| it.value);
    let pending = held(Row::MaxPendingRequests, breaker.max_pending_requests);
    let pools = held(Row::MaxConnectionPools, breaker.max_connection_pools);
    replace(&mut thresholds.max_connections, connections);
    replace(&mut thresholds.max_pending_requests, pending);
    replace(
        &mut thresholds.max_requests,
        held(Row::MaxParallelRequests, requests),
    );
    replace(
        &mut thresholds.max_retries,
        held(Row::MaxParallelRetries, retries),
    );
    replace(&mut thresholds.max_connection_pools, pools);
    if thresholds.max_retries.is_none() {
        thresholds.max_retries = pb::u32(MAX_RETRIES);
    }
    let budget = breaker.retry_budget;
    if let Some(budget) = budget.filter(|_| context.holds(Row::RetryBudget)) {
        thresholds.retry_budget = Some(RetryBudget {
            budget_percent: Some(Percent {
                value: budget.percent,
            }),
            min_retry_concurrency: budget.min_retry_concurrency.and_then(pb::u32),
            ..RetryBudget::default()
        });
    }
}

/// A limit that nobody writes stays what it is.
fn replace(field: &mut Option<UInt32Value>, value: Option<u32>) {
    if let Some(value) = value {
        *field = pb::u32(value);
    }
}

fn per_host_thresholds(cluster: &mut Cluster, context: &Context<'_>) {
    let breaker = context.policy.spec.circuit_breaker.as_ref();
    let limit = breaker.and_then(|it| it.value.per_endpoint_max_connections);
    if let Some(limit) = limit.filter(|_| context.holds(Row::PerEndpointMaxConnections)) {
        let limit = limit.unwrap_or(PER_ENDPOINT_MAX_CONNECTIONS);
        breakers(cluster).per_host_thresholds = vec![Thresholds {
            max_connections: pb::u32(limit),
            ..Thresholds::default()
        }];
    }
}

fn breakers(cluster: &mut Cluster) -> &mut CircuitBreakers {
    cluster.circuit_breakers.get_or_insert_default()
}

fn thresholds(cluster: &mut Cluster) -> &mut Thresholds {
    let all = &mut breakers(cluster).thresholds;
    if all.is_empty() {
        all.push(Thresholds::default());
    }
    &mut all[0]
}
