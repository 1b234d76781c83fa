// SPDX-License-Identifier: Apache-2.0
//! A host under active checks.
//!
//! In: results, of checks and of traffic. Out: its flags on the board, stats, and lines in the
//! event log.

use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError},
};

use sluicegate_xds::pb::envoy::{
    config::core::v3::Locality, data::core::v3::HealthCheckFailureType,
};

use super::{
    active::{ActiveConfig, CheckResult, HealthFlags, Step},
    checker::Outcome,
    events::{About, EventLog, HealthEvent},
};
use crate::{
    cluster::{Flag, HealthBoard, HostHealth},
    stats::HealthCheckStats,
};

/// The host.
pub(super) struct Subject {
    /// Its cluster.
    pub(super) cluster: Arc<str>,
    /// Its address.
    pub(super) address: SocketAddr,
    /// Where it runs.
    pub(super) locality: Option<Locality>,
    /// Its cluster's board.
    pub(super) board: Arc<HealthBoard>,
    /// Its place on the board.
    pub(super) host: Arc<HostHealth>,
    /// Its cluster's numbers.
    pub(super) stats: Arc<HealthCheckStats>,
    /// Where events go.
    pub(super) events: Option<Arc<EventLog>>,
}

impl Subject {
    /// Takes the result of a check.
    pub(super) fn checked(&self, outcome: Outcome, config: &ActiveConfig) -> Step {
        let Outcome {
            result, immediate, ..
        } = outcome;
        let (before, step, after) = self.change(|active| {
            if immediate {
                active.exclude();
            }
            active.on_result(result, config)
        });
        if let Some(log) = &self.events {
            self.log(log, outcome, [before, after], step.first_check);
        }
        step
    }

    /// A response to normal traffic failed the host.
    pub(super) fn fail_immediately(&self, config: &ActiveConfig) {
        let (before, _, after) = self.change(|active| active.fail_immediately(config));
        if let Some(log) = &self.events
            && !before.failed_active_hc
            && after.failed_active_hc
        {
            let why = HealthCheckFailureType::Passive;
            log.write(self.about(), HealthEvent::Eject { why, status: 0 });
        }
    }

    fn change(
        &self,
        change: impl FnOnce(&mut super::active::ActiveHealth) -> Step,
    ) -> (HealthFlags, Step, HealthFlags) {
        let active = &self.host.active;
        let mut active = active.lock().unwrap_or_else(PoisonError::into_inner);
        let before = active.flags();
        let step = change(&mut active);
        let after = active.flags();
        drop(active);
        count(&self.stats, step.stats);
        self.show(after);
        (before, step, after)
    }

    fn log(&self, log: &EventLog, outcome: Outcome, flags: [HealthFlags; 2], first_check: bool) {
        let Outcome { result, status, .. } = outcome;
        let write = |event| log.write(self.about(), event);
        let [before, after] = flags;
        if let CheckResult::Succeeded { .. } = result {
            if before.failed_active_hc && !after.failed_active_hc {
                write(HealthEvent::Add { first_check });
            }
            match (before.degraded_active_hc, after.degraded_active_hc) {
                (false, true) => write(HealthEvent::Degraded),
                (true, false) => write(HealthEvent::NoLongerDegraded),
                _ => {}
            }
            if log.config().successes {
                write(HealthEvent::Success);
            }
            return;
        }
        let why = result.why();
        if !before.failed_active_hc && after.failed_active_hc {
            write(HealthEvent::Eject { why, status });
        }
        if first_check || log.config().failures {
            write(HealthEvent::Failure {
                why,
                first_check,
                status,
            });
        }
    }

    fn about(&self) -> About<'_> {
        About {
            cluster: &self.cluster,
            address: self.address,
            locality: self.locality.as_ref(),
        }
    }

    /// Puts the flags on the board.
    fn show(&self, flags: HealthFlags) {
        let host = &self.host;
        let recovered = host.has(Flag::FailedActiveHc) && !flags.failed_active_hc;
        let changes = [
            (Flag::FailedActiveHc, flags.failed_active_hc),
            (Flag::PendingActiveHc, false),
            (Flag::DegradedActiveHc, flags.degraded_active_hc),
            (Flag::ActiveHcTimeout, flags.active_hc_timeout),
            (
                Flag::ExcludedViaImmediateHcFail,
                flags.excluded_via_immediate_hc_fail,
            ),
        ]
        .map(|(flag, up)| host.set(flag, up));
        if recovered {
            host.became_healthy(self.board.now());
        }
        if changes.contains(&true) {
            self.board.changed();
        }
    }
}

fn count(stats: &HealthCheckStats, names: &[&str]) {
    for name in names {
        match *name {
            "attempt" => stats.attempt.inc(),
            "success" => stats.success.inc(),
            "failure" => stats.failure.inc(),
            "network_failure" => stats.network_failure.inc(),
            "passive_failure" => stats.passive_failure.inc(),
            _ => {}
        }
    }
}
