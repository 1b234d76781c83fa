// SPDX-License-Identifier: Apache-2.0
//! The one timer of a connection.
//!
//! In: the deadline that counts right now. Out: ready when it has passed. The runtime's timer is
//! touched only when a deadline comes closer than the one it is set to, or another task asks; when
//! it fires early it is set again. So a request that finishes in time costs no timer work.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};

/// A timer that is re-armed lazily.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom it will wake.
    waker: Option<Waker>,
}

impl Timer {
    /// Ready once `deadline` has passed. May wake the task without reason.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        let waits = self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        } else if waits && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        loop {
            // Whoever has used his budget up is polled again at once, but nobody listens until then.
            let listens = coop::has_budget_remaining();
            if sleep.as_mut().poll(cx).is_pending() {
                if !listens {
                    self.waker = None;
                } else if !waits {
                    self.waker = Some(cx.waker().clone());
                }
                return Poll::Pending;
            }
            if sleep.deadline() >= deadline || Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin, time::Duration};

    use tokio::time::timeout;

    use super::*;

    /// A long transfer can use the task's budget up before it looks at the timer.
    #[tokio::test]
    async fn a_task_without_budget_is_woken_nevertheless() {
        let mut timer = Timer::default();
        for exhausted in 0..3 {
            let deadline = Some(Instant::now() + Duration::from_millis(20));
            let mut polls = 0;
            let rings = poll_fn(|cx| {
                polls += 1;
                while polls == exhausted && pin!(coop::consume_budget()).poll(cx).is_ready() {}
                timer.poll(cx, deadline)
            });
            let rang = timeout(Duration::from_secs(60), rings).await;
            rang.expect("woken");
        }
    }
}
