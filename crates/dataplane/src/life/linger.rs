// SPDX-License-Identifier: Apache-2.0
//! Closing a client connection without losing what was sent on it.
//!
//! In: a connection whose last response was written. Out: FIN, then whatever the client still sends
//! is thrown away until it closes or `delayed_close_timeout` passes; closing at once would make the
//! kernel reset the connection and drop the response on the way.

use std::{future::poll_fn, task::Poll};

use tokio::time::Instant;

use super::session::Session;

/// Lingers.
pub(super) async fn linger(session: &mut Session) {
    let limit = session.manager().delayed_close_timeout;
    let deadline = limit.map(|limit| Instant::now() + limit);
    let mut shut = false;
    let timed_out = poll_fn(|cx| {
        if !shut && session.stream.poll_shutdown(cx).is_pending() {
            return session.timer.poll(cx, deadline).map(|()| true);
        }
        shut = true;
        loop {
            session.inbox.clear(&session.worker.buffers);
            let buffers = &session.worker.buffers;
            match session
                .inbox
                .poll_fill(cx, &mut session.stream, buffers, usize::MAX)
            {
                Poll::Ready(Ok(count)) if count > 0 && deadline.is_some() => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending if deadline.is_none() => return Poll::Ready(false),
                Poll::Pending => return session.timer.poll(cx, deadline).map(|()| true),
            }
        }
    })
    .await;
    session.inbox.clear(&session.worker.buffers);
    if timed_out {
        session.stats.downstream_cx_delayed_close_timeout.inc();
    }
}
