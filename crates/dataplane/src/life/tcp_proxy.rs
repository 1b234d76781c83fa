// SPDX-License-Identifier: Apache-2.0
//! The life of a connection that is proxied as bytes (`envoy.filters.network.tcp_proxy`).
//!
//! In: a connection of a client, with or without TLS. Out: a connection to a host of its cluster,
//! and bytes both ways, each end of which is passed on by itself, until both have ended or a limit
//! passes.

use std::{
    future::poll_fn,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::pump::{Ends, Pump, Stopped};
use crate::{
    balance::{Overrides, hash_source},
    cluster::{Host, LocalCluster, Resource},
    connect::Origin,
    failure::{Failure, transport_failure},
    http::Framing,
    io::{Buffers, Inbox, Stream, Timer},
    listen::{Established, Pass, Presence, SocketId, canonical},
    log::{Account, Kind},
    plan::{Priority, TcpProxy},
    pool::{Checkout, Closed, Lane, Protocol, RequestLease, Ticket, Upstream, checkout},
    stats::TcpStats,
    worker::{Mark, Worker},
};

/// The connection.
struct Client {
    worker: Rc<Worker>,
    mark: Rc<Mark>,
    proxy: Arc<TcpProxy>,
    stats: Arc<TcpStats>,
    stream: Stream,
    peer: SocketAddr,
    local: Option<SocketAddr>,
    up: Way,
    timer: Timer,
    /// What access logs are told.
    account: Account,
    /// When `max_downstream_connection_duration` is over.
    expires_at: Option<Instant>,
    _pass: Option<Pass>,
    _presence: Presence,
}

/// One direction: from one stream to the other.
#[derive(Default)]
struct Way {
    inbox: Inbox,
    pump: Pump,
    /// All bytes are through, and the end was passed on.
    ended: bool,
    /// What was told of `pump` already.
    told: Told,
}

#[derive(Default)]
struct Told {
    written: u64,
    waits: (u64, u64),
}

/// What a direction did since this was last asked.
struct Moved {
    received: u64,
    written: u64,
    paused: u64,
    resumed: u64,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// A limit here.
    Here,
    /// Both sides had sent all that they had.
    Both,
    /// The client gave up.
    Client,
    /// The host gave up.
    Host,
}

/// Serves a client's connection until it ends.
pub(super) async fn serve(
    worker: Rc<Worker>,
    mark: Rc<Mark>,
    established: Established,
    proxy: Arc<TcpProxy>,
    socket: SocketId,
) {
    let stats = worker.tcp_stats(&proxy.stat_prefix);
    stats.downstream_cx_total.inc();
    let local = established.local.or_else(|| {
        let own = established.stream.local_addr();
        Some(canonical(own.unwrap_or(socket.bound)))
    });
    let logged = !proxy.logs.is_empty() || !mark.listener.logs.is_empty();
    let tls = match &established.stream {
        Stream::Tls(tls) if logged => Some(Arc::new(tls.facts())),
        _ => None,
    };
    let mut client = Client {
        account: Account {
            since: logged.then(Instant::now),
            number: mark.number,
            peer: Some(established.peer),
            local,
            tls,
            server_name: established.server_name,
            ..Account::default()
        },
        expires_at: proxy.max_duration().map(|limit| Instant::now() + limit),
        stats,
        stream: established.stream,
        peer: established.peer,
        local,
        up: Way::of(established.beginning),
        timer: Timer::default(),
        _pass: established.pass,
        _presence: established.presence,
        worker,
        mark,
        proxy,
    };
    if let Some((upstream, lease)) = client.connect().await {
        client.carry(upstream, lease).await;
    }
    let Client { account, mark, .. } = &client;
    account.write(&mark.listener.logs, Kind::Connection);
    account.write(&client.proxy.logs, Kind::BytesEnd);
    client.worker.connections.closed(mark);
}

impl Client {
    /// A connection to a host, within `max_connect_attempts`.
    async fn connect(&mut self) -> Option<(Box<Upstream>, RequestLease)> {
        let drawn = self.proxy.draw();
        let Some(cluster) = drawn.and_then(|cluster| self.worker.cluster(cluster)) else {
            self.stats.downstream_cx_no_route.inc();
            self.account.flags = "NC";
            return None;
        };
        self.account.cluster = Some(cluster.config.name.clone());
        for attempt in 0..self.proxy.max_connect_attempts {
            if let Some(back_off) = self.proxy.back_off.filter(|_| attempt > 0) {
                let until = Instant::now() + back_off.wait(attempt - 1, fastrand::u64(..));
                poll_fn(|cx| self.poll_wait(cx, until)).await?;
            }
            // Nobody waits for a connection of others to be free: they are not shared.
            let budgets = cluster.shared.budgets(Priority::Default);
            if !budgets.fits(Resource::Connections) {
                cluster.stats.upstream_cx_overflow.inc();
                self.account.flags = "UO";
                return None;
            }
            let Some(host) = self.pick(&cluster) else {
                self.account.flags = "UH";
                return None;
            };
            self.account.host = Some(host.clone());
            self.account.attempts += 1;
            match self.checkout(&cluster, &host).await? {
                Ok(upstream) => {
                    host.connected_for_bytes();
                    if self.account.since.is_some() {
                        self.account.upstream = Some(upstream.stream.local_addr());
                    }
                    let lease = RequestLease::for_bytes(&host, Priority::Default);
                    return Some((upstream, lease));
                }
                Err(failure) => {
                    host.failed(failure);
                    self.account.transport_failure = transport_failure(failure.row().details);
                }
            }
        }
        self.account.flags = "UF,URX";
        cluster.stats.upstream_cx_connect_attempts_exceeded.inc();
        None
    }

    fn pick(&self, cluster: &LocalCluster) -> Option<Rc<Host>> {
        let hash = self.proxy.hashes_source.then(|| hash_source(self.peer));
        let host = cluster.pick(hash, &mut Overrides::default());
        if host.is_none() {
            cluster.stats.upstream_cx_none_healthy.inc();
        }
        host
    }

    /// A connection to `host`, or why there is none; nothing when the client's time is up.
    async fn checkout(
        &mut self,
        cluster: &LocalCluster,
        host: &Rc<Host>,
    ) -> Option<Result<Box<Upstream>, Failure>> {
        let announced = cluster.config.proxy_protocol.is_some();
        let origin = self.local.map(|destination| Origin {
            source: self.peer,
            destination,
        });
        let lane = Lane {
            protocol: Protocol::Tcp,
            origin: origin.filter(|_| announced),
            server_name: None,
        };
        let ticket = match checkout(host, Priority::Default, &lane) {
            Ok(Checkout::Ready(upstream)) => return Some(Ok(upstream)),
            Ok(Checkout::Wait(ticket)) => ticket,
            Err(failure) => return Some(Err(failure)),
        };
        let outcome = poll_fn(|cx| self.poll_ticket(cx, &ticket)).await;
        if outcome.is_none() && ticket.cancel() {
            cluster.stats.upstream_rq_cancelled.inc();
        }
        outcome
    }

    fn poll_ticket(
        &mut self,
        cx: &mut Context<'_>,
        ticket: &Ticket,
    ) -> Poll<Option<Result<Box<Upstream>, Failure>>> {
        match ticket.poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            Poll::Pending => self.poll_limits(cx, None).map(|()| None),
        }
    }

    /// Ready at `until`, or with nothing when the client's time is up before that.
    fn poll_wait(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<Option<()>> {
        if Instant::now() >= until {
            return Poll::Ready(Some(()));
        }
        match self.poll_limits(cx, Some(until)) {
            Poll::Ready(()) if Instant::now() < until => Poll::Ready(None),
            polled => polled.map(Some),
        }
    }

    /// Ready when the connection has lived long enough, or at `other`.
    fn poll_limits(&mut self, cx: &mut Context<'_>, other: Option<Instant>) -> Poll<()> {
        self.mark.watch(cx);
        let drained = self.mark.drain.get().map(|drain| drain.ends_at());
        let times = [self.expires_at, drained, other];
        let next = times.into_iter().flatten().min();
        if self.timer.poll(cx, next).is_pending() {
            return Poll::Pending;
        }
        if next == self.expires_at {
            self.stats.max_downstream_connection_duration.inc();
        }
        Poll::Ready(())
    }

    /// Carries bytes until the end.
    async fn carry(&mut self, mut upstream: Box<Upstream>, lease: RequestLease) {
        upstream.requests += 1;
        self.up.pump.prepend(std::mem::take(&mut upstream.preface));
        let mut passage = Passage {
            host: upstream.host(),
            upstream,
            down: Way::of(Vec::new()),
            active: Instant::now(),
        };
        let ended = poll_fn(|cx| passage.poll(cx, self)).await;
        passage.down.inbox.clear(&self.worker.buffers);
        self.up.inbox.clear(&self.worker.buffers);
        drop(lease);
        passage.upstream.close(match ended {
            Ended::Host => Closed::RemoteBusy,
            Ended::Both => Closed::Remote,
            Ended::Here | Ended::Client => Closed::LocalBusy,
        });
    }
}

/// Both directions of a connection.
struct Passage {
    upstream: Box<Upstream>,
    host: Option<Rc<Host>>,
    down: Way,
    /// When the last byte moved.
    active: Instant,
}

impl Passage {
    fn poll(&mut self, cx: &mut Context<'_>, client: &mut Client) -> Poll<Ended> {
        let buffers = &client.worker.buffers;
        let limit = client.mark.listener.buffer_limit;
        let up = client.up.poll(
            cx,
            (&mut client.stream, limit),
            &mut self.upstream.stream,
            buffers,
        );
        let limit = self
            .host
            .as_ref()
            .map_or(usize::MAX, |host| host.config.buffer_limit);
        let down = self.down.poll(
            cx,
            (&mut self.upstream.stream, limit),
            &mut client.stream,
            buffers,
        );
        if self.count(client) {
            self.active = Instant::now();
        }
        // As in Envoy, who is reset resets.
        if up == Poll::Ready(Err(Stopped::Cut)) && client.stream.is_plain() {
            self.upstream.stream.reset_on_close();
        }
        if down == Poll::Ready(Err(Stopped::Cut)) && self.upstream.stream.is_plain() {
            client.stream.reset_on_close();
        }
        match (up, down) {
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(Ended::Both),
            (Poll::Ready(Err(Stopped::Refused)), _) | (_, Poll::Ready(Err(Stopped::Cut))) => {
                return Poll::Ready(Ended::Host);
            }
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => {
                return Poll::Ready(Ended::Client);
            }
            _ => {}
        }
        self.poll_idle(cx, client).map(|()| Ended::Here)
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>, client: &mut Client) -> Poll<()> {
        let limit = client.proxy.idle_timeout;
        let idle_until = limit.map(|limit| self.active + limit);
        if client.poll_limits(cx, idle_until).is_pending() {
            return Poll::Pending;
        }
        if idle_until.is_some_and(|at| at <= Instant::now()) {
            client.stats.idle_timeout.inc();
        }
        Poll::Ready(())
    }

    /// Counts what moved. Says whether anything did.
    fn count(&mut self, client: &mut Client) -> bool {
        let (up, down) = (client.up.moved(), self.down.moved());
        let stats = &client.stats;
        client.account.received += up.received;
        client.account.sent += down.written;
        stats.downstream_cx_rx_bytes_total.add(up.received);
        stats.downstream_cx_tx_bytes_total.add(down.written);
        stats
            .downstream_flow_control_paused_reading_total
            .add(up.paused);
        stats
            .downstream_flow_control_resumed_reading_total
            .add(up.resumed);
        if let Some(host) = &self.host {
            let stats = &host.cluster_stats;
            stats.upstream_cx_tx_bytes_total.add(up.written);
            stats.upstream_cx_rx_bytes_total.add(down.received);
            stats
                .upstream_flow_control_paused_reading_total
                .add(down.paused);
            stats
                .upstream_flow_control_resumed_reading_total
                .add(down.resumed);
        }
        [up.received, up.written, down.received, down.written] != [0; 4]
    }
}

impl Way {
    /// With bytes that were read already.
    fn of(beginning: Vec<u8>) -> Self {
        let mut way = Self {
            inbox: Inbox::holding(beginning),
            ..Self::default()
        };
        way.pump.framing = Framing::Tunnel;
        way
    }

    /// Moves bytes on, at most so many at a time. Ready when the sender's end was passed on.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (from, limit): (&mut Stream, usize),
        to: &mut Stream,
        buffers: &Buffers,
    ) -> Poll<Result<(), Stopped>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        let Self { inbox, pump, .. } = self;
        let mut ends = Ends {
            from,
            inbox,
            limit,
            to,
            buffers,
        };
        ready!(pump.poll(cx, &mut ends))?;
        let shut = ready!(to.poll_shutdown(cx));
        self.ended = true;
        Poll::Ready(shut.map_err(|_| Stopped::Refused))
    }

    fn moved(&mut self) -> Moved {
        let Self { pump, told, .. } = self;
        let moved = Moved {
            received: self.inbox.take_received(),
            written: pump.written - told.written,
            paused: pump.waits.0 - told.waits.0,
            resumed: pump.waits.1 - told.waits.1,
        };
        *told = Told {
            written: pump.written,
            waits: pump.waits,
        };
        moved
    }
}
