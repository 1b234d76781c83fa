// SPDX-License-Identifier: Apache-2.0
//! Phase: receive response head.
//!
//! In: a request that was sent, at least in part. Out: the response head; interim responses are
//! swallowed. The rest of the request goes on meanwhile.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use super::{
    exchange::Exchange,
    forward_body::{poll_deadlines, poll_upload},
    pick_host::Target,
    respond::framing,
    session::Session,
};
use crate::{
    failure::Failure,
    http::{HeadError, Limits, Parsed},
    pool::{Closed, Protocol},
};

/// Reads the head.
pub(super) async fn receive_response_head(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    if exchange.record.lane.protocol == Protocol::Tcp {
        // Nobody will answer: the connection is there.
        exchange.response.make(200);
        target.host.responded(200, || false);
        return Ok(());
    }
    let config = &target.cluster.config;
    let limits = Limits {
        count: config.max_headers_count,
        bytes: config.max_response_headers,
    };
    poll_fn(|cx| {
        let uploaded = poll_upload(cx, session, exchange)?;
        if let Poll::Ready(outcome) = poll_head(cx, session, exchange, limits) {
            return Poll::Ready(outcome);
        }
        if uploaded.is_ready() && session.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await?;
    target.host.responded(exchange.response.status, || {
        let (bytes, fields) = (exchange.answer.bytes(), &exchange.response.message.fields);
        fields
            .iter()
            .any(|field| field.name.of(bytes).eq_ignore_ascii_case(IMMEDIATE_FAIL))
    });
    framing(exchange, false).map(|_| ())
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
                    exchange.record.interims += 1;
                    if exchange.record.interims > MAX_INTERIMS {
                        return Poll::Ready(Err(Failure::Protocol));
                    }
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

/// Interim responses before the final one; ours, against an upstream that sends nothing else.
const MAX_INTERIMS: u8 = 100;
const IMMEDIATE_FAIL: &[u8] = b"x-envoy-immediate-health-check-fail";
