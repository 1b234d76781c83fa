// SPDX-License-Identifier: Apache-2.0
//! Phase: finish.
//!
//! In: a request that is over. Out: its numbers, its upstream connection back in the pool or closed,
//! and what becomes of the client's connection.

use tokio::time::Instant;

use super::{
    exchange::Exchange,
    session::{After, Session},
    trace,
};
use crate::{
    cluster::Host,
    io::Stream,
    pool::{Closed, give_back},
    route::Wire,
};

/// Ends a request that was answered by the upstream.
pub(super) fn finish(session: &mut Session, exchange: &mut Exchange, now: Instant) -> After {
    let elapsed = elapsed(exchange, now);
    let clean = exchange.answer.is_empty();
    let reusable = exchange.record.reusable;
    if let Some(upstream) = exchange.upstream.take() {
        let stats = upstream.host();
        if let Some(host) = &stats {
            count_upstream(exchange, host, exchange.record.status, elapsed);
            if !clean {
                host.cluster_stats.upstream_cx_protocol_error.inc();
            }
        }
        // The request leaves the gauges when it has been counted, and before its connection may serve
        // another one.
        exchange.lease = None;
        if reusable && clean {
            give_back(upstream, now);
            session.worker.wake_sweeper();
        } else {
            upstream.close(Closed::Local);
        }
    }
    exchange.log.responded = exchange.log.wanted.then_some(now);
    exchange.answer.clear(&session.worker.buffers);
    count(session, exchange, elapsed);
    session.idle_since = Some(now);
    if !exchange.record.close {
        After::KeepAlive
    } else if said_all(session, exchange) {
        session.stats.downstream_cx_destroy_local.inc();
        After::Close
    } else {
        After::Linger
    }
}

/// Whether the client promised to send nothing more and has not: no reset can eat the response then,
/// and closing at once saves three system calls. TLS has its own goodbye to say.
fn said_all(session: &Session, exchange: &Exchange) -> bool {
    exchange.request.message.close
        && exchange.record.sent.is_some()
        && !exchange.record.switched
        && session.inbox.is_empty()
        && matches!(session.stream, Stream::Tcp(_))
}

/// Counts a response on the upstream's side, after this many milliseconds.
pub(super) fn count_upstream(exchange: &Exchange, host: &Host, status: u16, elapsed: u64) {
    let cluster = &host.cluster_stats;
    cluster.upstream_rq.inc(status);
    cluster.external_upstream_rq.inc(status);
    cluster.upstream_rq_time.record(elapsed);
    if let Some(route) = &exchange.record.route {
        route.upstream_rq.inc(status);
        route.upstream_rq_time.record(elapsed);
    }
    if status >= 500 {
        host.stats.rq_error.inc();
    } else {
        host.stats.rq_success.inc();
    }
}

/// Counts bytes and pauses, and the request on the client's side, which took this many milliseconds.
pub(super) fn count(session: &mut Session, exchange: &mut Exchange, elapsed: u64) {
    if exchange.record.trace.is_some() {
        trace::finish(session, exchange);
    }
    let stats = &session.stats;
    let (upload, download) = (&exchange.upload, &exchange.download);
    let mut wire = [None; 2];
    if !session.stream.is_http2() {
        // A connection of HTTP/2 counts for all its streams.
        let received = session.inbox.take_received();
        stats.downstream_cx_rx_bytes_total.add(received);
        stats.downstream_cx_tx_bytes_total.add(download.written);
        session.carried[0] += received;
        session.carried[1] += download.written;
        wire[0] = Some(Wire {
            received,
            sent: download.written,
        });
    }
    let received = exchange.answer.take_received();
    if !exchange.record.shared {
        wire[1] = Some(Wire {
            received,
            sent: upload.written,
        });
    }
    if exchange.log.wanted {
        exchange.log.wire = wire;
    }
    if let Some(cluster) = &exchange.record.cluster {
        if !exchange.record.shared {
            cluster.upstream_cx_tx_bytes_total.add(upload.written);
            cluster.upstream_cx_rx_bytes_total.add(received);
        }
        cluster.retry_or_shadow_abandoned.add(upload.abandoned);
        cluster
            .upstream_flow_control_backed_up_total
            .add(upload.waits.0);
        cluster
            .upstream_flow_control_drained_total
            .add(upload.waits.1);
        cluster
            .upstream_flow_control_paused_reading_total
            .add(download.waits.0);
        cluster
            .upstream_flow_control_resumed_reading_total
            .add(download.waits.1);
        stats
            .downstream_flow_control_paused_reading_total
            .add(upload.waits.0);
        stats
            .downstream_flow_control_resumed_reading_total
            .add(upload.waits.1);
    }
    let record = &exchange.record;
    if !record.received {
        return;
    }
    stats.downstream_rq_active.add(-1);
    stats.downstream_rq.inc(record.status);
    stats.downstream_rq_time.record(elapsed);
}

/// Milliseconds from the first byte of the request to `now`.
pub(super) fn elapsed(exchange: &Exchange, now: Instant) -> u64 {
    let elapsed = exchange
        .record
        .started
        .map(|at| now.duration_since(at).as_millis());
    elapsed.map_or(0, |elapsed| u64::try_from(elapsed).unwrap_or(u64::MAX))
}
