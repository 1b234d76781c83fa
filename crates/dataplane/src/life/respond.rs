// SPDX-License-Identifier: Apache-2.0
//! Phase: respond.
//!
//! In: the response's head and the upstream's body. Out: both on the client's connection, the head
//! rewritten.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::{
    bandwidth_limit,
    compressor::{self, Compression},
    exchange::Exchange,
    facts, filters,
    forward_body::{poll_deadlines, poll_upload},
    pick_host::Target,
    pump::{Ends, Stopped},
    session::Session,
};
use crate::{
    failure::Failure,
    http::{DownstreamResponse, Framing, NameCase, ResponseHead, Trailers},
    route::Mutations,
};

/// Decides how the response goes on, and writes the client's head. Returns when.
pub(super) fn write_head(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<Instant, Failure> {
    let now = Instant::now();
    exchange.upload.let_go();
    exchange.deadlines.per_try = None;
    let config = &target.cluster.config;
    let manager = &session.manager;
    let switching = switches(exchange);
    let both = manager.trailers && config.trailers;
    let http2 = [
        session.stream.is_http2(),
        exchange
            .upstream
            .as_ref()
            .is_some_and(|up| up.stream.is_http2()),
    ];
    exchange.download.trailers = match http2 {
        [false, false] => false,
        [false, true] => manager.trailers,
        [true, false] => config.trailers && exchange.response.message.chunked,
        [true, true] => true,
    };
    let ended = exchange
        .upstream
        .as_mut()
        .and_then(|upstream| upstream.stream.message())
        .is_some_and(|message| message.ends());
    exchange.download.framing = match framing(exchange, both)? {
        Framing::UntilClose | Framing::Length(0) if ended => Framing::Empty,
        // Its trailers come after any length.
        Framing::Length(_) if http2 == [true, true] => Framing::UntilClose,
        other => other,
    };
    // What only waits for its limit has come.
    let complete = exchange.record.sent.is_some()
        || exchange.upload.limit().is_some_and(|limit| limit.has_all());
    if !complete {
        session
            .stats
            .downstream_rq_response_before_rq_complete
            .inc();
    }
    let refused_upgrade = exchange.record.upgrade.is_some() && !switching;
    exchange.download.open = switching;
    let record = &mut exchange.record;
    record.close |= !complete || session.draining() || refused_upgrade;
    record.status = exchange.response.status;
    record.responding = true;
    record.switched = switching;
    record.reusable =
        record.uploaded && (http2[1] || reusable(&exchange.response, &exchange.download.framing));
    // What was asked for is a tunnel, and not over.
    record.reusable &= http2[1] || !exchange.request.connect;
    if !persists(&exchange.response) {
        target.cluster.stats.upstream_cx_close_notify.inc();
    }
    let mut compression = match switching {
        false => {
            let ends = exchange.download.framing.done();
            compressor::of_upstream(session, exchange, ends)
        }
        true => Compression::default(),
    };
    let none = Mutations::default();
    let changes = exchange.record.mutations.as_deref().unwrap_or(&none);
    let formatted = facts::of_response(session, exchange, &target.host, changes);
    let added = filters::response_fields(exchange, &mut compression);
    let record = &exchange.record;
    let head_only = record.head_only;
    DownstreamResponse {
        bytes: exchange.answer.bytes(),
        head: &exchange.response,
        manager,
        mutations: formatted.as_ref().unwrap_or(changes),
        case: if config.preserve_response_case {
            NameCase::Preserve
        } else {
            manager.response_case
        },
        // A request for an upgrade has no end.
        service_time: record
            .sent
            .filter(|_| record.upgrade.is_none())
            .map(|sent| now - sent),
        close: record.close && !switching && !http2[0],
        chunked: !http2[0]
            && (matches!(
                exchange.download.framing,
                Framing::Chunked(..) | Framing::UntilClose
            ) || compression.encoding.is_some())
            && !switching
            || (!http2[0]
                && head_only
                && exchange.response.message.content_length.is_none()
                && !matches!(exchange.response.status, 204 | 304)),
        tunnel: switching && exchange.request.connect,
        upgrade: record
            .upgrade
            .as_deref()
            .filter(|_| switching && !exchange.request.connect),
        attempts: record.tell_attempts.then_some(exchange.retry.retries + 1),
        empty: ended
            && !switching
            && !http2[0]
            && !head_only
            && exchange.response.message.content_length.is_none()
            && !matches!(exchange.response.status, 204 | 304),
        edits: &compression.edits,
        added: &added,
        operation: record.trace.as_ref().and_then(|trace| trace.decorated()),
        set_cookies: &record.set_cookies,
        clock: &session.worker.clock,
        now,
    }
    .push(&mut exchange.download.out);
    if exchange.log.wanted {
        exchange.log.answered = Some(now);
        exchange.log.keep_response(&exchange.download.out);
    }
    if let Some(encoding) = compression.encoding {
        exchange.download.encode(encoding);
    }
    let length = exchange.response.message.length;
    exchange.answer.consume(length);
    exchange.deadlines.active = Some(now);
    super::http2::send_response(session, exchange)?;
    if exchange.record.filters.is_some() {
        bandwidth_limit::response(session, exchange);
    }
    Ok(now)
}

/// Whether the upstream agreed to an upgrade; one of HTTP/2 does so by a success.
pub(super) fn switches(exchange: &mut Exchange) -> bool {
    if exchange.record.upgrade.is_none() || exchange.request.connect {
        return opens(exchange);
    }
    let upstream = exchange.upstream.as_ref();
    if upstream.is_some_and(|upstream| upstream.stream.is_http2())
        && (200..300).contains(&exchange.response.status)
    {
        exchange.response.status = 101;
    }
    exchange.response.status == 101
}

/// Whether a tunnel begins behind the response: CONNECT takes any success for that.
fn opens(exchange: &Exchange) -> bool {
    let status = exchange.response.status;
    let agreed = match exchange.request.connect {
        true => (200..300).contains(&status),
        false => status == 101,
    };
    agreed && exchange.record.upgrade.is_some()
}

/// How the body of a response ends, by RFC 9112 6.3.
pub(super) fn framing(exchange: &Exchange, trailers: bool) -> Result<Framing, Failure> {
    let head = &exchange.response;
    let switching = opens(exchange);
    let message = &head.message;
    // To the client, a switch that it did not ask for is no answer yet: the next response would
    // become its answer.
    let unasked = head.status == 101 && !switching;
    let body = message.chunked || message.content_length.unwrap_or(0) > 0;
    if unasked || (head.status == 204 && body) {
        return Err(Failure::Protocol);
    }
    if exchange.record.head_only || matches!(head.status, 101 | 204 | 304) || switching {
        return Ok(Framing::Empty);
    }
    if message.chunked {
        return Ok(Framing::chunked(if trailers {
            Trailers::Forward
        } else {
            Trailers::Drop
        }));
    }
    match message.content_length {
        Some(length) => Ok(Framing::Length(length)),
        None => Ok(Framing::UntilClose),
    }
}

/// Whether the connection outlives a response of HTTP/1.
pub(super) fn reusable(head: &ResponseHead, framing: &Framing) -> bool {
    persists(head) && head.status != 101 && !matches!(framing, Framing::UntilClose)
}

/// RFC 9112 9.3.
fn persists(head: &ResponseHead) -> bool {
    !head.message.close && (!head.old || head.message.keep_alive)
}

/// Sends the response, whose head was written at `headed`. What is left of the request goes on as
/// long as the upstream takes it. Returns when it was over.
pub(super) async fn respond(
    session: &mut Session,
    exchange: &mut Exchange,
    headed: Instant,
) -> Result<Instant, Failure> {
    let mut waited = false;
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = poll_download(cx, session, exchange) {
            return Poll::Ready(outcome);
        }
        if let Poll::Ready(Err(Failure::ClientGone)) = poll_upload(cx, session, exchange) {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        if let Some(message) = session.stream.message()
            && message.poll_reset(cx).is_ready()
        {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        waited = true;
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await?;
    // Looking at the clock costs more than most of what lies between.
    Ok(if waited { Instant::now() } else { headed })
}

/// Moves the response on.
pub(super) fn poll_download(
    cx: &mut Context<'_>,
    session: &mut Session,
    exchange: &mut Exchange,
) -> Poll<Result<(), Failure>> {
    let Some(upstream) = exchange.upstream.as_mut() else {
        return Poll::Ready(Err(Failure::Terminated));
    };
    let limit = upstream
        .host()
        .map_or(usize::MAX, |host| host.config.buffer_limit);
    let before = exchange.download.written;
    let polled = exchange.download.poll(
        cx,
        &mut Ends {
            from: &mut upstream.stream,
            inbox: &mut exchange.answer,
            limit,
            to: &mut session.stream,
            buffers: &session.worker.buffers,
        },
    );
    let moved = exchange.download.written - before;
    match polled {
        Poll::Pending => {
            if moved > 0 {
                exchange.deadlines.active = Some(Instant::now());
            }
            if let Some(limit) = exchange.download.limit() {
                bandwidth_limit::note_response(limit, &mut exchange.deadlines);
            }
            Poll::Pending
        }
        Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
        Poll::Ready(Err(Stopped::Refused)) => Poll::Ready(Err(Failure::ClientGone)),
        Poll::Ready(Err(Stopped::Cut | Stopped::Framing)) => {
            let message = upstream.stream.message();
            let why = message.and_then(|message| message.failure());
            Poll::Ready(Err(why.unwrap_or(Failure::Protocol)))
        }
    }
}
