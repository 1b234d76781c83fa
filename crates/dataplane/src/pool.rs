// SPDX-License-Identifier: Apache-2.0
//! Connections to one host, on one worker.
//!
//! In: requests that need a connection; connections that finished a request. Out: the most recently
//! used idle connection, a new one within the circuit breakers' limits, or a place in the queue.

mod http2;
mod lease;
mod upstream;
mod wait;

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use tokio::time::Instant;

pub(crate) use lease::{Closed, Lease, RequestLease};
pub(crate) use upstream::Upstream;
pub(crate) use wait::Ticket;

use crate::{cluster::Host, connect::connect, failure::Failure, plan::Priority};

/// The pool of one host.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "requests hold the box; moving it costs a pointer"
    )]
    idle: RefCell<Vec<Box<Upstream>>>,
    /// Connections of HTTP/2.
    shared: RefCell<Vec<Rc<http2::Shared>>>,
    queue: RefCell<VecDeque<Ticket>>,
    /// Connections being made.
    connecting: std::cell::Cell<u32>,
    /// Connections there are, with those being made.
    count: std::cell::Cell<u32>,
}

/// What asking for a connection came to.
#[derive(Debug)]
pub(crate) enum Checkout {
    /// A connection.
    Ready(Box<Upstream>),
    /// A place in the queue.
    Wait(Ticket),
}

impl Pool {
    /// Gives up all idle connections.
    pub(crate) fn close_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        idle.into_iter()
            .for_each(|upstream| upstream.close(Closed::Local));
        self.shared
            .borrow()
            .iter()
            .for_each(|shared| shared.retire());
    }

    /// Closes idle connections that the peer closed or that reached a limit. Returns when the next
    /// one will reach its limit; `None` when there are none left.
    pub(crate) fn sweep(&self, host: &Host, now: Instant) -> Option<Instant> {
        let config = &host.config;
        let mut next = None;
        let mut closed = Vec::new();
        self.idle.borrow_mut().retain_mut(|upstream| {
            let idle_until = config.idle_timeout.map(|limit| upstream.idle_since + limit);
            let old_at = config
                .max_connection_duration
                .map(|limit| upstream.opened + limit);
            let stats = &host.cluster_stats;
            let gone = if !upstream.stream.quiet() {
                Some(Closed::Remote)
            } else if idle_until.is_some_and(|at| at <= now) {
                stats.upstream_cx_idle_timeout.inc();
                Some(Closed::Local)
            } else if old_at.is_some_and(|at| at <= now) {
                stats.upstream_cx_max_duration_reached.inc();
                Some(Closed::Local)
            } else {
                None
            };
            if let Some(by) = gone {
                closed.push((upstream.take_lease(), by));
                return false;
            }
            let far = now + FAR;
            let limit = idle_until.unwrap_or(far).min(old_at.unwrap_or(far));
            next = Some(next.map_or(limit, |next: Instant| next.min(limit)));
            true
        });
        for (lease, by) in closed {
            if let Some(lease) = lease {
                lease.close(by);
            }
        }
        next
    }
}

/// Asks for a connection to `host`.
pub(crate) fn checkout(host: &Rc<Host>, priority: Priority) -> Result<Checkout, Failure> {
    loop {
        let idle = host.pool.idle.borrow_mut().pop();
        match idle {
            Some(mut upstream) => {
                if upstream.stream.quiet() {
                    return Ok(Checkout::Ready(upstream));
                }
                upstream.close(Closed::Remote);
            }
            None => break,
        }
    }
    if host.config.http2.is_some()
        && let Some(place) = http2::place(host)
    {
        return Ok(Checkout::Ready(Box::new(Upstream::shared(place))));
    }
    let stats = &host.cluster_stats;
    let Some(ticket) = Ticket::new(host, priority) else {
        stats.upstream_rq_pending_overflow.inc();
        return Err(Failure::Overflow);
    };
    host.pool.queue.borrow_mut().push_back(ticket.clone());
    grow(host, priority);
    Ok(Checkout::Wait(ticket))
}

