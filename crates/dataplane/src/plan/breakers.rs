// SPDX-License-Identifier: Apache-2.0
//! `circuit_breakers` of a cluster.
//!
//! In: the message. Out: the limits of both priorities with Envoy's defaults filled in.

use sluicegate_xds::pb::envoy::config::{
    cluster::v3::{CircuitBreakers, circuit_breakers},
    core::v3::RoutingPriority,
};

use super::value::number;

/// Circuit breaker limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// `max_connections`.
    pub(crate) connections: u32,
    /// `max_connections` of `per_host_thresholds`, if set.
    pub(crate) connections_per_host: Option<u32>,
    /// `max_pending_requests`.
    pub(crate) pending: u32,
    /// `max_requests`.
    pub(crate) requests: u32,
    /// `max_retries`.
    pub(crate) retries: u32,
    /// `retry_budget`, which then takes the place of `max_retries`.
    pub(crate) retry_budget: Option<RetryBudget>,
    /// `max_connection_pools`, if set.
    pub(crate) pools: Option<u32>,
    /// `track_remaining`.
    pub(crate) track_remaining: bool,
}

/// `retry_budget`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RetryBudget {
    /// Retries per hundred requests that are running or waiting.
    pub(crate) percent: f64,
    /// Retries that are always allowed.
    pub(crate) min_concurrency: u32,
}

/// The limits: default, high.
pub(super) fn compile(breakers: Option<&CircuitBreakers>) -> [Thresholds; 2] {
    [RoutingPriority::Default, RoutingPriority::High].map(|priority| {
        // Of two entries for one priority the first counts.
        let of = |list: fn(&CircuitBreakers) -> &Vec<circuit_breakers::Thresholds>| {
            let mut sets = breakers.into_iter().flat_map(list);
            sets.find(|set| set.priority == priority as i32)
        };
        let set = of(|breakers| &breakers.thresholds)
            .cloned()
            .unwrap_or_default();
        let per_host = of(|breakers| &breakers.per_host_thresholds);
        let limit = |value: Option<_>, default| number(value.as_ref()).unwrap_or(default);
        Thresholds {
            connections: limit(set.max_connections, 1024),
            connections_per_host: per_host.and_then(|set| number(set.max_connections.as_ref())),
            pending: limit(set.max_pending_requests, 1024),
            requests: limit(set.max_requests, 1024),
            retries: limit(set.max_retries, 3),
            retry_budget: set.retry_budget.as_ref().map(|budget| RetryBudget {
                percent: budget.budget_percent.map_or(20.0, |percent| percent.value),
                min_concurrency: limit(budget.min_retry_concurrency, 3),
            }),
            pools: number(set.max_connection_pools.as_ref()),
            track_remaining: set.track_remaining,
        }
    })
}

/// Whether the interval of a retry budget is set, which is not enforced.
pub(super) fn has_budget_interval(breakers: Option<&CircuitBreakers>) -> bool {
    let sets = breakers.into_iter().flat_map(|all| &all.thresholds);
    let mut budgets = sets.filter_map(|set| set.retry_budget.as_ref());
    budgets.any(|budget| {
        let interval = budget.budget_interval.as_ref();
        interval.is_some_and(|interval| !super::value::duration(interval).is_zero())
    })
}

impl RetryBudget {
    /// How many retries may run at once while this many requests run or wait.
    pub(crate) fn limit(&self, active: u32) -> u32 {
        let share = self.percent / 100.0 * f64::from(active);
        self.min_concurrency.max(share as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_share_with_a_floor() {
        let budget = RetryBudget {
            percent: 25.0,
            min_concurrency: 3,
        };
        for (active, limit) in [(0, 3), (12, 3), (16, 4), (19, 4), (100, 25)] {
            assert_eq!(budget.limit(active), limit, "{active}");
        }
    }
}
