// SPDX-License-Identifier: Apache-2.0
//! Requests that are taken in whole before they go on.
//!
//! In: a request whose body is on its way. Out: the same with its body at hand, its length known; or
//! the failure of one that is too large.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::{exchange::Exchange, forward_body::poll_deadlines, session::Session};
use crate::{
    failure::Failure,
    http::{Framing, HeadError},
};

/// Takes in at most `limit` bytes of body.
pub(super) async fn request_buffer(
    session: &mut Session,
    exchange: &mut Exchange,
    limit: usize,
) -> Result<(), Failure> {
    if exchange.upload.framing.done() || exchange.record.upgrade.is_some() {
        return Ok(());
    }
    let length = exchange.request.message.length;
    let head = session.inbox.bytes()[..length].to_vec();
    session.inbox.consume(length);
    tell_to_continue(session, exchange);
    let framing = std::mem::take(&mut exchange.upload.framing);
    exchange.upload.framing = framing.bare();
    let mut body = Vec::new();
    let collected = collect(session, exchange, limit, &mut body).await;
    if collected.is_err() {
        body.clear();
    }
    // The head keeps its place: others have spans into it.
    let rest = session.inbox.bytes().to_vec();
    let buffers = &session.worker.buffers;
    session.inbox.clear(buffers);
    session.inbox.render(buffers, |out| {
        for part in [head, body, rest] {
            out.extend_from_slice(&part);
        }
    });
    collected
}

/// Envoy itself tells the client to go on; a client that did not wait is not told.
fn tell_to_continue(session: &mut Session, exchange: &mut Exchange) {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    if !exchange.request.message.expects_continue || !session.inbox.is_empty() {
        return;
    }
    match session.stream.message() {
        Some(message) => message.send_continue(),
        None => exchange.download.out.extend_from_slice(CONTINUE),
    }
}

async fn collect(
    session: &mut Session,
    exchange: &mut Exchange,
    limit: usize,
    body: &mut Vec<u8>,
) -> Result<(), Failure> {
    poll_fn(|cx| {
        if !exchange.download.out.is_empty() {
            // A few bytes on an empty socket.
            let out = std::mem::take(&mut exchange.download.out);
            let _ = session.stream.poll_write(cx, &out, b"");
        }
        loop {
            take(session, exchange, limit, body)?;
            if exchange.upload.framing.done() {
                complete(exchange, body.len());
                return Poll::Ready(Ok(()));
            }
            let most = session.listener.buffer_limit;
            let buffers = &session.worker.buffers;
            let filled = session
                .inbox
                .poll_fill(cx, &mut session.stream, buffers, most);
            match filled {
                Poll::Ready(Ok(0)) => {
                    if !exchange.upload.framing.closed(b"", &mut Vec::new()) {
                        return Poll::Ready(Err(Failure::ClientGone));
                    }
                }
                Poll::Ready(Ok(_)) => exchange.deadlines.active = Some(Instant::now()),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Failure::ClientGone)),
                Poll::Pending => return poll_deadlines(cx, session, exchange).map(Err),
            }
        }
    })
    .await
}

/// Moves what has come into the body.
fn take(
    session: &mut Session,
    exchange: &mut Exchange,
    limit: usize,
    body: &mut Vec<u8>,
) -> Result<(), Failure> {
    while !session.inbox.is_empty() && !exchange.upload.framing.done() {
        let framing = &mut exchange.upload.framing;
        let staged = framing.stage(session.inbox.bytes(), &mut Vec::new());
        let Ok(staged) = staged else {
            session.stats.downstream_cx_protocol_error.inc();
            return Err(Failure::BadRequest(HeadError::Malformed));
        };
        if staged.taken == 0 {
            return Ok(());
        }
        body.extend_from_slice(&session.inbox.bytes()[staged.raw]);
        session.inbox.consume(staged.taken);
        if body.len() > limit {
            return Err(Failure::PayloadTooLarge);
        }
    }
    Ok(())
}

/// From here on the request is one of known length.
fn complete(exchange: &mut Exchange, length: usize) {
    let message = &mut exchange.request.message;
    if message.content_length.is_none() {
        exchange.record.collected = Some(length as u64);
    }
    message.content_length = Some(length as u64);
    message.chunked = false;
    exchange.upload.framing = Framing::Length(length as u64);
    exchange.deadlines.request = None;
}