/// Takes a connection back after a request.
pub(crate) fn give_back(mut upstream: Box<Upstream>, now: Instant) {
    if upstream.is_shared() {
        // Its place is free as it goes.
        return;
    }
    let Some(host) = upstream.host() else {
        return;
    };
    let config = &host.config;
    let stats = &host.cluster_stats;
    let limit = config.max_requests_per_connection;
    let worn = limit > 0 && upstream.requests >= limit;
    let old = config
        .max_connection_duration
        .is_some_and(|limit| upstream.opened + limit <= now);
    if worn {
        stats.upstream_cx_max_requests.inc();
    } else if old {
        stats.upstream_cx_max_duration_reached.inc();
    }
    if worn || old || host.removed.get() {
        upstream.close(Closed::Local);
        return;
    }
    upstream.idle_since = now;
    deliver(&host, upstream);
}

/// Hands a free connection to the first that waits, or keeps it.
fn deliver(host: &Rc<Host>, mut upstream: Box<Upstream>) {
    if upstream.is_shared() {
        return;
    }
    loop {
        let Some(ticket) = host.pool.queue.borrow_mut().pop_front() else {
            break;
        };
        match ticket.hand_over(upstream) {
            Ok(()) => return,
            Err(back) => upstream = back,
        }
    }
    if host.removed.get() {
        upstream.close(Closed::Local);
    } else {
        host.pool.idle.borrow_mut().push(upstream);
    }
}

/// Starts connections for those that wait, as far as the breaker allows. A pool may always have
/// one.
fn grow(host: &Rc<Host>, priority: Priority) {
    let pool = &host.pool;
    let waiting = || {
        let queue = pool.queue.borrow();
        queue.iter().filter(|ticket| ticket.waits()).count()
    };
    let each = http2::streams(&host.config) as usize;
    while waiting() > each.saturating_mul(pool.connecting.get() as usize) {
        let budgets = host.shared.budgets(priority);
        if budgets.connections.try_take() {
            budgets.stats.cx_open.set(budgets.connections.open());
        } else if pool.count.get() == 0 {
            budgets.connections.take();
        } else {
            host.cluster_stats.upstream_cx_overflow.inc();
            budgets.stats.cx_open.set(budgets.connections.open());
            return;
        }
        start(host, priority);
    }
}

fn start(host: &Rc<Host>, priority: Priority) {
    let lease = Lease::new(host, priority);
    host.pool.connecting.set(host.pool.connecting.get() + 1);
    let host = host.clone();
    tokio::task::spawn_local(async move {
        let begun = Instant::now();
        let connected = connect(&host).await;
        let pool = &host.pool;
        pool.connecting.set(pool.connecting.get() - 1);
        let stats = &host.cluster_stats;
        match connected {
            Ok(stream) => {
                let now = Instant::now();
                let took = now.duration_since(begun).as_millis();
                stats
                    .upstream_cx_connect_ms
                    .record(u64::try_from(took).unwrap_or(u64::MAX));
                match &host.config.http2 {
                    Some(options) => http2::begin(&host, stream, lease, options).await,
                    None => deliver(&host, Box::new(Upstream::new(stream, lease, now))),
                }
            }
            Err(failure) => {
                stats.upstream_cx_connect_fail.inc();
                host.stats.cx_connect_fail.inc();
                if failure == Failure::ConnectTimeout {
                    stats.upstream_cx_connect_timeout.inc();
                }
                // Before the lease: giving it up may start another connection.
                let waiting = std::mem::take(&mut *pool.queue.borrow_mut());
                for ticket in waiting {
                    if ticket.fail(failure) {
                        stats.upstream_rq_pending_failure_eject.inc();
                    }
                }
                drop(lease);
            }
        }
    });
}

/// Stands for "no limit" when looking for the closest one.
const FAR: std::time::Duration = std::time::Duration::from_secs(86_400);
