// SPDX-License-Identifier: Apache-2.0
//! Connections of HTTP/2 to one host, each shared by many requests of a worker.
//!
//! In: a connected stream. Out: places on it, up to `max_concurrent_streams` and what the peer
//! allows; a task per connection moves its bytes and watches its limits.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use h2::client::{self, SendRequest};
use tokio::time::Instant;

use super::{Closed, Lane, Lease, Pool, Protocol, Upstream};
use crate::{
    cluster::Host,
    connect::Connected,
    failure::Failure,
    http2::{Call, Gather, Keepalive, Opened, Piece, Pings, request},
    io::Timer,
    plan::{ClusterConfig, Http2Options},
};

/// A shared connection.
pub(crate) struct Shared {
    host: Rc<Host>,
    lane: Lane,
    sender: SendRequest<Piece>,
    limit: u32,
    active: Cell<u32>,
    requests: Cell<u32>,
    /// No new requests are put on it.
    closing: Cell<bool>,
    /// It was idle for long: a PING shall show whether it still works.
    doubtful: Cell<bool>,
    idle_since: Cell<Instant>,
    waker: RefCell<Option<Waker>>,
}

/// One request's place on a connection.
#[derive(Debug)]
pub(super) struct Place(Rc<Shared>);

impl Place {
    /// The host it leads to.
    pub(super) fn host(&self) -> &Rc<Host> {
        &self.0.host
    }

