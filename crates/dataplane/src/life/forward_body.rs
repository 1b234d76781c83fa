// SPDX-License-Identifier: Apache-2.0
//! Phase: forward body.
//!
//! In: the request head and body. Out: both on the upstream connection; or an early answer, when the
//! upstream does not wait for the end.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{
    bandwidth_limit,
    checkout::start_try,
    exchange::Exchange,
    pump::{Ends, Stopped},
    session::Session,
};
use crate::{failure::Failure, http::HeadError, io::Stream};

/// Sends until the request is complete or the upstream has something to say.
pub(super) async fn forward_body(
    session: &mut Session,
    exchange: &mut Exchange,
) -> Result<(), Failure> {
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = poll_upload(cx, session, exchange) {
            return Poll::Ready(outcome);
        }
        let upstream = exchange.upstream.as_mut();
        if upstream.is_some_and(|upstream| upstream.stream.poll_readable(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await?;
    Ok(())
}

/// Moves the request on. Ready when all of it has been sent, or no more will be taken.
pub(super) fn poll_upload(
    cx: &mut Context<'_>,
    session: &mut Session,
    exchange: &mut Exchange,
) -> Poll<Result<(), Failure>> {
    if exchange.record.uploaded || exchange.record.upload_broken {
        return Poll::Ready(Ok(()));
    }
    let Some(upstream) = exchange.upstream.as_mut() else {
        return Poll::Ready(Ok(()));
    };
    if !exchange.download.out.is_empty() && exchange.record.status == 0 {
        // Our own `100 Continue`, a few bytes on an empty socket.
        let download = &mut exchange.download;
        let _ = session.stream.poll_write(cx, &download.out, b"");
        download.out.clear();
    }
    let before = exchange.upload.written;
    let mut ends = upload_ends(session, &mut upstream.stream);
    let polled = exchange.upload.poll(cx, &mut ends);
    let moved = exchange.upload.written - before;
    match polled {
        Poll::Pending => {
            if moved > 0 {
                exchange.deadlines.active = Some(Instant::now());
            }
            if let Some(limit) = exchange.upload.limit() {
                bandwidth_limit::note_request(limit, &mut exchange.deadlines);
                if limit.has_all() && session.poll_gone(cx).is_ready() {
                    return Poll::Ready(Err(Failure::ClientGone));
                }
            }
            Poll::Pending
        }
        Poll::Ready(Ok(())) => {
            sent(exchange);
            Poll::Ready(Ok(()))
        }
        Poll::Ready(Err(Stopped::Refused)) => {
            // It may have answered before it stopped listening.
            exchange.record.upload_broken = true;
            Poll::Ready(Ok(()))
        }
        Poll::Ready(Err(stopped)) => Poll::Ready(Err(unreadable(session, stopped))),
    }
}

/// Takes in what is left of the request while there is no upstream. Ready when that is all of it.
pub(super) fn poll_collect(
    cx: &mut Context<'_>,
    session: &mut Session,
    exchange: &mut Exchange,
) -> Poll<Result<(), Failure>> {
    if exchange.record.sent.is_some() {
        return Poll::Ready(Ok(()));
    }
    if exchange.record.filters.is_some() {
        bandwidth_limit::request(session, exchange);
    }
    let mut nowhere = Stream::Gone;
    let mut ends = upload_ends(session, &mut nowhere);
    match ready!(exchange.upload.poll_collect(cx, &mut ends)) {
        Ok(()) => {
            complete(exchange, Instant::now());
            Poll::Ready(Ok(()))
        }
        Err(stopped) => Poll::Ready(Err(unreadable(session, stopped))),
    }
}

/// From the client to `to`.
#[inline]
pub(super) fn upload_ends<'a>(session: &'a mut Session, to: &'a mut Stream) -> Ends<'a> {
    Ends {
        from: &mut session.stream,
        inbox: &mut session.inbox,
        limit: session.listener.buffer_limit,
        to,
        buffers: &session.worker.buffers,
    }
}

/// Why the client's body cannot be had.
fn unreadable(session: &Session, stopped: Stopped) -> Failure {
    match stopped {
        Stopped::Cut => Failure::ClientGone,
        Stopped::Framing => {
            session.stats.downstream_cx_protocol_error.inc();
            Failure::BadRequest(HeadError::Malformed)
        }
        Stopped::Refused => Failure::RetryBuffer,
    }
}

/// All of the request was sent.
fn sent(exchange: &mut Exchange) {
    let record = &mut exchange.record;
    record.uploaded = true;
    let now = if exchange.request.message.chunked
        || exchange.request.message.content_length.unwrap_or(0) > 0
    {
        Instant::now()
    } else {
        // There was nothing to send but the head, as soon as there was a connection.
        record.connected.unwrap_or_else(Instant::now)
    };
    exchange.deadlines.active = Some(now);
    if exchange.record.sent.is_none() {
        complete(exchange, now);
        start_try(exchange);
    }
}

/// The request is complete: the route timeout starts.
fn complete(exchange: &mut Exchange, now: Instant) {
    let record = &mut exchange.record;
    record.sent = Some(now);
    exchange.deadlines.active = Some(now);
    exchange.deadlines.request = None;
    if exchange.deadlines.route.is_none() {
        exchange.deadlines.route = record.route_timeout.map(|limit| now + limit);
    }
}

/// Ready with a failure when a time limit has passed.
pub(super) fn poll_deadlines(
    cx: &mut Context<'_>,
    session: &mut Session,
    exchange: &Exchange,
) -> Poll<Failure> {
    match exchange.deadlines.next() {
        Some((at, failure)) => session.timer.poll(cx, Some(at)).map(|()| failure),
        None => Poll::Pending,
    }
}

/// Waits until `until`, or fails at a time limit of the request before that.
pub(super) fn poll_until(
    cx: &mut Context<'_>,
    session: &mut Session,
    exchange: &Exchange,
    until: Instant,
) -> Poll<Result<(), Failure>> {
    match exchange.deadlines.next() {
        Some((at, failure)) if at < until => {
            session.timer.poll(cx, Some(at)).map(|()| Err(failure))
        }
        _ => session.timer.poll(cx, Some(until)).map(Ok),
    }
}
