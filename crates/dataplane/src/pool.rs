// SPDX-License-Identifier: Apache-2.0
//! Connections to one host, on one worker.
//!
//! In: requests that need a connection; connections that finished a request. Out: the most recently
//! used idle connection, a new one within the circuit breakers' limits, or a place in the queue.

mod http2;
mod lane;
mod lease;
mod preconnect;
mod upstream;
mod wait;

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    rc::Rc,
};

use tokio::time::Instant;

pub(crate) use lane::{Lane, Protocol};
pub(crate) use lease::{Closed, Lease, RequestLease, RetryLease};
pub(crate) use upstream::Upstream;
pub(crate) use wait::Ticket;

use crate::{
    cluster::{Host, Resource},
    connect::{Connected, Peer, connect},
    failure::Failure,
    plan::{ClusterConfig, Priority},
    worker,
};

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
    /// By what the connections were made for.
    tallies: RefCell<HashMap<Lane, Tally>>,
}

/// Numbers of connections.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    /// Being made.
    connecting: u32,
    /// All there are, with those being made.
    count: u32,
    /// Whose budget of pools this one counts against.
    priority: Priority,
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
    /// The most recently used idle connection of a lane.
    fn take_idle(&self, lane: &Lane) -> Option<Box<Upstream>> {
        let mut idle = self.idle.borrow_mut();
        if idle.last()?.fits(lane) {
            return idle.pop();
        }
        let at = idle.iter().rposition(|one| one.fits(lane))?;
        Some(idle.remove(at))
    }

    fn tally(&self, lane: &Lane) -> Tally {
        let tallies = self.tallies.borrow();
        tallies.get(lane).copied().unwrap_or_default()
    }

    /// Returns the tally after the change; without a connection it is forgotten.
    fn change_tally(&self, lane: &Lane, change: impl FnOnce(&mut Tally)) -> Tally {
        let mut tallies = self.tallies.borrow_mut();
        let tally = tallies.entry(lane.clone()).or_default();
        change(tally);
        let changed = *tally;
        if changed.count == 0 {
            tallies.remove(lane);
        }
        changed
    }

    /// The lane of somebody for whom no connection is being made, apart from `refused`.
    fn starving(&self, config: &ClusterConfig, refused: &[Lane]) -> Option<Lane> {
        let mut waiting: HashMap<&Lane, u32> = HashMap::new();
        let queue = self.queue.borrow();
        let mut tickets = queue.iter().filter(|ticket| ticket.waits());
        tickets.find_map(|ticket| {
            let lane = ticket.lane();
            let count = waiting.entry(lane).or_default();
            *count += 1;
            let each = http2::streams(config, lane.protocol);
            let coming = self.tally(lane).connecting.saturating_mul(each);
            let starves = *count > coming && !refused.contains(lane);
            starves.then(|| lane.clone())
        })
    }

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
pub(crate) fn checkout(
    host: &Rc<Host>,
    priority: Priority,
    lane: &Lane,
) -> Result<Checkout, Failure> {
    while let Some(mut upstream) = host.pool.take_idle(lane) {
        if upstream.stream.quiet() {
            preconnect::preconnect(host, priority, lane);
            return Ok(Checkout::Ready(upstream));
        }
        upstream.close(Closed::Remote);
    }
    if matches!(lane.protocol, Protocol::Http2 | Protocol::Negotiated)
        && let Some(place) = http2::place(host, lane)
    {
        preconnect::preconnect(host, priority, lane);
        return Ok(Checkout::Ready(Box::new(Upstream::shared(place))));
    }
    let stats = &host.cluster_stats;
    let fresh = lane.protocol.is_limited_pool() && host.pool.tally(lane).count == 0;
    if fresh && !host.shared.budgets(priority).fits(Resource::Pools) {
        stats.upstream_cx_pool_overflow.inc();
        return Err(Failure::NoHealthyUpstream);
    }
    let Some(ticket) = Ticket::new(host, priority, lane) else {
        stats.upstream_rq_pending_overflow.inc();
        return Err(Failure::Overflow);
    };
    host.pool.queue.borrow_mut().push_back(ticket.clone());
    grow(host, priority);
    preconnect::preconnect(host, priority, lane);
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
        let mut queue = host.pool.queue.borrow_mut();
        let fits = |ticket: &Ticket| upstream.fits(ticket.lane());
        let ticket = queue.iter().position(fits).and_then(|at| queue.remove(at));
        drop(queue);
        let Some(ticket) = ticket else {
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
    if worker::has_ended() {
        return;
    }
    let pool = &host.pool;
    let mut refused = Vec::new();
    while let Some(lane) = pool.starving(&host.config, &refused) {
        if !try_start(host, priority, &lane) {
            refused.push(lane);
        }
    }
}

/// Starts a connection, if the breaker allows it.
fn try_start(host: &Rc<Host>, priority: Priority, lane: &Lane) -> bool {
    let budgets = host.shared.budgets(priority);
    let room = budgets
        .connections_per_host()
        .is_none_or(|limit| host.shared.connections_of(host.address) < i64::from(limit));
    if room && budgets.try_take(Resource::Connections) {
        // It fits.
    } else if host.pool.tally(lane).count == 0 {
        budgets.take(Resource::Connections);
    } else {
        host.cluster_stats.upstream_cx_overflow.inc();
        return false;
    }
    start(host, priority, lane.clone());
    true
}

fn start(host: &Rc<Host>, priority: Priority, lane: Lane) {
    let lease = Lease::new(host, priority, &lane);
    host.pool.change_tally(&lane, |tally| tally.connecting += 1);
    let host = host.clone();
    tokio::task::spawn_local(async move {
        let begun = Instant::now();
        let endpoint = host.endpoint.borrow().clone();
        let peer = Peer {
            address: host.address,
            more_addresses: &endpoint.more_addresses,
            config: &host.config,
            tls: host.config.tls.as_ref(),
            ssl_stats: host.ssl_stats.as_deref(),
        };
        let connected = connect(peer, &lane).await;
        let pool = &host.pool;
        pool.change_tally(&lane, |tally| tally.connecting -= 1);
        let stats = &host.cluster_stats;
        match connected {
            Ok(Connected { stream, preface }) => {
                let now = Instant::now();
                let took = now.duration_since(begun).as_millis();
                stats
                    .upstream_cx_connect_ms
                    .record(u64::try_from(took).unwrap_or(u64::MAX));
                let http2 = match lane.protocol {
                    Protocol::Http1 | Protocol::Tcp => false,
                    Protocol::Http2 => true,
                    Protocol::Negotiated => {
                        let http2 = stream.negotiated_http2();
                        if http2 {
                            stats.upstream_cx_http2_total.inc();
                        } else {
                            stats.upstream_cx_http1_total.inc();
                        }
                        http2
                    }
                };
                match host.config.http2.as_ref().filter(|_| http2) {
                    Some(options) => {
                        let connected = Connected { stream, preface };
                        http2::begin(&host, connected, lease, options).await;
                    }
                    None => {
                        let mut upstream = Upstream::new(stream, lease, now);
                        upstream.preface = preface;
                        deliver(&host, Box::new(upstream));
                    }
                }
            }
            Err(failure) => {
                stats.upstream_cx_connect_fail.inc();
                host.stats.cx_connect_fail.inc();
                if failure == Failure::ConnectTimeout {
                    stats.upstream_cx_connect_timeout.inc();
                }
                // Before the lease: giving it up may start another connection.
                let queue = std::mem::take(&mut *pool.queue.borrow_mut());
                let (failed, others): (VecDeque<_>, VecDeque<_>) =
                    queue.into_iter().partition(|ticket| *ticket.lane() == lane);
                *pool.queue.borrow_mut() = others;
                for ticket in failed {
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
