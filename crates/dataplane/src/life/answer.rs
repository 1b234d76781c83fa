// SPDX-License-Identifier: Apache-2.0
//! Answers made here: redirects, direct responses, and what a client gets to see of a failure.
//!
//! In: a route that answers itself, or a failure. Out: a response, or the cut end of one that had
//! begun; the numbers of both.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::{
    access_log, attempt, bandwidth_limit,
    compressor::{self, Compression},
    custom_response,
    exchange::Exchange,
    facts, filters, finish, http2,
    pump::Limit,
    session::{After, Session},
    trace,
};
use crate::{
    failure::{Blame, Failure},
    filter::{Replacement, Seen},
    http::{HeadError, LocalReply},
    route::{Action, Mutations, Route, push_location},
};

/// Answers by a redirect or a direct response.
pub(super) async fn route(
    session: &mut Session,
    exchange: &mut Exchange,
    route: &Route,
) -> Result<After, Failure> {
    let mut location = Vec::new();
    let (status, body): (u16, &[u8]) = match &route.action {
        Action::Direct(direct) => {
            session.stats.rq_direct_response.inc();
            if matches!(direct.status, 201 | 300..400) {
                let bytes = session.inbox.bytes();
                let authority = exchange.request.authority.of(bytes);
                let target = exchange.request.path_of(bytes);
                location = [session.scheme, b"://", authority, target].concat();
            }
            (direct.status, &direct.body)
        }
        Action::Redirect(redirect) => {
            // Envoy's `rq_redirect` is not about redirects of routes.
            session.stats.rq_direct_response.inc();
            let bytes = session.inbox.bytes();
            let head = &exchange.request;
            let authority = head.authority.of(bytes);
            push_location(
                redirect,
                session.scheme,
                authority,
                head.path_of(bytes),
                &mut location,
            );
            (redirect.status, b"")
        }
        Action::Route(_) => return Err(Failure::NoRoute),
    };
    exchange.record.details = "direct_response";
    access_log::keep_request(session, exchange, true);
    session.inbox.consume(exchange.request.message.length);
    exchange.record.taken = true;
    let reply = Reply {
        status,
        body,
        location: (!location.is_empty()).then_some(location.as_slice()),
        overloaded: false,
        direct: true,
        fields: None,
    };
    Ok(send(session, exchange, &reply).await)
}

/// Sends the client to the normal form of its path.
pub(super) async fn to_normal_path(
    session: &mut Session,
    exchange: &mut Exchange,
) -> Result<After, Failure> {
    let head = &exchange.request;
    if head.message.grpc {
        // Its clients do not follow.
        exchange.record.grpc = true;
        return Err(Failure::BadRequest(HeadError::Path));
    }
    let location = head.path_of(session.inbox.bytes()).to_vec();
    session
        .stats
        .downstream_rq_redirected_with_normalized_path
        .inc();
    exchange.record.details = "path_normalization_failed";
    access_log::keep_request(session, exchange, true);
    session.inbox.consume(exchange.request.message.length);
    exchange.record.taken = true;
    let reply = Reply {
        status: 307,
        body: b"",
        location: Some(&location),
        overloaded: false,
        direct: false,
        fields: None,
    };
    Ok(send(session, exchange, &reply).await)
}

/// Answers a failure, as far as that is still possible.
pub(super) async fn failure(
    session: &mut Session,
    exchange: &mut Exchange,
    failure: Failure,
) -> After {
    let row = failure.row();
    let record = &mut exchange.record;
    record.failure = Some(failure);
    record.flag = row.flag;
    record.details = if record.responding {
        row.late_details
    } else {
        row.details
    };
    if failure == Failure::ClientGone
        && let Some(message) = session.stream.message()
        && message.was_reset()
    {
        (record.flag, record.details) = ("DR", "http2.remote_reset");
    }
    tracing::debug!(
        retry = record.retry_flag,
        flag = record.flag,
        details = record.details,
        "request failed"
    );
    let trying = record.host.is_some();
    if record.received && !record.taken {
        let routed = !matches!(failure, Failure::BadRequest(_));
        access_log::keep_request(session, exchange, routed);
    }
    attempt::failed(session, exchange, failure);
    count(session, exchange, failure, trying);
    if exchange.record.responding {
        return cut(session, exchange).await;
    }
    if row.status == 0 {
        if failure == Failure::ClientGone {
            count_gone(session);
        } else {
            http2::reset(session);
        }
        finish::count(session, exchange, finish::elapsed(exchange, Instant::now()));
        return After::Close;
    }
    if exchange.record.received && !exchange.record.taken {
        exchange.record.taken = true;
        session.inbox.consume(exchange.request.message.length);
    }
    exchange.record.close |= if session.manager().stream_error {
        failure.breaks_connection()
    } else {
        failure.closes_by_default()
    };
    let body = if exchange.retry.retries > 0 {
        row.retried_body()
    } else {
        row.body.as_bytes().into()
    };
    let timed_out = failure.becomes_request_timeout() && exchange.record.sent.is_none();
    let reply = Reply {
        status: if timed_out { 408 } else { row.status },
        body: &body,
        location: None,
        overloaded: failure == Failure::Overflow,
        direct: false,
        fields: None,
    };
    send(session, exchange, &reply).await
}

