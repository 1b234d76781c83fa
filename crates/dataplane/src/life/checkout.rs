// SPDX-License-Identifier: Apache-2.0
//! Phase: checkout.
//!
//! In: a host. Out: a connection to it, from the pool, new, or after waiting in the queue.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::{bandwidth_limit, exchange::Exchange, pick_host::Target, session::Session};
use crate::{
    failure::Failure,
    http2::Opened,
    pool::{Checkout, Protocol, RequestLease, Ticket, Upstream, checkout as from_pool, give_back},
};

/// Gets a connection.
pub(super) async fn checkout(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let prompt = exchange.record.prompt.take();
    let mut now = prompt.unwrap_or_else(Instant::now);
    if exchange.upload.framing.done() && exchange.deadlines.route.is_none() {
        let limit = exchange.record.route_timeout;
        exchange.deadlines.route = limit.map(|limit| now + limit);
    }
    let lane = &exchange.record.lane;
    let upstream = match from_pool(&target.host, target.action.priority, lane)? {
        Checkout::Ready(upstream) => upstream,
        Checkout::Wait(ticket) => {
            let upstream = wait(session, exchange, &ticket).await?;
            now = Instant::now();
            upstream
        }
    };
    let priority = target.action.priority;
    let lease = match exchange.record.lane.protocol {
        Protocol::Tcp => Some(RequestLease::for_bytes(&target.host, priority)),
        _ => RequestLease::new(&target.host, priority),
    };
    let Some(lease) = lease else {
        give_back(upstream, now);
        session.worker.wake_sweeper();
        return Err(Failure::Overflow);
    };
    if let Some(route) = &exchange.record.route {
        route.upstream_rq_total.inc();
    }
    if upstream.requests == 0 {
        target.host.connected();
    }
    if exchange.log.wanted && session.manager.logs.reads_ends[1] {
        exchange.log.upstream = upstream.stream.local_addr();
    }
    let shared = upstream.is_shared();
    exchange.upload.trailers = exchange.request.message.chunked
        && match (session.stream.is_http2(), shared) {
            (false, false) => false,
            (false, true) => session.manager().trailers,
            (true, false) => target.cluster.config.trailers,
            (true, true) => true,
        };
    attach(exchange, upstream, lease, now)?;
    if exchange.record.filters.is_some() {
        bandwidth_limit::request(session, exchange);
    }
    Ok(())
}

/// The request has a connection since `now`.
fn attach(
    exchange: &mut Exchange,
    mut upstream: Box<Upstream>,
    lease: RequestLease,
    now: Instant,
) -> Result<(), Failure> {
    upstream.requests += 1;
    if !upstream.preface.is_empty() {
        let preface = std::mem::take(&mut upstream.preface);
        exchange.upload.prepend(preface);
    }
    let opened = if upstream.is_shared() {
        open(exchange, &mut upstream)
    } else {
        Ok(())
    };
    exchange.upstream = Some(upstream);
    exchange.lease = Some(lease);
    let limit = exchange.record.upstream_limit;
    exchange.deadlines.upstream = limit.map(|limit| now + limit);
    exchange.record.connected = Some(now);
    if exchange.record.sent.is_some() {
        start_try(exchange);
    }
    opened
}

/// Sends the head on a connection of HTTP/2; only the body stays in the upload, without framing.
fn open(exchange: &mut Exchange, upstream: &mut Upstream) -> Result<(), Failure> {
    exchange.record.shared = true;
    let upload = &mut exchange.upload;
    upload.strip_framing();
    let opened = upstream.open(&Opened {
        head: upload.head(),
        https: exchange.record.https,
        ends: upload.ends_with_head(),
    });
    upload.drop_head();
    opened
}

/// The limits of the attempt start: the request is complete and has a connection.
pub(super) fn start_try(exchange: &mut Exchange) {
    let (retry, deadlines) = (&exchange.retry, &mut exchange.deadlines);
    if retry.per_try.is_none() && retry.per_try_idle.is_none() {
        return;
    }
    let now = Instant::now();
    deadlines.per_try = retry.per_try.map(|limit| now + limit);
    deadlines.per_try_idle = retry.per_try_idle;
    deadlines.active = Some(now);
}

/// Waits in the queue; meanwhile the client may go away and time limits may pass.
async fn wait(
    session: &mut Session,
    exchange: &mut Exchange,
    ticket: &Ticket,
) -> Result<Box<Upstream>, Failure> {
    let waited = poll_fn(|cx| {
        if let Poll::Ready(outcome) = ticket.poll(cx) {
            return Poll::Ready(outcome);
        }
        session.inbox.park(&session.worker.buffers);
        if session.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        match exchange.deadlines.next() {
            Some((at, failure)) => session.timer.poll(cx, Some(at)).map(|()| Err(failure)),
            None => Poll::Pending,
        }
    })
    .await;
    if waited.is_err()
        && ticket.cancel()
        && let Some(stats) = &exchange.record.cluster
    {
        stats.upstream_rq_cancelled.inc();
    }
    waited
}
