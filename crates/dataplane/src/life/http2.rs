// SPDX-License-Identifier: Apache-2.0
//! The life of a client's HTTP/2 connection.
//!
//! In: a connection whose first bytes were HTTP/2's. Out: each of its streams, served by the same
//! story as a request of HTTP/1, as a task of its own.

use std::{
    cell::Cell,
    future::poll_fn,
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{
    access_log, answer, exchange::Exchange, linger, receive_head, request, session::Session,
};
use crate::{
    failure::Failure,
    http::HeadError,
    http2::{Event, Flood, Handle, Keepalive, Message, Options, Pings, Shared},
    io::Stream,
    plan::ConnectionManager,
};

/// The connection's own state.
struct Connection {
    codec: Shared,
    keepalive: Option<Keepalive>,
    activity: Rc<Activity>,
    /// Since when no new streams are taken.
    draining: Option<Instant>,
    /// Whether the client ended it.
    gone: bool,
    /// Bytes written.
    written: u64,
}

/// What its streams do.
struct Activity {
    /// How many are being served.
    running: Cell<usize>,
    /// When the last one ended.
    idle_since: Cell<Instant>,
}

/// A stream that is being served.
pub(super) struct Served {
    session: Session,
    /// The request's head is in there already.
    exchange: Option<Box<Exchange>>,
    activity: Rc<Activity>,
}

/// Serves the connection until it ends.
pub(super) async fn serve(session: &mut Session) {
    session.name_peer();
    session.note_local();
    let manager = session.manager();
    let codec = Shared::new(options(manager));
    let mut connection = Connection {
        keepalive: Keepalive::new(manager.http2.keepalive, Some(Pings::Client(codec.clone()))),
        codec,
        activity: Rc::new(Activity {
            running: Cell::new(0),
            idle_since: Cell::new(Instant::now()),
        }),
        draining: None,
        gone: false,
        written: 0,
    };
    poll_fn(|cx| connection.poll(cx, session)).await;
    connection.codec.lock().end();
    let stats = &session.stats;
    let received = session.inbox.take_received();
    stats.downstream_cx_rx_bytes_total.add(received);
    stats.downstream_cx_tx_bytes_total.add(connection.written);
    if connection.gone {
        stats.downstream_cx_destroy_remote.inc();
    } else {
        stats.downstream_cx_destroy_local.inc();
    }
    session.carried = [received, connection.written];
    linger::linger(session).await;
}

fn options(manager: &ConnectionManager) -> Options {
    let options = &manager.http2;
    Options {
        max_streams: options.max_concurrent_streams,
        stream_window: options.stream_window,
        connection_window: options.connection_window,
        header_table: options.header_table,
        allow_connect: options.allow_connect,
        limits: manager.limits,
    }
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        session.mark.watch(cx);
        self.codec.lock().watch(cx);
        let polled = self.poll_all(cx, session);
        self.codec.lock().rest();
        polled
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        loop {
            let ended = self.poll_receive(cx, session);
            let keepalive = self.keepalive.as_mut();
            let silent = keepalive.is_some_and(|keepalive| keepalive.poll(cx).is_ready());
            let unread = self.codec.lock().congested();
            // Whatever the streams wrote goes out before anybody sleeps.
            let sent = self.poll_send(cx, &mut session.stream);
            let finished = sent.is_ready() && self.codec.lock().finished();
            if ended.is_ready() || finished || matches!(sent, Poll::Ready(Err(_))) {
                self.gone = !finished;
                return Poll::Ready(());
            }
            if silent {
                session.worker.http2_stats.keepalive_timeout.inc();
                return Poll::Ready(());
            }
            if unread && !self.codec.lock().congested() {
                continue;
            }
            let Some(deadline) = self.deadline(session) else {
                return Poll::Pending;
            };
            if session.timer.poll(cx, Some(deadline)).is_pending() {
                return Poll::Pending;
            }
            if self.draining.is_some() {
                return Poll::Ready(());
            }
            if !session.must_end() {
                session.stats.downstream_cx_idle_timeout.inc();
            }
            self.drain();
        }
    }

    /// Reads, and takes streams in, as long as the client reads too. Ready when there is nothing more
    /// to read.
    fn poll_receive(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        loop {
            if self.draining.is_none() && session.must_end() {
                self.drain();
            }
            loop {
                let mut codec = self.codec.lock();
                if codec.congested() {
                    drop(codec);
                    session.inbox.park(&session.worker.buffers);
                    return Poll::Pending;
                }
                let (taken, event) = codec.receive(session.inbox.bytes());
                drop(codec);
                session.inbox.consume(taken);
                match event {
                    Some(Event::Request(place)) => self.accept(session, place),
                    Some(Event::Broken) => {
                        session.stats.downstream_cx_protocol_error.inc();
                        if let Some(flood) = self.codec.lock().flood() {
                            count_flood(session, flood);
                        }
                        return Poll::Ready(());
                    }
                    None => break,
                }
            }
            let buffers = &session.worker.buffers;
            let filled = session
                .inbox
                .poll_fill(cx, &mut session.stream, buffers, usize::MAX);
            match ready!(filled) {
                Ok(count) if count > 0 => {}
                _ => return Poll::Ready(()),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Result<()>> {
        let mut codec = self.codec.lock();
        while !codec.output().is_empty() {
            let count = ready!(stream.poll_write(cx, codec.output(), b""))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            codec.wrote(count);
            self.written += count as u64;
        }
        stream.poll_flush(cx)
    }

    /// Takes in the request whose head was received last.
    fn accept(&mut self, session: &mut Session, place: u32) {
        self.count(session);
        if self.draining.is_none() && session.draining() {
            self.drain();
        }
        let handle = Handle::new(&self.codec, place);
        let mut of_stream = session.of_stream(Stream::Http2(Message::Served(handle)));
        let worker = session.worker.clone();
        let mut exchange = worker.exchange();
        let mut codec = self.codec.lock();
        let received = codec.head();
        std::mem::swap(&mut exchange.request, &mut received.head);
        of_stream
            .inbox
            .take_over(&mut received.lines, &worker.buffers);
        drop(codec);
        let activity = self.activity.clone();
        activity.running.set(activity.running.get() + 1);
        worker.http2_stats.streams_active.add(1);
        worker.stream_tasks.serve(Served {
            session: of_stream,
            exchange: Some(exchange),
            activity,
        });
    }

    /// Tells the client to open no more streams.
    fn drain(&mut self) {
        self.codec.lock().drain();
        self.draining = Some(Instant::now());
    }

    fn count(&mut self, session: &mut Session) {
        session.requests += 1;
        let limit = session.manager().max_requests_per_connection;
        if limit > 0 && session.requests == limit && self.draining.is_none() {
            session.stats.downstream_cx_max_requests_reached.inc();
            self.drain();
        }
        // Found once here, not by every stream.
        session.routes();
    }

    /// When the connection is told to end, or given up, if nothing happens.
    fn deadline(&self, session: &Session) -> Option<Instant> {
        if self.activity.running.get() > 0 {
            return match self.draining {
                Some(_) => None,
                None => session.expires_at(),
            };
        }
        let idle_since = self.activity.idle_since.get();
        if let Some(since) = self.draining {
            let patience = session.manager().delayed_close_timeout.unwrap_or_default();
            return Some(since.max(idle_since) + patience);
        }
        let idle = session.manager().idle_timeout;
        let idle = idle.map(|limit| idle_since + limit);
        [idle, session.close_at()].into_iter().flatten().min()
    }
}

impl Served {
    /// Serves its request.
    pub(super) async fn serve(&mut self) {
        let session = &mut self.session;
        let Some(mut exchange) = self.exchange.take() else {
            return;
        };
        if let Err(failure) = request(session, &mut exchange).await {
            answer::failure(session, &mut exchange, failure).await;
        }
        if exchange.log.wanted {
            access_log::write(session, &exchange);
        }
        exchange.clear();
        session.worker.recycle(exchange);
        session.inbox.clear(&session.worker.buffers);
        let activity = &self.activity;
        activity.running.set(activity.running.get() - 1);
        if activity.running.get() == 0 {
            activity.idle_since.set(Instant::now());
        }
        session.worker.http2_stats.streams_active.add(-1);
    }

    /// The stream's own session.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }
}

fn count_flood(session: &Session, flood: Flood) {
    let stats = &session.worker.http2_stats;
    match flood {
        Flood::Empty => stats.inbound_empty_frames_flood.inc(),
        Flood::Priority => stats.inbound_priority_frames_flood.inc(),
        Flood::Reset => session.stats.downstream_rq_too_many_premature_resets.inc(),
        Flood::Update => stats.inbound_window_update_frames_flood.inc(),
    }
}

/// Looks at the head, which came in the form that HTTP/1 heads have.
pub(super) fn receive_head(
    session: &mut Session,
    exchange: &mut Exchange,
    now: Instant,
) -> Result<(), Failure> {
    let message = session.stream.message().ok_or(Failure::ClientGone)?;
    match message.take_refusal() {
        None => receive_head::accept(session, exchange, now),
        Some(HeadError::TooLarge) => Err(Failure::Http2Headers),
        Some(HeadError::TooMany) => {
            session.worker.http2_stats.header_overflow.inc();
            Err(Failure::Http2Headers)
        }
        Some(refused) => {
            receive_head::accept(session, exchange, now)?;
            Err(Failure::BadRequest(refused))
        }
    }
}

/// Sends the head that was written into the download, and leaves only the body there.
pub(super) fn send_response(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    let Some(message) = session.stream.message() else {
        return Ok(());
    };
    let download = &mut exchange.download;
    download.strip_framing();
    let alone = download.framing.done() && !download.open;
    let length = message.send_response(&download.out, alone)?;
    download.out.drain(..length);
    Ok(())
}

/// Gives a stream up whose response cannot be completed.
pub(super) fn reset(session: &mut Session) {
    if let Some(message) = session.stream.message() {
        message.reset();
        session.worker.http2_stats.tx_reset.inc();
    }
}