struct Reply<'a> {
    status: u16,
    body: &'a [u8],
    location: Option<&'a [u8]>,
    overloaded: bool,
    /// By a redirect or a direct response, whose fields belong to it: a replacement has none of them.
    direct: bool,
    /// Fields of a replacement, which leaves out what filters add.
    fields: Option<&'a Mutations>,
}

/// Answers in the place of a response of this status.
pub(super) async fn replaced(
    session: &mut Session,
    exchange: &mut Exchange,
    status: u16,
    replacement: &Replacement,
) -> After {
    exchange.record.details = "";
    bandwidth_limit::replaced(session, exchange);
    let reply = Reply {
        status: replacement.status.unwrap_or(status),
        body: &replacement.body,
        location: None,
        overloaded: false,
        direct: false,
        fields: Some(&replacement.fields),
    };
    deliver(session, exchange, &reply).await
}

/// In boxes: a request that is forwarded does not carry the space along.
async fn send(session: &mut Session, exchange: &mut Exchange, reply: &Reply<'_>) -> After {
    let Some(filters) = exchange.record.filters.clone() else {
        return Box::pin(deliver(session, exchange, reply)).await;
    };
    let field = |name: &str| match name {
        "content-type" if !reply.body.is_empty() => Some(b"text/plain".to_vec()),
        "location" => reply.location.map(<[u8]>::to_vec),
        _ => None,
    };
    let grpc = exchange.record.grpc && reply.location.is_none();
    let seen = Seen {
        status: if grpc { 200 } else { reply.status },
        local: true,
        field: &field,
    };
    match custom_response::of_reply(session, &filters, &seen) {
        Some(replacement) => {
            if reply.direct {
                exchange.record.mutations = None;
            }
            Box::pin(replaced(session, exchange, seen.status, replacement)).await
        }
        None => Box::pin(deliver(session, exchange, reply)).await,
    }
}

async fn deliver(session: &mut Session, exchange: &mut Exchange, reply: &Reply<'_>) -> After {
    let now = Instant::now();
    let http2 = session.stream.is_http2();
    let complete = http2 || swallow(session, exchange);
    let record = &mut exchange.record;
    record.close |= !complete || session.draining();
    record.status = reply.status;
    record.responding = true;
    exchange.answer.clear(&session.worker.buffers);
    exchange.download.clear();
    let record = &exchange.record;
    let with_fields = reply.fields.map(|fields| {
        let mut all = record.mutations.as_deref().cloned().unwrap_or_default();
        all.add.retain(|added| !fields.removes(&added.name));
        all.add.extend(fields.add.iter().cloned());
        all
    });
    let changes = with_fields.as_ref().or(record.mutations.as_deref());
    let formatted = changes.and_then(|all| facts::of_reply(session, exchange, reply.status, all));
    let grpc = record.grpc && reply.location.is_none();
    let mut compression = match reply.fields {
        None if !grpc => compressor::of_reply(
            session,
            exchange,
            reply.status,
            reply.body,
            record.head_only,
        ),
        _ => Compression::default(),
    };
    let added = match reply.fields {
        Some(_) => Vec::new(),
        None => filters::response_fields(exchange, &mut compression),
    };
    let encoding = compression.encoding.as_mut();
    let encoded = encoding.and_then(|encoding| encoding.whole(reply.body).ok());
    LocalReply {
        status: reply.status,
        body: encoded.as_deref().unwrap_or(reply.body),
        encoded: encoded.is_some(),
        overloaded: reply.overloaded && !session.manager().suppress_envoy_headers,
        location: reply.location,
        attempts: record.tell_attempts.then_some(exchange.retry.retries + 1),
        close: record.close,
        head_only: record.head_only,
        grpc,
        grpc_status: record.failure.and_then(Failure::grpc_status),
        http2,
        mutations: formatted.as_ref().or(changes),
        added: &added,
        operation: record.trace.as_ref().and_then(|trace| trace.decorated()),
        manager: session.manager(),
        clock: &session.worker.clock,
        now,
    }
    .push(&mut exchange.download.out);
    if exchange.log.wanted {
        let length = exchange.log.keep_response(&exchange.download.out);
        let body = exchange.download.out.len() - length;
        exchange.download.note_body(body);
    }
    if exchange.record.trace.is_some() {
        trace::note_reply(exchange);
    }
    let headed = http2::send_response(session, exchange).is_ok();
    if reply.fields.is_none() && exchange.record.filters.is_some() {
        bandwidth_limit::reply(session, exchange);
    }
    let written = headed && flush(session, exchange).await;
    let now = match exchange.download.limit() {
        Some(_) => Instant::now(),
        None => now,
    };
    exchange.log.responded = (written && exchange.log.wanted).then_some(now);
    finish::count(session, exchange, finish::elapsed(exchange, now));
    match (written, exchange.record.close) {
        (false, _) => After::Close,
        (true, true) => After::Linger,
        (true, false) => After::KeepAlive,
    }
}

