// SPDX-License-Identifier: Apache-2.0
//! Phase: respond.
//!
//! In: the response head for the client and the upstream's body. Out: both on the client's
//! connection.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use tokio::time::Instant;

use super::{
    exchange::Exchange,
    forward_body::{poll_deadlines, poll_upload},
    pump::{Ends, Stopped},
    session::Session,
};
use crate::failure::Failure;

/// Sends the response. What is left of the request goes on as long as the upstream takes it.
pub(super) async fn respond(session: &mut Session, exchange: &mut Exchange) -> Result<(), Failure> {
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
        poll_deadlines(cx, session, exchange).map(Err)
    })
    .await
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
