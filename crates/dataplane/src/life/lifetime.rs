// SPDX-License-Identifier: Apache-2.0
//! When a client connection has lived long enough.
//!
//! In: what it is told from outside, and `max_connection_duration`. Out: whether a response is its
//! last one, and when it is closed. The reason is counted once per connection.

use tokio::time::Instant;

use super::session::{Session, Version};
use crate::worker::Drain;

impl Session {
    /// Whether a response that is sent now must be the last one.
    pub(super) fn draining(&self) -> bool {
        self.ends(Drain::closes)
    }

    /// Whether no further request may come at all.
    pub(super) fn must_end(&self) -> bool {
        self.ends(Drain::is_certain)
    }

    /// When it is closed if no request runs.
    pub(super) fn close_at(&self) -> Option<Instant> {
        let drained = self.mark.drain.get().map(|drain| drain.close_at);
        let expired = self.expires_at().and_then(|at| match self.version {
            Some(Version::Http1) => {
                let manager = self.manager();
                (!manager.http1_safe_duration).then_some(at + manager.drain_timeout)
            }
            _ => Some(at),
        });
        [drained, expired].into_iter().flatten().min()
    }

    /// When `max_connection_duration` is over.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        Some(self.opened + self.manager().max_connection_duration?)
    }

    fn ends(&self, drains: impl Fn(Drain) -> bool) -> bool {
        let drained = self.worker.draining.get() || self.mark.drain.get().is_some_and(drains);
        let expired = !drained && self.expires_at().is_some_and(|at| at <= Instant::now());
        if (drained || expired) && !self.mark.counted.replace(true) {
            let stats = &self.stats;
            let reason = if drained {
                &stats.downstream_cx_drain_close
            } else {
                &stats.downstream_cx_max_duration_reached
            };
            reason.inc();
        }
        drained || expired
    }
}
