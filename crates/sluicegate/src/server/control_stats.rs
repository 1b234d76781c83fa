// SPDX-License-Identifier: Apache-2.0
//! `control.*`: the numbers of what turns manifests, or objects of an API server, into snapshots.
//!
//! In: rounds as they come, and what the planes and the API server said by now. Out: counters, gauges
//! and histograms; `docs/reference/admin.md` has what each means.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use sluicegate_kube::Writes;
use sluicegate_manifest::{Diagnostic, Severity};
use sluicegate_stats::stat_group;

use super::view::Shared;
use crate::pipeline::Round;

stat_group! {
    /// Of each round; under `control.`.
    pub(super) struct RoundStats {
        /// Rounds that came to something.
        rounds: Counter,
        /// Rounds whose input could not be read at all.
        rounds_failed: Counter,
        /// From the beginning of a round to the snapshot.
        round_ms: Histogram,
        /// From the moment when a change was noticed to the snapshot that has it.
        change_to_snapshot_ms: Histogram,
        /// Backends that were translated, not taken from the round before.
        backends_translated: Counter,
        /// Backends, of the newest round.
        backends: Gauge,
        /// Documents read, of the newest round.
        documents: Gauge,
        /// Findings of `check` that are errors, of the newest round.
        errors: Gauge,
        /// Findings that are warnings.
        warnings: Gauge,
        /// Files whose last good version stays in force.
        files_stale: Gauge,
        /// Resources that are not published, because Envoy would refuse them.
        resources_held_back: Gauge,
        /// Version of the newest snapshot.
        snapshot_version: TextReadout,
    }
}

stat_group! {
    /// Of what became of snapshots and status; fresh at every flush; under `control.`.
    pub(super) struct OutcomeStats {
        /// Resources that this data plane refuses.
        resources_refused: Gauge,
        /// Settings of resources that this data plane does not enforce.
        settings_not_enforced: Gauge,
        /// Listeners without a socket.
        listeners_unbound: Gauge,
        /// Whether this data plane enforces the newest snapshot.
        in_sync: Gauge,
        /// Version of the snapshot that this data plane enforces.
        enforced_version: TextReadout,
        /// Resources that connected Envoys refuse now.
        envoy_refusals: Gauge,
        /// Status that the API server took.
        status_writes: Counter,
        /// Status that it refused because the object had changed.
        status_conflicts: Counter,
        /// Status that it refused for another reason.
        status_failures: Counter,
    }
}

impl RoundStats {
    /// A round was published; `noticed` is when its change was, `started` when it began.
    pub(super) fn published(&self, noticed: Instant, started: Instant) {
        self.rounds.inc();
        self.round_ms.record(millis(started.elapsed()));
        self.change_to_snapshot_ms.record(millis(noticed.elapsed()));
    }

    /// What is in it, and what `check` finds.
    pub(super) fn count(&self, round: &Round, found: &[Diagnostic]) {
        let translation = &round.translation;
        self.backends_translated
            .add(translation.translated_backends as u64);
        self.backends.set(gauge(round.graph.backends.len()));
        self.documents.set(gauge(round.documents));
        let count = |severity| found.iter().filter(|it| it.severity == severity).count();
        self.errors.set(gauge(count(Severity::Error)));
        self.warnings.set(gauge(count(Severity::Warning)));
        let stale = round.files.iter().filter(|file| file.stale).count();
        self.files_stale.set(gauge(stale));
        self.resources_held_back
            .set(gauge(translation.refused.len()));
        self.snapshot_version
            .set(&translation.all.version().to_string());
    }
}

impl OutcomeStats {
    /// As it is now.
    pub(super) fn update(&self, shared: &Shared, writes: Option<&Arc<Writes>>) {
        let report = shared.data_plane.reports();
        self.resources_refused.set(gauge(report.resources.len()));
        self.settings_not_enforced
            .set(gauge(report.unsupported.len()));
        self.listeners_unbound.set(gauge(report.binds.len()));
        let wanted = shared.enforced.current().version();
        self.in_sync.set(i64::from(report.version == wanted));
        self.enforced_version.set(&report.version.to_string());
        if let Some(ads) = &shared.ads {
            self.envoy_refusals
                .set(gauge(ads.ledger().refusals().len()));
        }
        if let Some(writes) = writes {
            let written = [
                (&self.status_writes, &writes.done),
                (&self.status_conflicts, &writes.conflicts),
                (&self.status_failures, &writes.failed),
            ];
            for (counter, number) in written {
                let now = number.load(Ordering::Relaxed);
                counter.add(now.saturating_sub(counter.get()));
            }
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