    /// Sends a request's head.
    pub(super) fn open(&self, opened: &Opened<'_>) -> Result<Call, Failure> {
        let request = request(opened).ok_or(Failure::Protocol)?;
        let sent = self.0.sender.clone().send_request(request, opened.ends);
        match sent {
            Ok((response, send)) => Ok(Call::new(response, send, opened.ends)),
            Err(_) => {
                self.0.closing.set(true);
                Err(Failure::Terminated)
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let shared = &self.0;
        shared.active.set(shared.active.get() - 1);
        shared.host.cluster_stats.http2_streams_active.add(-1);
        if shared.active.get() == 0 {
            shared.idle_since.set(Instant::now());
        }
        shared.wake();
        serve_queue(&shared.host);
    }
}

impl Shared {
    fn has_room(&self) -> bool {
        let limit = self.sender.current_max_send_streams();
        !self.closing.get()
            && self.active.get() < self.limit
            && (self.active.get() as usize) < limit
    }

    /// Takes no more requests; ends with the last one that runs.
    pub(super) fn retire(&self) {
        self.closing.set(true);
        self.wake();
    }

    /// `connection_idle_interval`.
    fn doubt(&self) {
        let options = self.host.config.http2.as_ref();
        let limit = options.and_then(|options| options.keepalive?.idle_interval);
        if let Some(limit) = limit
            && self.active.get() == 0
            && self.requests.get() > 0
            && self.idle_since.get().elapsed() >= limit
        {
            self.doubtful.set(true);
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let active = self.active.get();
        f.debug_struct("Shared")
            .field("active", &active)
            .finish_non_exhaustive()
    }
}

/// How many requests one new connection will take.
pub(super) fn streams(config: &ClusterConfig, protocol: Protocol) -> u32 {
    // One that is not negotiated yet may turn out to be of HTTP/1.
    let http2 = protocol == Protocol::Http2;
    let Some(options) = config.http2.as_ref().filter(|_| http2) else {
        return 1;
    };
    match config.max_requests_per_connection {
        0 => options.max_concurrent_streams,
        requests => options.max_concurrent_streams.min(requests),
    }
}

/// What the connections of HTTP/2 of a lane have to do.
#[derive(Debug, Default)]
pub(super) struct SharedLoad {
    /// Connections.
    pub(super) count: u32,
    /// Requests on them.
    pub(super) active: u32,
    /// Requests that they would still take.
    pub(super) room: u32,
}

/// Counts them.
pub(super) fn shared_load(pool: &Pool, lane: &Lane) -> SharedLoad {
    let mut load = SharedLoad::default();
    let shared = pool.shared.borrow();
    for one in shared.iter().filter(|one| one.lane == *lane) {
        let active = one.active.get();
        load.count += 1;
        load.active = load.active.saturating_add(active);
        if !one.closing.get() {
            load.room = load.room.saturating_add(one.limit.saturating_sub(active));
        }
    }
    load
}

/// A place on a connection that has room.
pub(super) fn place(host: &Rc<Host>, lane: &Lane) -> Option<Place> {
    let shared = host
        .pool
        .shared
        .borrow()
        .iter()
        .find(|one| one.lane == *lane && one.has_room())?
        .clone();
    shared.doubt();
    shared.active.set(shared.active.get() + 1);
    shared.requests.set(shared.requests.get() + 1);
    host.cluster_stats.http2_streams_active.add(1);
    let limit = host.config.max_requests_per_connection;
    if limit > 0 && shared.requests.get() >= limit {
        host.cluster_stats.upstream_cx_max_requests.inc();
        shared.closing.set(true);
    }
    Some(Place(shared))
}

/// Gives places to those that wait, in order, while there is room.
pub(super) fn serve_queue(host: &Rc<Host>) {
    loop {
        let mut queue = host.pool.queue.borrow_mut();
        queue.retain(|ticket| ticket.waits());
        let mut full = None;
        let served = queue.iter().enumerate().find_map(|(at, ticket)| {
            let lane = ticket.lane();
            if full == Some(lane) {
                return None;
            }
            full = Some(lane);
            Some((at, place(host, lane)?))
        });
        let Some((at, place)) = served else {
            return;
        };
        let ticket = queue.remove(at);
        drop(queue);
        if let Some(ticket) = ticket {
            // It waits: nobody ran since it was asked.
            let _ = ticket.hand_over(Box::new(Upstream::shared(place)));
        }
    }
}

/// Begins to speak HTTP/2 on a new connection.
pub(super) async fn begin(
    host: &Rc<Host>,
    connected: Connected,
    lease: Lease,
    options: &Http2Options,
) {
    let io = Gather::new(connected.stream);
    io.put_first(connected.preface);
    let handshake = builder(&host.config, options).handshake(io.clone()).await;
    let Ok((sender, mut codec)) = handshake else {
        lease.close(Closed::Remote);
        return;
    };
    let now = Instant::now();
    let shared = Rc::new(Shared {
        host: host.clone(),
        lane: lease.lane().clone(),
        sender,
        limit: options.max_concurrent_streams,
        active: Cell::new(0),
        requests: Cell::new(0),
        closing: Cell::new(false),
        doubtful: Cell::new(false),
        idle_since: Cell::new(now),
        waker: RefCell::default(),
    });
    let driver = Driver {
        keepalive: Keepalive::new(options.keepalive, codec.ping_pong().map(Pings::Upstream)),
        sender: shared.sender.clone(),
        shared: shared.clone(),
        codec,
        io,
        timer: Timer::default(),
        opened: now,
    };
    host.pool.shared.borrow_mut().push(shared);
    tokio::task::spawn_local(driver.run(lease));
    serve_queue(host);
}

fn builder(config: &ClusterConfig, options: &Http2Options) -> client::Builder {
    let bytes = u32::try_from(config.max_response_headers).unwrap_or(u32::MAX);
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(options.stream_window)
        .initial_connection_window_size(options.connection_window)
        .max_concurrent_streams(options.max_concurrent_streams)
        .initial_max_send_streams(options.max_concurrent_streams as usize)
        .header_table_size(options.header_table)
        .max_header_list_size(bytes)
        .max_send_buffer_size(SEND_BUFFER);
    builder
}

/// The connection's task.
struct Driver {
    shared: Rc<Shared>,
    codec: client::Connection<Gather, Piece>,
    io: Gather,
    sender: SendRequest<Piece>,
    keepalive: Option<Keepalive>,
    timer: Timer,
    opened: Instant,
}

impl Driver {
    async fn run(mut self, lease: Lease) {
        let by = poll_fn(|cx| self.poll(cx)).await;
        let shared = self.shared.clone();
        shared.closing.set(true);
        let all = &shared.host.pool.shared;
        all.borrow_mut().retain(|other| !Rc::ptr_eq(other, &shared));
        let length = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        let stats = &shared.host.cluster_stats;
        stats.upstream_cx_length_ms.record(length);
        // Its streams learn of the end from the codec.
        drop(self);
        lease.close(by);
    }

    /// Ready when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        if self.shared.waker.borrow().is_none() {
            *self.shared.waker.borrow_mut() = Some(cx.waker().clone());
        }
        let over = Pin::new(&mut self.codec).poll(cx);
        let sent = self.io.poll_send(cx);
        let busy = self.shared.active.get() > 0;
        let stats = &self.shared.host.cluster_stats;
        let (received, written) = self.io.take_counts();
        stats.upstream_cx_rx_bytes_total.add(received);
        stats.upstream_cx_tx_bytes_total.add(written);
        if let Poll::Ready(Err(error)) = &over
            && error.is_library()
            // A request that fails by it counts it itself.
            && !busy
        {
            stats.http2_rx_messaging_error.inc();
            stats.upstream_cx_protocol_error.inc();
        }
        if over.is_ready() || matches!(sent, Poll::Ready(Err(_))) {
            return Poll::Ready(if busy {
                Closed::RemoteBusy
            } else {
                Closed::Remote
            });
        }
        self.notice_goaway(cx);
        if self.shared.doubtful.take()
            && let Some(keepalive) = &mut self.keepalive
        {
            keepalive.hurry();
        }
        if let Some(keepalive) = &mut self.keepalive
            && keepalive.poll(cx).is_ready()
        {
            self.shared.host.cluster_stats.http2_keepalive_timeout.inc();
            return Poll::Ready(if busy {
                Closed::LocalBusy
            } else {
                Closed::Local
            });
        }
        self.poll_limits(cx)
    }

    fn notice_goaway(&mut self, cx: &mut Context<'_>) {
        if self.shared.closing.get() {
            return;
        }
        if let Poll::Ready(Err(error)) = self.sender.poll_ready(cx) {
            self.shared.closing.set(true);
            if error.is_go_away() {
                self.shared
                    .host
                    .cluster_stats
                    .upstream_cx_close_notify
                    .inc();
            }
        }
    }

    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        let shared = &self.shared;
        let host = &shared.host;
        let stats = &host.cluster_stats;
        loop {
            let idle = shared.active.get() == 0;
            if idle && (shared.closing.get() || host.removed.get()) {
                return Poll::Ready(Closed::Local);
            }
            let limits = &host.config;
            let idle_until = limits.idle_timeout.filter(|_| idle);
            let idle_until = idle_until.map(|limit| shared.idle_since.get() + limit);
            let old_at = limits
                .max_connection_duration
                .filter(|_| !shared.closing.get());
            let old_at = old_at.map(|limit| self.opened + limit);
            let deadline = [idle_until, old_at].into_iter().flatten().min();
            if self.timer.poll(cx, deadline).is_pending() {
                return Poll::Pending;
            }
            if deadline == idle_until {
                stats.upstream_cx_idle_timeout.inc();
                return Poll::Ready(Closed::Local);
            }
            stats.upstream_cx_max_duration_reached.inc();
            shared.closing.set(true);
        }
    }
}

/// Bytes of one stream that the codec holds for a slow upstream.
const SEND_BUFFER: usize = 256 * 1024;
