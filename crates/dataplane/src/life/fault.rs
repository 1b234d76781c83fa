// SPDX-License-Identifier: Apache-2.0
//! Faults on purpose.
//!
//! In: a request and what its route asks for. Out: the request, later; or the failure that it gets.

use std::{future::poll_fn, task::Poll, time::Duration};

use tokio::time::Instant;

use super::{exchange::Exchange, forward_body::poll_until, session::Session};
use crate::{failure::Failure, filter::Fault};

/// Delays the request, then perhaps gives it up: both are drawn for themselves.
pub(super) async fn fault(
    session: &mut Session,
    exchange: &mut Exchange,
    fault: &Fault,
) -> Result<(), Failure> {
    let stats = session.worker.fault_stats(&session.manager().stat_prefix);
    if let Some(time) = fault.draw_delay() {
        stats.delays_injected.inc();
        stats.active_faults.add(1);
        exchange.record.delayed = true;
        let waited = delay(session, exchange, time).await;
        stats.active_faults.add(-1);
        waited?;
    }
    match fault.draw_abort() {
        Some(abort) => {
            stats.aborts_injected.inc();
            Err(Failure::FaultAbort(abort))
        }
        None => Ok(()),
    }
}

/// Waits; meanwhile the client may go away and time limits may pass.
async fn delay(
    session: &mut Session,
    exchange: &mut Exchange,
    time: Duration,
) -> Result<(), Failure> {
    let until = Instant::now() + time;
    poll_fn(|cx| {
        if session.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        poll_until(cx, session, exchange, until)
    })
    .await?;
    exchange.deadlines.active = Some(Instant::now());
    Ok(())
}
