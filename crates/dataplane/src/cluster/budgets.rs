// SPDX-License-Identifier: Apache-2.0
//! Circuit breaker budgets of one cluster and priority, shared by all workers.
//!
//! In: things that come and go. Out: whether another one fits, and gauges. Costs an atomic addition
//! each way; a gauge is written when it changes.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use sluicegate_stats::Gauge;

use crate::{
    plan::Thresholds,
    stats::{BreakerStats, RemainingStats},
};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    /// Connections.
    Connections,
    /// Requests that wait for a connection.
    Pending,
    /// Pools that hold a connection.
    Pools,
    /// Requests on a connection.
    Requests,
    /// Retries that wait or run.
    Retries,
}

/// The budgets of one priority.
#[derive(Debug)]
pub(crate) struct Budgets {
    limits: Thresholds,
    used: [AtomicU32; 5],
    /// Whether limits are reached.
    pub(super) stats: Arc<BreakerStats>,
    /// What is left, with `track_remaining`.
    pub(super) remaining: Option<Arc<RemainingStats>>,
}

impl Budgets {
    /// Nothing is used yet.
    pub(super) fn new(limits: Thresholds) -> Self {
        let budgets = Self {
            limits,
            used: Default::default(),
            stats: Arc::default(),
            remaining: limits.track_remaining.then(Arc::default),
        };
        for resource in ALL {
            if let Some(gauge) = budgets.remaining_gauge(resource) {
                gauge.set(budgets.limit(resource));
            }
        }
        budgets
    }

    /// Takes one, unless the limit is reached.
    pub(crate) fn try_take(&self, resource: Resource) -> bool {
        let limit = match (resource, self.limits.retry_budget) {
            (Resource::Retries, Some(budget)) => {
                let active = self.count(Resource::Requests) + self.count(Resource::Pending);
                i64::from(budget.limit(active))
            }
            _ => self.limit(resource),
        };
        let before = self.used(resource).fetch_add(1, Relaxed);
        let fits = i64::from(before) < limit;
        if !fits {
            self.used(resource).fetch_sub(1, Relaxed);
        }
        self.show(resource);
        fits
    }

    /// Takes one even beyond the limit.
    pub(crate) fn take(&self, resource: Resource) {
        self.used(resource).fetch_add(1, Relaxed);
        self.show(resource);
    }

    /// Gives one back.
    pub(crate) fn give(&self, resource: Resource) {
        self.used(resource).fetch_sub(1, Relaxed);
        self.show(resource);
    }

    /// Whether another one fits.
    pub(crate) fn fits(&self, resource: Resource) -> bool {
        i64::from(self.count(resource)) < self.limit(resource)
    }

    /// `max_connections` of each host, if set.
    pub(crate) fn connections_per_host(&self) -> Option<u32> {
        self.limits.connections_per_host
    }

    fn count(&self, resource: Resource) -> u32 {
        self.used(resource).load(Relaxed)
    }

    fn used(&self, resource: Resource) -> &AtomicU32 {
        &self.used[resource as usize]
    }

    fn limit(&self, resource: Resource) -> i64 {
        i64::from(match resource {
            Resource::Connections => self.limits.connections,
            Resource::Pending => self.limits.pending,
            Resource::Pools => self.limits.pools.unwrap_or(u32::MAX),
            Resource::Requests => self.limits.requests,
            Resource::Retries => self.limits.retries,
        })
    }

    fn show(&self, resource: Resource) {
        let left = self.limit(resource) - i64::from(self.count(resource));
        let open = i64::from(left <= 0);
        let gauge = self.open_gauge(resource);
        // All workers look at this cell with every request: it is written when it changes.
        if gauge.get() != open {
            gauge.set(open);
        }
        if let Some(gauge) = self.remaining_gauge(resource) {
            // As in Envoy, a budget for retries leaves nothing to be seen.
            let hidden = resource == Resource::Retries && self.limits.retry_budget.is_some();
            gauge.set(if hidden { 0 } else { left.max(0) });
        }
    }

    fn open_gauge(&self, resource: Resource) -> &Gauge {
        match resource {
            Resource::Connections => &self.stats.cx_open,
            Resource::Pending => &self.stats.rq_pending_open,
            Resource::Pools => &self.stats.cx_pool_open,
            Resource::Requests => &self.stats.rq_open,
            Resource::Retries => &self.stats.rq_retry_open,
        }
    }

    fn remaining_gauge(&self, resource: Resource) -> Option<&Gauge> {
        let remaining = self.remaining.as_deref()?;
        Some(match resource {
            Resource::Connections => &remaining.remaining_cx,
            Resource::Pending => &remaining.remaining_pending,
            Resource::Pools => &remaining.remaining_cx_pools,
            Resource::Requests => &remaining.remaining_rq,
            Resource::Retries => &remaining.remaining_retries,
        })
    }
}

const ALL: [Resource; 5] = [
    Resource::Connections,
    Resource::Pending,
    Resource::Pools,
    Resource::Requests,
    Resource::Retries,
];
