// SPDX-License-Identifier: Apache-2.0
//! `server.*`: the numbers of the process itself, those of `control.*` that are looked up, and the
//! flush timer.
//!
//! In: the parts of a running gateway. Out: gauges that are fresh at every flush.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sluicegate_dataplane::State;
use sluicegate_kube::Writes;
use sluicegate_stats::{Registry, ServerStats};
use tokio::sync::watch;

use super::{admin, control_stats::OutcomeStats, view::Shared, wait};

/// Envoy's flush interval: histograms show a value after it.
const FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// Registers `server.*` and flushes until told to stop.
pub(super) async fn flush(
    shared: Arc<Shared>,
    workers: usize,
    writes: Option<Arc<Writes>>,
    quitting: watch::Receiver<bool>,
) {
    let stats = Arc::new(ServerStats::default());
    shared.registry.register("server.", &stats);
    let outcome = Arc::new(OutcomeStats::default());
    shared.registry.register("control.", &outcome);
    stats
        .concurrency
        .set(i64::try_from(workers).unwrap_or(i64::MAX));
    let mut started = Some(shared.started);
    let mut interval = tokio::time::interval(FLUSH_INTERVAL);
    let mut done = std::pin::pin!(wait(quitting));
    loop {
        update(&stats, &shared, &mut started);
        outcome.update(&shared, writes.as_ref());
        shared.registry.flush();
        shared.samples.take(&shared.registry);
        tokio::select! {
            () = &mut done => return,
            _ = interval.tick() => {}
        }
    }
}

fn update(stats: &ServerStats, shared: &Shared, started: &mut Option<Instant>) {
    let state = shared.data_plane.state();
    let live = state == State::Live;
    if let Some(start) = started.take_if(|_| live) {
        let took = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        stats.initialization_time_ms.record(took);
    }
    stats.live.set(i64::from(live));
    stats.state.set(match state {
        State::Live => 0,
        State::Draining => 1,
        State::PreInitializing => 2,
        State::Initializing => 3,
    });
    stats
        .uptime
        .set(i64::try_from(shared.started.elapsed().as_secs()).unwrap_or(i64::MAX));
    stats.total_connections.set(connections(&shared.registry));
    let memory = admin::memory();
    let bytes = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    stats.memory_heap_size.set(bytes(memory.heap_size));
    stats
        .memory_physical_size
        .set(bytes(memory.total_physical_bytes));
}

/// Open client connections over all listeners.
fn connections(registry: &Registry) -> i64 {
    let collected = registry.collect();
    let active = collected.values().filter(|(name, _)| {
        name.starts_with("listener.") && name.ends_with(".downstream_cx_active")
    });
    active.map(|(_, value)| value).sum()
}
