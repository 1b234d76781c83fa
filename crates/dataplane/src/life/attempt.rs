// SPDX-License-Identifier: Apache-2.0
//! One attempt at a request: the phases from checkout to the head of the response, and what an
//! attempt leaves behind that led to nothing.
//!
//! In: a request whose head is written, and a host. Out: a response head to look at, or a failure;
//! for those that are given up, numbers, and the upstream connection in the pool or closed.

use tokio::time::Instant;

use super::{
    admission,
    checkout::checkout,
    exchange::Exchange,
    forward_body::forward_body,
    pick_host::Target,
    receive_response_head::receive_response_head,
    respond::{framing, reusable},
    session::Session,
    trace,
};
use crate::{
    failure::{Blame, Failure},
    pool::{Closed, give_back},
};

/// Sends the request to the target's host and waits for the head of the response.
pub(super) async fn attempt(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let admission = target.cluster.admission.as_ref();
    if admission.is_some_and(|admission| !admission.admits()) {
        return Err(Failure::NotAdmitted);
    }
    checkout(session, exchange, target).await?;
    forward_body(session, exchange).await?;
    receive_response_head(session, exchange, target).await?;
    trace::note_response(exchange);
    if let Some(admission) = admission {
        admission::headed(exchange, admission);
    }
    Ok(())
}

/// The attempt that is on its way, if one is, failed.
pub(super) fn failed(session: &Session, exchange: &mut Exchange, failure: Failure) {
    trace::attempt_failed(session, exchange, failure);
    let begun = exchange.record.responding;
    if let Some(host) = exchange.record.host.take_if(|_| !begun) {
        host.failed(failure);
        count(exchange, failure);
        exchange.log.host = Some(host).filter(|_| exchange.log.wanted);
    } else if begun {
        count(exchange, failure);
    }
    release(exchange, failure);
}

/// The response to an attempt is not wanted: only its head was read.
pub(super) fn discard(session: &Session, exchange: &mut Exchange) {
    trace::attempt_discarded(session, exchange);
    exchange.record.host = None;
    exchange.lease = None;
    let status = exchange.response.status;
    let Some(mut upstream) = exchange.upstream.take() else {
        return;
    };
    if let Some(host) = upstream.host() {
        host.stats.rq_error.inc();
        host.cluster_stats.retry_upstream_rq.inc(status);
    }
    exchange.answer.consume(exchange.response.message.length);
    let ended = match upstream.stream.message() {
        Some(message) => message.ends(),
        None => framing(exchange, false).is_ok_and(|framing| {
            framing.done() && reusable(&exchange.response, &framing) && exchange.answer.is_empty()
        }),
    };
    exchange.answer.clear(&session.worker.buffers);
    if ended && exchange.record.uploaded {
        give_back(upstream, Instant::now());
        session.worker.wake_sweeper();
        return;
    }
    count_reset(exchange);
    upstream.close(Closed::LocalBusy);
}

/// Counts a failed attempt.
fn count(exchange: &Exchange, failure: Failure) {
    let Some(cluster) = &exchange.record.cluster else {
        return;
    };
    match failure {
        Failure::PerTryIdle => cluster.upstream_rq_per_try_idle_timeout.inc(),
        Failure::PerTryTimeout => cluster.upstream_rq_per_try_timeout.inc(),
        Failure::RouteTimeout => {
            cluster.upstream_rq_timeout.inc();
            if let Some(route) = &exchange.record.route {
                route.upstream_rq_timeout.inc();
            }
        }
        Failure::UpstreamMaxDuration => cluster.upstream_rq_max_duration_reached.inc(),
        Failure::Protocol => {
            cluster.upstream_cx_protocol_error.inc();
            if exchange.record.shared {
                cluster.http2_rx_messaging_error.inc();
            }
        }
        Failure::RefusedStream => cluster.http2_rx_reset.inc(),
        Failure::RemoteReset => {
            cluster.http2_rx_reset.inc();
            cluster.upstream_rq_rx_reset.inc();
        }
        _ => {}
    }
    let upstream = exchange.upstream.as_ref();
    let Some(host) = upstream.and_then(|upstream| upstream.host()) else {
        return;
    };
    match failure {
        Failure::PerTryIdle | Failure::PerTryTimeout | Failure::RouteTimeout => {
            host.stats.rq_timeout.inc();
        }
        Failure::Protocol | Failure::RefusedStream | Failure::RemoteReset | Failure::Terminated => {
            host.stats.rq_error.inc()
        }
        _ => {}
    }
    let ended_here = match failure {
        Failure::PerTryIdle
        | Failure::PerTryTimeout
        | Failure::RouteTimeout
        | Failure::UpstreamMaxDuration => true,
        _ => failure.row().blame != Blame::Upstream,
    };
    if ended_here {
        count_reset(exchange);
    }
}

/// Only streams of HTTP/2 are reset; a connection of HTTP/1 is closed.
fn count_reset(exchange: &Exchange) {
    if exchange.record.shared
        && let Some(cluster) = &exchange.record.cluster
    {
        cluster.upstream_rq_tx_reset.inc();
    }
}

/// Gives the upstream connection up.
fn release(exchange: &mut Exchange, failure: Failure) {
    exchange.lease = None;
    let Some(upstream) = exchange.upstream.take() else {
        return;
    };
    let by = match failure {
        Failure::Terminated | Failure::Protocol => Closed::RemoteBusy,
        Failure::RefusedStream | Failure::RemoteReset => Closed::Remote,
        _ => Closed::LocalBusy,
    };
    upstream.close(by);
}
