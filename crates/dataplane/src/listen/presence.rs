// SPDX-License-Identifier: Apache-2.0
//! A connection in its listener's numbers, until this is dropped.

use std::sync::Arc;

use tokio::time::Instant;

use crate::stats::ListenerStats;

/// The connection.
#[derive(Debug)]
pub(crate) struct Presence {
    stats: Arc<ListenerStats>,
    since: Instant,
}

impl Presence {
    /// From now on.
    pub(crate) fn new(stats: Arc<ListenerStats>) -> Self {
        stats.downstream_cx_total.inc();
        stats.downstream_cx_active.add(1);
        Self {
            stats,
            since: Instant::now(),
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let stats = &self.stats;
        stats.downstream_cx_active.add(-1);
        stats.downstream_cx_destroy.inc();
        let length = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.downstream_cx_length_ms.record(length);
    }
}
