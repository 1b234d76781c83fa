// SPDX-License-Identifier: Apache-2.0
//! Phase: receive response head.
//!
//! In: a request that was sent, at least in part. Out: the response head, rewritten for the client,
//! ready in the download; interim responses are swallowed. The rest of the request goes on
//! meanwhile.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use super::{
    exchange::Exchange,
    facts,
    forward_body::{poll_deadlines, poll_upload},
    pick_host::Target,
    session::Session,
};
use crate::{
    failure::Failure,
    http::{DownstreamResponse, Framing, HeadError, Limits, NameCase, Parsed, Trailers},
    pool::Closed,
    route::Mutations,
};

/// Reads the head and decides how the response goes on.
pub(super) async fn receive_response_head(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let config = &target.cluster.config;
    let limits = Limits {
        count: config.max_headers_count,
        bytes: config.max_response_headers,
    };
    poll_fn(|cx| {
        let uploaded = poll_upload(cx, session, exchange)?;
        if uploaded.is_ready() && session.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        if let Poll::Ready(outcome) = poll_head(cx, session, exchange, limits) {
            return Poll::Ready(outcome);
        }
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await?;
    accept(session, exchange, target)
}

fn poll_head(
    cx: &mut Context<'_>,
    session: &Session,
    exchange: &mut Exchange,
    limits: Limits,
) -> Poll<Result<(), Failure>> {
    let Some(upstream) = exchange.upstream.as_mut() else {
        return Poll::Ready(Err(Failure::Terminated));
    };
    let buffers = &session.worker.buffers;
    if let Some(message) = upstream.stream.message() {
        let parts = ready!(message.poll_response(cx))?;
        let head = &mut exchange.response;
        let rendered = exchange
            .answer
            .render(buffers, |out| head.render(&parts, limits, out));
        return Poll::Ready(rendered.map_err(|error| refuse(exchange, error)));
    }
    loop {
        let before = exchange.answer.len();
        let filled =
            exchange
                .answer
                .poll_fill(cx, &mut upstream.stream, buffers, config_limit(limits));
        match filled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => {}
            Poll::Ready(_) if before > 0 => return Poll::Ready(Err(Failure::Protocol)),
            Poll::Ready(_) => return Poll::Ready(Err(Failure::Terminated)),
        }
        if !exchange.answer.bytes()[before..].contains(&b'\n') && exchange.answer.len() < 512 {
            continue;
        }
        loop {
            match exchange.response.parse(exchange.answer.bytes(), limits) {
                Ok(Parsed::Complete) if interim(exchange.response.status) => {
                    exchange.answer.consume(exchange.response.message.length);
                    if exchange.answer.is_empty() {
                        break;
                    }
                }
                Ok(Parsed::Complete) => return Poll::Ready(Ok(())),
                Ok(Parsed::Partial) => break,
                Err(_) => return Poll::Ready(Err(Failure::Protocol)),
            }
        }
    }
}

/// A head that the codec took and that breaks a limit of the cluster.
fn refuse(exchange: &mut Exchange, error: HeadError) -> Failure {
    let Some(stats) = &exchange.record.cluster else {
        return Failure::Protocol;
    };
    if error != HeadError::TooMany {
        stats.http2_rx_messaging_error.inc();
        return Failure::Protocol;
    }
    stats.http2_header_overflow.inc();
    // Envoy calls its own reset a remote one here.
    if let Some(upstream) = exchange.upstream.take() {
        upstream.close(Closed::LocalBusy);
    }
    Failure::RemoteReset
}

/// Room for the head and for what follows it in one read.
fn config_limit(limits: Limits) -> usize {
    limits.bytes.max(crate::io::Buffers::LARGE)
}

fn interim(status: u16) -> bool {
    status < 200 && status != 101
}

/// Decides framing and writes the client's head.
fn accept(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let now = Instant::now();
    target.host.responded(exchange.response.status, || {
        let (bytes, fields) = (exchange.answer.bytes(), &exchange.response.message.fields);
        fields
            .iter()
            .any(|field| field.name.of(bytes).eq_ignore_ascii_case(IMMEDIATE_FAIL))
    });
    let config = &target.cluster.config;
    let manager = &session.chain.manager;
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
    exchange.download.framing = match framing(exchange, both, switching)? {
        Framing::UntilClose | Framing::Length(0) if ended => Framing::Empty,
        // Its trailers come after any length.
        Framing::Length(_) if http2 == [true, true] => Framing::UntilClose,
        other => other,
    };
    let complete = exchange.record.sent.is_some();
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
        complete && (http2[1] || reusable(&exchange.response, &exchange.download.framing));
    let closes = exchange.response.message.close || exchange.response.old;
    if closes {
        target.cluster.stats.upstream_cx_close_notify.inc();
    }
    let none = Mutations::default();
    let changes = exchange.record.mutations.as_deref().unwrap_or(&none);
    let formatted = facts::of_response(session, exchange, &target.host, changes);
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
        service_time: record.sent.map_or_else(Default::default, |sent| now - sent),
        close: record.close && !switching && !http2[0],
        chunked: !http2[0]
            && matches!(
                exchange.download.framing,
                Framing::Chunked(..) | Framing::UntilClose
            )
            && !switching
            || (!http2[0] && head_only && exchange.response.message.content_length.is_none()),
        upgrade: record.upgrade.as_deref().filter(|_| switching),
        empty: ended
            && !http2[0]
            && !head_only
            && exchange.response.message.content_length.is_none()
            && !matches!(exchange.response.status, 204 | 304),
        set_cookies: &record.set_cookies,
        clock: &session.worker.clock,
        now,
    }
    .push(&mut exchange.download.out);
    let length = exchange.response.message.length;
    exchange.answer.consume(length);
    exchange.deadlines.active = Some(now);
    super::http2::send_response(session, exchange)
}

/// Whether the upstream agreed to an upgrade; one of HTTP/2 does so by a success.
fn switches(exchange: &mut Exchange) -> bool {
    if exchange.record.upgrade.is_none() {
        return false;
    }
    let upstream = exchange.upstream.as_ref();
    if upstream.is_some_and(|upstream| upstream.stream.is_http2())
        && (200..300).contains(&exchange.response.status)
    {
        exchange.response.status = 101;
    }
    exchange.response.status == 101
}

/// RFC 9112 6.3.
fn framing(exchange: &Exchange, trailers: bool, switching: bool) -> Result<Framing, Failure> {
    let head = &exchange.response;
    let message = &head.message;
    if head.status == 204 && message.content_length.unwrap_or(0) > 0 {
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

fn reusable(head: &crate::http::ResponseHead, framing: &Framing) -> bool {
    !head.message.close
        && !head.old
        && head.status != 101
        && !matches!(framing, Framing::UntilClose)
}

const IMMEDIATE_FAIL: &[u8] = b"x-envoy-immediate-health-check-fail";