/// Takes the rest of a request body out of the inbox. Says whether all of it had arrived.
fn swallow(session: &mut Session, exchange: &mut Exchange) -> bool {
    if !exchange.record.received {
        return false;
    }
    if exchange.record.sent.is_some() {
        return true;
    }
    exchange.upload.unlimit();
    let mut ignored = Vec::new();
    let framing = &mut exchange.upload.framing;
    while !framing.done() && !session.inbox.is_empty() {
        match framing.stage(session.inbox.bytes(), &mut ignored) {
            Ok(staged) => session.inbox.consume(staged.taken),
            Err(_) => return false,
        }
    }
    framing.done()
}

/// The client did not wait for its answer: it reset the stream, or ended its only connection.
fn count_gone(session: &Session) {
    let stats = &session.stats;
    stats.downstream_rq_rx_reset.inc();
    if session.stream.is_http2() {
        session.worker.http2_stats.rx_reset.inc();
        return;
    }
    stats.downstream_cx_destroy_remote.inc();
    stats.downstream_cx_destroy_active_rq.inc();
    stats.downstream_cx_destroy_remote_active_rq.inc();
}

/// Sends what is in the download. Says whether the client took it.
async fn flush(session: &mut Session, exchange: &mut Exchange) -> bool {
    let limit = session.manager().stream_idle_timeout;
    let mut deadline = limit.map(|limit| Instant::now() + limit);
    poll_fn(|cx| {
        let (download, inbox) = (&mut exchange.download, &mut exchange.answer);
        match download.poll_rest(cx, inbox, &mut session.stream) {
            Poll::Ready(outcome) => Poll::Ready(outcome.is_ok()),
            Poll::Pending => {
                if download.limit().is_some_and(Limit::take_ticked) {
                    deadline = limit.map(|limit| Instant::now() + limit);
                }
                session.timer.poll(cx, deadline).map(|()| false)
            }
        }
    })
    .await
}

/// The response had begun: what was received goes out, then the connection ends without the proper
/// end of the body.
async fn cut(session: &mut Session, exchange: &mut Exchange) -> After {
    session.stats.downstream_rq_tx_reset.inc();
    session.stats.downstream_rq_rx_reset.inc();
    let gone = exchange.record.failure == Some(Failure::ClientGone);
    exchange.download.break_off();
    let flushed = !gone && flush(session, exchange).await;
    if !gone {
        http2::reset(session);
    }
    exchange.answer.clear(&session.worker.buffers);
    finish::count(session, exchange, finish::elapsed(exchange, Instant::now()));
    if flushed { After::Linger } else { After::Close }
}

/// Counts a failure on the client's side, and what it comes to for the cluster. `trying` says that
/// an attempt was on its way.
fn count(session: &Session, exchange: &Exchange, failure: Failure, trying: bool) {
    let stats = &session.stats;
    match failure {
        Failure::StreamIdle => stats.downstream_rq_idle_timeout.inc(),
        Failure::HeadersTimeout => stats.downstream_rq_header_timeout.inc(),
        Failure::RequestTimeout => stats.downstream_rq_timeout.inc(),
        Failure::MaxDuration => stats.downstream_rq_max_duration_reached.inc(),
        Failure::BadRequest(HeadError::Path) => {
            stats.downstream_rq_failed_path_normalization.inc();
        }
        _ => {}
    }
    let Some(cluster) = &exchange.record.cluster else {
        return;
    };
    let row = failure.row();
    let charged = match failure {
        Failure::Overflow | Failure::NoHealthyUpstream => true,
        Failure::RouteTimeout => trying,
        Failure::UpstreamMaxDuration => false,
        _ => row.blame == Blame::Upstream,
    };
    let status = match exchange.record.responding {
        true => exchange.record.status,
        false if charged => row.status,
        false => return,
    };
    cluster.upstream_rq.inc(status);
    cluster.external_upstream_rq.inc(status);
    if let Some(route) = &exchange.record.route {
        route.upstream_rq.inc(status);
    }
}
