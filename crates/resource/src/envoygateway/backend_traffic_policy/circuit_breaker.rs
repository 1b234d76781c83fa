// SPDX-License-Identifier: Apache-2.0
//! `circuitBreaker`.
//!
//! In: the block in either dialect. Out: the limits.

use super::reader;
use crate::{
    admission::{Block, Field},
    codes,
    value::Written,
};

/// Limits of the traffic to one backend, per gateway process. Every one is 0..4294967295 and counts
/// the unit that its name says. Upstream's API server writes 1024 into an unset maximum of a block
/// that is there; Envoy's default is 1024, too, but 3 for retries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CircuitBreaker {
    /// `maxConnections`. Absent: 1024 (Envoy default).
    pub max_connections: Option<u32>,
    /// `maxPendingRequests`. Absent: 1024 (Envoy default). Zero refuses every request that needs a
    /// new connection.
    pub max_pending_requests: Option<u32>,
    /// `maxParallelRequests`, or the seed's `maxRequests`. Absent: 1024 (Envoy default).
    pub max_parallel_requests: Option<Written<u32>>,
    /// `maxParallelRetries`, or the seed's `maxRetries`. Absent: 1024 (Envoy Gateway default).
    pub max_parallel_retries: Option<Written<u32>>,
    /// `maxConnectionPools`, in the seed only. Absent: unlimited (Envoy default).
    pub max_connection_pools: Option<u32>,
    /// `maxRequestsPerConnection`. Absent or zero: unlimited.
    pub max_requests_per_connection: Option<u32>,
    /// `perEndpoint`; `Some(None)` where the block is there without `maxConnections`, which means
    /// 1024 (Envoy Gateway default). Absent: no limit per endpoint.
    pub per_endpoint_max_connections: Option<Option<u32>>,
    /// `retryBudget`: takes the place of `max_parallel_retries`.
    pub retry_budget: Option<RetryBudget>,
}

/// Retries as a share of what is going on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudget {
    /// `percent` of active and pending requests, 0..100.
    pub percent: f64,
    /// `minRetryConcurrency`: so many are allowed whatever the share. Absent: 3 (Envoy default).
    pub min_retry_concurrency: Option<u32>,
}

impl CircuitBreaker {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let pending = block.optional("maxPendingRequests");
        let max_pending_requests = pending.as_ref().and_then(limit);
        if let (Some(field), Some(0)) = (&pending, max_pending_requests) {
            field.warn(
                codes::DOUBTFUL_VALUE,
                "0 refuses every request that needs a new connection, the very first one included",
            );
        }
        let maximum = |name| block.u32(name, 0..=u32::MAX);
        Self {
            max_connections: maximum("maxConnections"),
            max_pending_requests,
            max_parallel_requests: block.spelled(&["maxParallelRequests", "maxRequests"], limit),
            max_parallel_retries: block.spelled(&["maxParallelRetries", "maxRetries"], limit),
            max_connection_pools: maximum("maxConnectionPools"),
            max_requests_per_connection: maximum("maxRequestsPerConnection"),
            per_endpoint_max_connections: block.object("perEndpoint", |block| {
                block.u32("maxConnections", 0..=u32::MAX)
            }),
            retry_budget: block.object("retryBudget", RetryBudget::decode).flatten(),
        }
    }
}

impl RetryBudget {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let percent = block.required("percent");
        let percent = percent.and_then(|field| reader::percentage(&field));
        let min_retry_concurrency = block.u32("minRetryConcurrency", 0..=u32::MAX);
        Some(Self {
            percent: percent?,
            min_retry_concurrency,
        })
    }
}

fn limit(field: &Field<'_>) -> Option<u32> {
    field.u32(0..=u32::MAX)
}
