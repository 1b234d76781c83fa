// SPDX-License-Identifier: Apache-2.0
//! What a connection and a request hold while they last: a share of the breakers' budgets and their
//! places in the gauges. Given back when dropped, however that happens.

use std::{rc::Rc, sync::Arc};

use super::{Lane, Protocol, grow};
use crate::{
    cluster::{ClusterShared, Host, Resource},
    plan::Priority,
};

/// Held by a connection.
#[derive(Debug)]
pub(crate) struct Lease {
    host: Rc<Host>,
    priority: Priority,
    lane: Lane,
}

/// Who closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// We did.
    Local,
    /// We did, in the middle of a request.
    LocalBusy,
    /// The upstream did.
    Remote,
    /// The upstream did, in the middle of a request.
    RemoteBusy,
}

impl Lease {
    /// For a connection that is about to be made; its budget is taken already.
    pub(super) fn new(host: &Rc<Host>, priority: Priority, lane: &Lane) -> Self {
        let fresh = host.pool.tally(lane).count == 0;
        host.pool.change_tally(lane, |tally| {
            tally.count += 1;
            if fresh {
                tally.priority = priority;
            }
        });
        if fresh && lane.protocol.is_limited_pool() {
            host.shared.budgets(priority).take(Resource::Pools);
        }
        let stats = &host.cluster_stats;
        stats.upstream_cx_total.inc();
        match lane.protocol {
            Protocol::Http1 => stats.upstream_cx_http1_total.inc(),
            Protocol::Http2 => stats.upstream_cx_http2_total.inc(),
            // Counted once it is known; no HTTP.
            Protocol::Negotiated | Protocol::Tcp => {}
        }
        stats.upstream_cx_active.add(1);
        host.stats.cx_total.inc();
        host.stats.cx_active.add(1);
        Self {
            host: host.clone(),
            priority,
            lane: lane.clone(),
        }
    }

    /// What the connection was made for.
    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The host.
    pub(super) fn host(&self) -> &Rc<Host> {
        &self.host
    }

    /// Counts the end of an established connection.
    pub(super) fn close(self, by: Closed) {
        let stats = &self.host.cluster_stats;
        stats.upstream_cx_destroy.inc();
        let remote = matches!(by, Closed::Remote | Closed::RemoteBusy);
        if remote {
            stats.upstream_cx_destroy_remote.inc();
        } else {
            stats.upstream_cx_destroy_local.inc();
        }
        if matches!(by, Closed::LocalBusy | Closed::RemoteBusy) {
            stats.upstream_cx_destroy_with_active_rq.inc();
            if remote {
                stats.upstream_cx_destroy_remote_with_active_rq.inc();
            } else {
                stats.upstream_cx_destroy_local_with_active_rq.inc();
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let host = &self.host;
        let tally = host.pool.change_tally(&self.lane, |tally| tally.count -= 1);
        if tally.count == 0 && self.lane.protocol.is_limited_pool() {
            host.shared.budgets(tally.priority).give(Resource::Pools);
        }
        host.cluster_stats.upstream_cx_active.add(-1);
        host.stats.cx_active.add(-1);
        let budgets = host.shared.budgets(self.priority);
        budgets.give(Resource::Connections);
        grow(host, self.priority);
    }
}

/// Held by a request, or the bytes of a client, while it is on a connection.
#[derive(Debug)]
pub(crate) struct RequestLease {
    host: Rc<Host>,
    priority: Priority,
}

impl RequestLease {
    /// Takes a place; `None` when `max_requests` is reached.
    pub(crate) fn new(host: &Rc<Host>, priority: Priority) -> Option<Self> {
        let budgets = host.shared.budgets(priority);
        if !budgets.try_take(Resource::Requests) {
            host.cluster_stats.upstream_rq_active_overflow.inc();
            return None;
        }
        Some(Self::taken(host, priority))
    }

    /// Takes a place for the bytes of a client, which count and are not limited.
    pub(crate) fn for_bytes(host: &Rc<Host>, priority: Priority) -> Self {
        host.shared.budgets(priority).take(Resource::Requests);
        Self::taken(host, priority)
    }

    fn taken(host: &Rc<Host>, priority: Priority) -> Self {
        host.cluster_stats.upstream_rq_total.inc();
        host.cluster_stats.upstream_rq_active.add(1);
        host.stats.rq_total.inc();
        host.stats.rq_active.add(1);
        if host.config.balancing.counts_requests() {
            host.health.begin_request();
        }
        Self {
            host: host.clone(),
            priority,
        }
    }
}

impl Drop for RequestLease {
    fn drop(&mut self) {
        let budgets = self.host.shared.budgets(self.priority);
        budgets.give(Resource::Requests);
        self.host.cluster_stats.upstream_rq_active.add(-1);
        self.host.stats.rq_active.add(-1);
        if self.host.config.balancing.counts_requests() {
            self.host.health.end_request();
        }
    }
}

/// Held by a retry from the decision until what became of it is known.
#[derive(Debug)]
pub(crate) struct RetryLease {
    shared: Arc<ClusterShared>,
    priority: Priority,
}

impl RetryLease {
    /// Takes a place; `None` when `max_retries` or the retry budget is reached.
    pub(crate) fn new(shared: &Arc<ClusterShared>, priority: Priority) -> Option<Self> {
        let fits = shared.budgets(priority).try_take(Resource::Retries);
        fits.then(|| Self {
            shared: shared.clone(),
            priority,
        })
    }
}

impl Drop for RetryLease {
    fn drop(&mut self) {
        self.shared.budgets(self.priority).give(Resource::Retries);
    }
}
