// SPDX-License-Identifier: Apache-2.0
//! A client connection between requests.
//!
//! In: a stream and its listener. Out: the start of the next request, or the end. While idle it
//! holds no buffer.

use std::{
    future::poll_fn,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;

use crate::{
    http::leading_empty_lines,
    io::{Inbox, Stream, Timer},
    listen::SocketId,
    plan::{ConnectionManager, ListenerPlan, Plan, Routes},
    route::RouteTable,
    stats::{HttpStats, ListenerStats},
    worker::{Mark, Worker},
};

/// The connection.
pub(super) struct Session {
    /// The worker that owns it.
    pub(super) worker: Rc<Worker>,
    /// The listener that accepted it.
    pub(super) listener: Arc<ListenerPlan>,
    /// The stream.
    pub(super) stream: Stream,
    /// Bytes read from the client and not dealt with.
    pub(super) inbox: Inbox,
    /// Its one timer.
    pub(super) timer: Timer,
    /// What it is told from outside.
    pub(super) mark: Rc<Mark>,
    /// The listener's address.
    pub(super) bound: SocketAddr,
    /// The client's address.
    pub(super) peer: SocketAddr,
    /// That address as it is written into headers; the node's own for a client on the loopback.
    pub(super) peer_text: Arc<str>,
    /// Numbers of the connection manager.
    pub(super) stats: Arc<HttpStats>,
    /// Requests so far.
    pub(super) requests: u32,
    listener_stats: Arc<ListenerStats>,
    routes: Arc<RouteTable>,
    generation: Option<u64>,
    opened: Instant,
    idle_since: Instant,
}

/// What happens to the connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It is closed at once.
    Close,
    /// The next request may come.
    KeepAlive,
    /// It is closed once the client has had time to read.
    Linger,
}

/// The connection is to be closed.
pub(super) struct Ended;

impl Session {
    /// A fresh connection.
    pub(super) fn new(
        worker: Rc<Worker>,
        listener: Arc<ListenerPlan>,
        stream: Stream,
        peer: SocketAddr,
        socket: SocketId,
    ) -> Self {
        let stats = worker.http_stats(&listener.manager.stat_prefix);
        let address = socket.bound.to_string().replace(':', "_");
        let listener_stats = worker.listener_stats(&address);
        stats.downstream_cx_total.inc();
        stats.downstream_cx_http1_total.inc();
        stats.downstream_cx_active.add(1);
        stats.downstream_cx_http1_active.add(1);
        listener_stats.downstream_cx_total.inc();
        listener_stats.downstream_cx_active.add(1);
        let mark = worker.connections.open(&listener);
        let now = Instant::now();
        Self {
            worker,
            listener,
            stream,
            inbox: Inbox::default(),
            timer: Timer::default(),
            mark,
            bound: socket.bound,
            peer,
            peer_text: Arc::default(),
            stats,
            requests: 0,
            listener_stats,
            routes: Arc::default(),
            generation: None,
            opened: now,
            idle_since: now,
        }
    }

    /// Settings of its connection manager.
    pub(super) fn manager(&self) -> &ConnectionManager {
        &self.listener.manager
    }

    /// Waits for the first byte of a request.
    pub(super) async fn wait_for_request(&mut self) -> Result<(), Ended> {
        if self.requests > 0 {
            self.idle_since = Instant::now();
        }
        poll_fn(|cx| self.poll_request(cx)).await
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.mark.watch(cx);
        loop {
            let empty = leading_empty_lines(self.inbox.bytes());
            self.inbox.consume(empty);
            if !self.inbox.is_empty() && self.inbox.bytes() != b"\r" {
                return Poll::Ready(Ok(()));
            }
            if self.mark.close_idle.get() {
                return Poll::Ready(Err(Ended));
            }
            let worker = &self.worker;
            let limit = self.listener.buffer_limit;
            match self
                .inbox
                .poll_fill(cx, &mut self.stream, &worker.buffers, limit)
            {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => {
                    self.stats.downstream_cx_destroy_remote.inc();
                    return Poll::Ready(Err(Ended));
                }
                Poll::Pending => return self.poll_idle(cx),
            }
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let limit = self.manager().idle_timeout;
        let idle_until = limit.map(|limit| self.idle_since + limit);
        let deadline = [idle_until, self.mark.close_at.get()]
            .into_iter()
            .flatten()
            .min();
        if self.timer.poll(cx, deadline).is_pending() {
            return Poll::Pending;
        }
        if deadline == idle_until {
            self.stats.downstream_cx_idle_timeout.inc();
        } else {
            self.stats.downstream_cx_drain_close.inc();
        }
        self.stats.downstream_cx_destroy_local.inc();
        Poll::Ready(Err(Ended))
    }

    /// Ready when the client has gone away. What it sends ahead is kept, up to a limit.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.inbox.len() >= SENT_AHEAD || self.stream.poll_readable(cx).is_pending() {
                self.inbox.park(&self.worker.buffers);
                return Poll::Pending;
            }
            let buffers = &self.worker.buffers;
            match self
                .inbox
                .poll_fill(cx, &mut self.stream, buffers, SENT_AHEAD)
            {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The routes in force now. A request keeps them to its end.
    pub(super) fn routes(&mut self) -> Arc<RouteTable> {
        let generation = self.worker.generation();
        if self.generation != Some(generation) {
            self.routes = self.find_routes(&self.worker.plan());
            self.generation = Some(generation);
        }
        self.routes.clone()
    }

    fn find_routes(&self, plan: &Plan) -> Arc<RouteTable> {
        match &self.listener.manager.routes {
            Routes::Inline(table) => table.clone(),
            Routes::Named(name) => plan.routes.get(name.as_str()).cloned().unwrap_or_default(),
        }
    }

    /// Whether responses must carry `connection: close`.
    pub(super) fn draining(&self) -> bool {
        self.mark.draining.get() || self.worker.draining.get()
    }

    /// Makes `peer_text`, once per connection.
    pub(super) fn name_peer(&mut self) {
        if self.peer_text.is_empty() && self.manager().use_remote_address {
            let ip = self.peer.ip().to_canonical();
            self.peer_text = if ip.is_loopback() {
                self.worker.local_address.clone()
            } else {
                ip.to_string().into()
            };
        }
    }

    /// The end.
    pub(super) fn close(self) {
        self.worker.connections.closed(&self.mark);
        let stats = &self.stats;
        stats.downstream_cx_active.add(-1);
        stats.downstream_cx_http1_active.add(-1);
        stats.downstream_cx_destroy.inc();
        let length = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(length);
        self.listener_stats.downstream_cx_active.add(-1);
        self.listener_stats.downstream_cx_destroy.inc();
        self.listener_stats.downstream_cx_length_ms.record(length);
    }
}

/// Bytes of further requests that are read while one is being answered.
const SENT_AHEAD: usize = 16 * 1024;
