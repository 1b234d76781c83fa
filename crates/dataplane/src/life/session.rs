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
    connect::Origin,
    http::leading_empty_lines,
    http2,
    io::{Inbox, Stream, Timer},
    listen::{Established, Pass, Presence, SocketId, canonical},
    log::{Account, Kind},
    plan::{CodecType, ConnectionManager, ListenerPlan, Plan, Routes},
    route::{Protocol, RouteTable},
    stats::{CodecStats, HttpStats},
    tls::TlsFacts,
    worker::{Mark, Worker},
};

/// The connection.
pub(super) struct Session {
    /// The worker that owns it.
    pub(super) worker: Rc<Worker>,
    /// The listener that accepted it.
    pub(super) listener: Arc<ListenerPlan>,
    /// Settings of its connection manager.
    pub(super) manager: Arc<ConnectionManager>,
    /// The stream.
    pub(super) stream: Stream,
    /// Bytes read from the client and not dealt with.
    pub(super) inbox: Inbox,
    /// Its one timer.
    pub(super) timer: Timer,
    /// What it is told from outside.
    pub(super) mark: Rc<Mark>,
    /// The address that the client connected to, where it is not the socket's.
    local: Option<SocketAddr>,
    /// The listener's address.
    pub(super) bound: SocketAddr,
    /// The client's address.
    pub(super) peer: SocketAddr,
    /// That address as text.
    pub(super) client_text: Arc<str>,
    /// The same as `x-forwarded-for` has it: the node's own for a client on the loopback.
    pub(super) peer_text: Arc<str>,
    /// What its TLS came to, where access logs may tell of it.
    pub(super) tls: Option<Arc<TlsFacts>>,
    /// Numbers of the connection manager.
    pub(super) stats: Arc<HttpStats>,
    /// Requests so far.
    pub(super) requests: u32,
    /// The version it turned out to speak.
    pub(super) version: Option<Version>,
    /// The scheme of its requests.
    pub(super) scheme: &'static [u8],
    _pass: Option<Pass>,
    _presence: Option<Presence>,
    routes: Arc<RouteTable>,
    generation: Option<u64>,
    /// When it was ready for HTTP.
    pub(super) opened: Instant,
    /// Bytes of HTTP from the client, and to it.
    pub(super) carried: [u64; 2],
    /// Since when no request has run; nothing while one does.
    pub(super) idle_since: Option<Instant>,
}

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/1.
    Http1,
    /// HTTP/2.
    Http2,
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
        mark: Rc<Mark>,
        established: Established,
        manager: Arc<ConnectionManager>,
        socket: SocketId,
    ) -> Self {
        let Established {
            stream,
            beginning,
            chain: _,
            peer,
            local,
            server_name: _,
            pass,
            presence,
        } = established;
        let stats = worker.http_stats(&manager.stat_prefix);
        stats.downstream_cx_total.inc();
        stats.downstream_cx_active.add(1);
        let now = Instant::now();
        let tls = match &stream {
            Stream::Tls(tls) if !manager.logs.is_empty() || !mark.listener.logs.is_empty() => {
                Some(Arc::new(tls.facts()))
            }
            _ => None,
        };
        let scheme: &[u8] = match &stream {
            Stream::Tls(_) => {
                stats.downstream_cx_ssl_total.inc();
                stats.downstream_cx_ssl_active.add(1);
                b"https"
            }
            _ => b"http",
        };
        Self {
            worker,
            listener: mark.listener.clone(),
            manager,
            scheme,
            stream,
            inbox: Inbox::holding(beginning),
            timer: Timer::default(),
            mark,
            bound: socket.bound,
            peer,
            local,
            client_text: Arc::default(),
            peer_text: Arc::default(),
            tls,
            stats,
            requests: 0,
            version: None,
            _pass: pass,
            _presence: Some(presence),
            routes: Arc::default(),
            generation: None,
            opened: now,
            carried: [0; 2],
            idle_since: Some(now),
        }
    }

    /// Settings of its connection manager.
    pub(super) fn manager(&self) -> &ConnectionManager {
        &self.manager
    }

    /// The part of a request that an HTTP/2 connection hands to each of its streams.
    pub(super) fn of_stream(&self, stream: Stream) -> Self {
        Self {
            worker: self.worker.clone(),
            listener: self.listener.clone(),
            manager: self.manager.clone(),
            scheme: self.scheme,
            stream,
            inbox: Inbox::default(),
            timer: Timer::default(),
            mark: self.mark.clone(),
            peer: self.peer,
            local: self.local,
            bound: self.bound,
            client_text: self.client_text.clone(),
            peer_text: self.peer_text.clone(),
            tls: self.tls.clone(),
            stats: self.stats.clone(),
            requests: 0,
            version: self.version,
            _pass: None,
            _presence: None,
            routes: self.routes.clone(),
            generation: self.generation,
            opened: self.opened,
            carried: [0; 2],
            idle_since: self.idle_since,
        }
    }

    /// Finds out by its first bytes what the connection speaks.
    pub(super) fn sniff(&mut self) -> Version {
        if let Some(version) = self.version {
            return version;
        }
        let version = match self.manager().codec_type {
            CodecType::Http1 => Version::Http1,
            CodecType::Auto if !http2::starts(self.inbox.bytes()) => Version::Http1,
            CodecType::Auto | CodecType::Http2 => Version::Http2,
        };
        self.speak(version);
        version
    }

    /// Settles what the connection speaks.
    pub(super) fn speak(&mut self, version: Version) {
        self.version = Some(version);
        let stats = &self.stats;
        match version {
            Version::Http1 => {
                stats.downstream_cx_http1_total.inc();
                stats.downstream_cx_http1_active.add(1);
            }
            Version::Http2 => {
                stats.downstream_cx_http2_total.inc();
                stats.downstream_cx_http2_active.add(1);
            }
        }
    }

    /// Waits for the first byte of a request.
    pub(super) async fn wait_for_request(&mut self) -> Result<(), Ended> {
        self.idle_since.get_or_insert_with(Instant::now);
        let waited = poll_fn(|cx| self.poll_request(cx)).await;
        self.idle_since = None;
        waited
    }

    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.mark.watch(cx);
        loop {
            let empty = leading_empty_lines(self.inbox.bytes());
            self.inbox.consume(empty);
            if !self.inbox.is_empty() && self.inbox.bytes() != b"\r" {
                return Poll::Ready(Ok(()));
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
        let idle_until = self
            .idle_since
            .zip(limit)
            .map(|(since, limit)| since + limit);
        let deadline = [idle_until, self.close_at()].into_iter().flatten().min();
        if self.timer.poll(cx, deadline).is_pending() {
            return Poll::Pending;
        }
        if deadline == idle_until || !self.must_end() {
            self.stats.downstream_cx_idle_timeout.inc();
        }
        self.stats.downstream_cx_destroy_local.inc();
        Poll::Ready(Err(Ended))
    }

    /// Ready when the client has gone away. What it sends ahead is kept, up to a limit.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(message) = self.stream.message() {
            return message.poll_reset(cx);
        }
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
        match &self.manager.routes {
            Routes::Inline(table) => table.clone(),
            Routes::Named(name) => plan.routes.get(name.as_str()).cloned().unwrap_or_default(),
        }
    }

    /// Whose connection it is, for upstreams that are told.
    pub(super) fn origin(&self) -> Option<Origin> {
        Some(Origin {
            source: self.peer,
            destination: self.local()?,
        })
    }

    /// The address that the client connected to. Costs a system call.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        let own = || self.stream.local_addr().map(canonical);
        self.local.or_else(own)
    }

    /// Notes its own address before the stream is given away.
    pub(super) fn note_local(&mut self) {
        self.local = self.local();
    }

    /// Numbers of the codec.
    pub(super) fn codec_stats(&self) -> &CodecStats {
        match self.version {
            Some(Version::Http2) => &self.worker.http2_codec_stats,
            _ => &self.worker.codec_stats,
        }
    }

    /// Makes `client_text` and `peer_text`, once per connection.
    pub(super) fn name_peer(&mut self) {
        if self.peer_text.is_empty() && self.manager().use_remote_address {
            let ip = self.peer.ip().to_canonical();
            self.client_text = ip.to_string().into();
            self.peer_text = if ip.is_loopback() {
                self.worker.local_address.clone()
            } else {
                self.client_text.clone()
            };
        }
    }

    /// What the listener's logs are told.
    fn account(&self) -> Account {
        let of_local = || self.listener.logs.reads_ends[0].then(|| self.local());
        Account {
            since: Some(self.opened),
            number: self.mark.number,
            peer: Some(self.peer),
            local: of_local().flatten(),
            protocol: self.version.map(|version| match version {
                Version::Http1 => Protocol::Http1,
                Version::Http2 => Protocol::Http2,
            }),
            tls: self.tls.clone(),
            received: self.carried[0],
            sent: self.carried[1],
            ..Account::default()
        }
    }

    /// The end.
    pub(super) fn close(self) {
        self.worker.connections.closed(&self.mark);
        let logs = &self.listener.logs;
        if !logs.is_empty() {
            self.account().write(logs, Kind::Connection);
        }
        let stats = &self.stats;
        stats.downstream_cx_active.add(-1);
        if self.scheme == b"https" {
            stats.downstream_cx_ssl_active.add(-1);
        }
        match self.version {
            Some(Version::Http1) => stats.downstream_cx_http1_active.add(-1),
            Some(Version::Http2) => stats.downstream_cx_http2_active.add(-1),
            None => {}
        }
        stats.downstream_cx_destroy.inc();
        let length = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(length);
    }
}

/// Bytes of further requests that are read while one is being answered.
const SENT_AHEAD: usize = 16 * 1024;
