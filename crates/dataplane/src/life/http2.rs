// SPDX-License-Identifier: Apache-2.0
//! The life of a client's HTTP/2 connection.
//!
//! In: a connection whose first bytes were HTTP/2's. Out: each of its streams, served by the same
//! story as a request of HTTP/1, as a task of its own.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use h2::{Reason, server};
use tokio::time::Instant;

use super::{answer, exchange::Exchange, linger, receive_head, request, session::Session};
use crate::{
    failure::Failure,
    http::HeadError,
    http2::{Gather, Keepalive, Message, Piece},
    io::Stream,
    plan::ConnectionManager,
};

type Codec = server::Connection<Gather, Piece>;

/// The connection's own state.
struct Connection {
    codec: Codec,
    io: Gather,
    keepalive: Option<Keepalive>,
    activity: Rc<Activity>,
    /// Since when no new streams are taken.
    draining: Option<Instant>,
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
    activity: Rc<Activity>,
}

/// Serves the connection until it ends.
pub(super) async fn serve(session: &mut Session) {
    session.name_peer();
    session.note_local();
    let stream = std::mem::replace(&mut session.stream, Stream::Gone);
    let io = Gather::new(stream, session.inbox.bytes());
    session.inbox.clear(&session.worker.buffers);
    if let Some(mut codec) = handshake(session, &io).await {
        let options = &session.manager().http2;
        let mut connection = Connection {
            keepalive: Keepalive::new(options.keepalive, codec.ping_pong()),
            codec,
            io: io.clone(),
            activity: Rc::new(Activity {
                running: Cell::new(0),
                idle_since: Cell::new(Instant::now()),
            }),
            draining: None,
        };
        poll_fn(|cx| connection.poll(cx, session)).await;
    }
    let (received, written) = io.take_counts();
    session.stats.downstream_cx_rx_bytes_total.add(received);
    session.stats.downstream_cx_tx_bytes_total.add(written);
    session.stream = io.into_stream();
    linger::linger(session).await;
}

fn builder(manager: &ConnectionManager) -> server::Builder {
    let options = &manager.http2;
    let bytes = u32::try_from(manager.limits.bytes).unwrap_or(u32::MAX);
    let mut builder = server::Builder::new();
    builder
        .initial_window_size(options.stream_window)
        .initial_connection_window_size(options.connection_window)
        .max_concurrent_streams(options.max_concurrent_streams)
        .header_table_size(options.header_table)
        .max_header_list_size(bytes)
        .max_send_buffer_size(SEND_BUFFER);
    if options.allow_connect {
        builder.enable_connect_protocol();
    }
    builder
}

/// Waits for the rest of the preface.
async fn handshake(session: &mut Session, io: &Gather) -> Option<Codec> {
    let mut handshake = builder(session.manager()).handshake::<_, Piece>(io.clone());
    let limit = session.manager().idle_timeout;
    let deadline = limit.map(|limit| Instant::now() + limit);
    poll_fn(|cx| {
        session.mark.watch(cx);
        match Pin::new(&mut handshake).poll(cx) {
            Poll::Ready(Ok(codec)) => return Poll::Ready(Some(codec)),
            Poll::Ready(Err(_)) => {
                session.stats.downstream_cx_protocol_error.inc();
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if matches!(io.poll_send(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        let deadline = [deadline, session.close_at()].into_iter().flatten().min();
        session.timer.poll(cx, deadline).map(|()| None)
    })
    .await
}

impl Connection {
    fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        session.mark.watch(cx);
        loop {
            let accepted = self.poll_accept(cx, session);
            // Whatever the codec wrote goes out before anybody sleeps.
            let sent = self.io.poll_send(cx);
            if accepted.is_ready() || matches!(sent, Poll::Ready(Err(_))) {
                session.stats.downstream_cx_destroy_remote.inc();
                return Poll::Ready(());
            }
            if let Some(keepalive) = &mut self.keepalive
                && keepalive.poll(cx).is_ready()
            {
                session.worker.http2_stats.keepalive_timeout.inc();
                return Poll::Ready(());
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

    /// Takes streams in. Ready when the connection is over.
    fn poll_accept(&mut self, cx: &mut Context<'_>, session: &mut Session) -> Poll<()> {
        loop {
            if self.draining.is_none() && session.must_end() {
                self.drain();
            }
            match self.codec.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.count(session);
                    if self.draining.is_none() && session.draining() {
                        self.drain();
                    }
                    let message = Message::server(request, respond);
                    self.serve(session.of_stream(Stream::Http2(Box::new(message))));
                }
                Poll::Ready(Some(Err(error))) => {
                    if !error.is_io() && !error.is_remote() {
                        session.stats.downstream_cx_protocol_error.inc();
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Tells the client to open no more streams.
    fn drain(&mut self) {
        self.codec.graceful_shutdown();
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

    fn serve(&mut self, session: Session) {
        let activity = self.activity.clone();
        activity.running.set(activity.running.get() + 1);
        let worker = session.worker.clone();
        worker.http2_stats.streams_active.add(1);
        worker.stream_tasks.serve(Served { session, activity });
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
        let mut exchange = session.worker.exchange();
        if let Err(failure) = request(session, &mut exchange).await {
            answer::failure(session, &mut exchange, failure).await;
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

/// The head that the codec decoded, in the form that HTTP/1 heads have.
pub(super) fn receive_head(
    session: &mut Session,
    exchange: &mut Exchange,
    now: Instant,
) -> Result<(), Failure> {
    let limits = session.manager().limits;
    let message = session.stream.message().ok_or(Failure::ClientGone)?;
    let parts = message.take_request().ok_or(Failure::ClientGone)?;
    let ends = message.ends();
    let head = &mut exchange.request;
    let rendered = session.inbox.render(&session.worker.buffers, |out| {
        head.render(&parts, ends, limits, out)
    });
    message.reuse(parts.headers);
    match rendered {
        Ok(()) => receive_head::accept(session, exchange, now),
        Err(HeadError::TooMany) => {
            session.worker.http2_stats.header_overflow.inc();
            Err(Failure::Http2Headers)
        }
        Err(refused) => {
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
pub(super) async fn reset(session: &mut Session) {
    if session.stream.is_http2() {
        // A reset drops what the codec has not written yet.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
    }
    if let Some(message) = session.stream.message() {
        message.reset(Reason::INTERNAL_ERROR);
        session.worker.http2_stats.tx_reset.inc();
    }
}

/// Bytes of one stream that the codec holds for a slow client.
const SEND_BUFFER: usize = 256 * 1024;
