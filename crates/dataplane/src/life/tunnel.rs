// SPDX-License-Identifier: Apache-2.0
//! Phase: tunnel, after an upgrade.
//!
//! In: two streams whose peers agreed to speak something else. Out: their bytes, both ways, until
//! either side closes or a limit passes. The route timeout ended with the 101.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::{
    bandwidth_limit,
    exchange::Exchange,
    forward_body::{poll_deadlines, upload_ends},
    respond::poll_download,
    session::Session,
};
use crate::{failure::Failure, http::Framing};

/// Carries bytes.
pub(super) async fn tunnel(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
    for pump in [&mut exchange.upload, &mut exchange.download] {
        pump.framing = Framing::Tunnel;
        pump.open = false;
    }
    if exchange.record.filters.is_some() {
        bandwidth_limit::tunnel(session, exchange);
    }
    exchange.deadlines.route = None;
    exchange.record.close = true;
    session.stats.downstream_cx_upgrades_total.inc();
    session.stats.downstream_cx_upgrades_active.add(1);
    let stats = session.stats.clone();
    let ended = poll_fn(|cx| {
        let down = poll_download(cx, session, exchange);
        let Some(upstream) = exchange.upstream.as_mut() else {
            return Poll::Ready(Ok(()));
        };
        let before = exchange.upload.written;
        let mut ends = upload_ends(session, &mut upstream.stream);
        let up = exchange.upload.poll(cx, &mut ends);
        if exchange.upload.written > before {
            exchange.deadlines.active = Some(Instant::now());
        }
        if let Some(limit) = exchange.upload.limit() {
            bandwidth_limit::note_request(limit, &mut exchange.deadlines);
        }
        match up {
            // A stream of HTTP/2 has two ends; a client's FIN ends all.
            Poll::Ready(Ok(())) if session.stream.is_http2() => {
                // An upstream that is gone says so to the other direction.
                let _ = upstream.stream.poll_shutdown(cx);
            }
            Poll::Ready(_) => {
                let row = Failure::ClientGone.row();
                (exchange.record.flag, exchange.record.details) = (row.flag, row.details);
                return Poll::Ready(Ok(()));
            }
            Poll::Pending => {}
        }
        if down.is_ready() {
            return Poll::Ready(Ok(()));
        }
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await;
    stats.downstream_cx_upgrades_active.add(-1);
    ended
}
