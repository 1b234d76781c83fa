// SPDX-License-Identifier: Apache-2.0
//! Looking after idle upstream connections.
//!
//! In: time. Out: connections closed when they reach `idle_timeout` or `max_connection_duration`, or
//! when the upstream closed them. One task per worker; it sleeps while nothing is idle, and costs a
//! request nothing.

use std::{rc::Rc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::Worker;

/// Sweeps for ever.
pub(super) async fn run(worker: Rc<Worker>) {
    loop {
        let now = Instant::now();
        match worker.sweep(now) {
            Some(next) => sleep_until(next.min(now + TICK)).await,
            None => {
                worker.sweeper_sleeps.set(true);
                worker.sweeper.notified().await;
            }
        }
    }
}

impl Worker {
    fn sweep(&self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for cluster in self.clusters.borrow().iter().flatten() {
            cluster.refresh();
            cluster.for_each_host(|host| {
                if let Some(at) = host.pool.sweep(host, now) {
                    next = Some(next.map_or(at, |next| next.min(at)));
                }
            });
        }
        next
    }
}

/// How late a close by the upstream may be noticed.
const TICK: Duration = Duration::from_millis(100);
