// SPDX-License-Identifier: Apache-2.0
//! Phase: receive head.
//!
//! In: the first bytes of a request. Out: its parsed head, checked against the listener's settings.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::{exchange::Exchange, http2, session::Session};
use crate::{
    failure::Failure,
    http::{Framing, HeadError, Parsed, Trailers},
    plan::{StripPort, Underscores},
};

/// Reads and parses the head.
pub(super) async fn receive_head(
    session: &mut Session,
    exchange: &mut Exchange,
) -> Result<(), Failure> {
    let now = Instant::now();
    exchange.record.started = Some(now);
    exchange.record.prompt = Some(now);
    exchange.log.wanted = !session.manager.logs.is_empty();
    if session.stream.is_http2() {
        return http2::receive_head(session, exchange, now);
    }
    let limits = session.manager().limits;
    let parsed = match parse(session, exchange, limits) {
        // The head is whole and its body well delimited: the connection may go on.
        Err(refused @ Failure::BadRequest(HeadError::Path | HeadError::MissingHost)) => {
            accept(session, exchange, now)?;
            return Err(refused);
        }
        other => other?,
    };
    if parsed == Parsed::Partial {
        let manager = &session.manager;
        exchange.deadlines.headers = manager.request_headers_timeout.map(|limit| now + limit);
        exchange.deadlines.request = manager.request_timeout.map(|limit| now + limit);
        exchange.deadlines.idle = manager.stream_idle_timeout;
        exchange.deadlines.active = Some(now);
        read_on(session, exchange).await?;
        exchange.deadlines.headers = None;
        exchange.log.headed = exchange.log.wanted.then(Instant::now);
        exchange.record.prompt = None;
    }
    accept(session, exchange, now)
}

async fn read_on(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    poll_fn(|cx| {
        loop {
            let limits = session.manager.limits;
            let buffers = &session.worker.buffers;
            let filled = session
                .inbox
                .poll_fill(cx, &mut session.stream, buffers, limits.bytes);
            match filled {
                Poll::Ready(Ok(count)) if count > 0 => {
                    // Only a line end can complete a head: no second look at every single byte.
                    let fresh = &session.inbox.bytes()[session.inbox.len() - count..];
                    let full = session.inbox.len() >= limits.bytes;
                    if (full || fresh.contains(&b'\n'))
                        && parse(session, exchange, limits)? == Parsed::Complete
                    {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Ready(_) => return Poll::Ready(Err(Failure::ClientGone)),
                Poll::Pending => {
                    let Some((at, failure)) = exchange.deadlines.next() else {
                        return Poll::Pending;
                    };
                    return session.timer.poll(cx, Some(at)).map(|()| Err(failure));
                }
            }
        }
    })
    .await
}

fn parse(
    session: &Session,
    exchange: &mut Exchange,
    limits: crate::http::Limits,
) -> Result<Parsed, Failure> {
    exchange
        .request
        .parse(session.inbox.bytes(), limits)
        .map_err(|error| {
            session.stats.downstream_cx_protocol_error.inc();
            Failure::BadRequest(error)
        })
}

/// Applies the listener's settings to a complete head.
pub(super) fn accept(
    session: &mut Session,
    exchange: &mut Exchange,
    now: Instant,
) -> Result<(), Failure> {
    let http2 = session.stream.is_http2();
    session.requests += 1;
    let manager = &session.manager;
    let stats = &session.stats;
    stats.downstream_rq_total.inc();
    if http2 {
        stats.downstream_rq_http2_total.inc();
    } else {
        stats.downstream_rq_http1_total.inc();
    }
    stats.downstream_rq_active.add(1);
    stats.rq_total.inc();
    let bytes = session.inbox.bytes();
    let message = &exchange.request.message;
    let record = &mut exchange.record;
    record.received = true;
    record.close = message.close;
    record.head_only = exchange.request.method.of(bytes) == b"HEAD";
    if message.underscores && manager.underscores == Underscores::Reject {
        let codec = session.codec_stats();
        codec.requests_rejected_with_underscores_in_headers.inc();
        return Err(if http2 {
            Failure::Http2Underscore
        } else {
            Failure::Underscore
        });
    }
    if message.underscores && manager.underscores == Underscores::Drop {
        let names = message.fields.iter().map(|field| field.name.of(bytes));
        let dropped = names.filter(|name| name.contains(&b'_')).count();
        let codec = session.codec_stats();
        codec.dropped_headers_with_underscores.add(dropped as u64);
    }
    let limit = manager.max_requests_per_connection;
    // A connection of HTTP/2 counts for all its streams.
    if limit > 0 && session.requests >= limit && !http2 {
        record.close = true;
        stats.downstream_cx_max_requests_reached.inc();
    }
    exchange.upload.framing = if message.chunked && http2 {
        Framing::UntilClose
    } else if message.chunked {
        Framing::chunked(Trailers::Drop)
    } else {
        Framing::Length(message.content_length.unwrap_or(0))
    };
    match manager.strip_port {
        StripPort::No => {}
        StripPort::Any => exchange.request.strip_port(bytes, None),
        StripPort::Own => {
            let port = session.bound.port();
            exchange.request.strip_port(bytes, Some(port));
        }
    }
    if manager.paths.any() {
        let normalized = exchange.request.normalize(bytes, manager.paths);
        normalized.map_err(Failure::BadRequest)?;
    }
    let deadlines = &mut exchange.deadlines;
    deadlines.active = Some(now);
    deadlines.idle = manager.stream_idle_timeout;
    deadlines.stream = manager.max_stream_duration.map(|limit| now + limit);
    deadlines.request = manager.request_timeout.map(|limit| now + limit);
    // What follows it belongs to its tunnel, even if there is none.
    record.close |= exchange.request.connect;
    Ok(())
}
