// SPDX-License-Identifier: Apache-2.0
//! Counters of one host, shared by all workers.
//!
//! In: outcomes of requests. Out: which thresholds were just reached. Costs three relaxed atomic
//! additions per request and no lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{Ejection, OutlierConfig};

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct HostMonitor {
    consecutive_5xx: AtomicU32,
    consecutive_gateway_failure: AtomicU32,
    consecutive_local_origin_failure: AtomicU32,
    external: Volume,
    local: Volume,
}

/// What the connection, not the answer, did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalOutcome {
    /// Connected, and no more will be heard of it. Without the split, as a 200.
    Complete,
    /// Connected. Without the split this says nothing.
    Connected,
    /// No connection, or reset before response headers. Without the split, as a 503.
    Failed,
    /// A route or per-try timeout. Without the split, as a 504.
    Timeout,
}

/// The thresholds that were just reached; at most two.
pub(crate) type Reached = [Option<Ejection>; 2];

/// Requests of one interval: all, and the good ones.
#[derive(Debug, Default)]
pub(crate) struct Volume {
    total: AtomicU64,
    good: AtomicU64,
}

impl HostMonitor {
    /// A response with this status.
    pub(crate) fn on_response(&self, status: u16, config: &OutlierConfig) -> Reached {
        let bad = (500..600).contains(&status);
        self.external.add(!bad);
        if !bad {
            // Stores only where there is something to reset: the line stays shared.
            clear(&self.consecutive_5xx);
            clear(&self.consecutive_gateway_failure);
            return [None, None];
        }
        let gateway = if (502..=504).contains(&status) {
            let reached = reaches(
                &self.consecutive_gateway_failure,
                config.consecutive_gateway_failure,
            );
            reached.then_some(Ejection::ConsecutiveGatewayFailure)
        } else {
            clear(&self.consecutive_gateway_failure);
            None
        };
        let reached = reaches(&self.consecutive_5xx, config.consecutive_5xx);
        [gateway, reached.then_some(Ejection::Consecutive5xx)]
    }

    /// What the connection did.
    pub(crate) fn on_local(&self, outcome: LocalOutcome, config: &OutlierConfig) -> Reached {
        if !config.split_external_local_origin_errors {
            return match outcome {
                LocalOutcome::Complete => self.on_response(200, config),
                LocalOutcome::Connected => [None, None],
                LocalOutcome::Failed => self.on_response(503, config),
                LocalOutcome::Timeout => self.on_response(504, config),
            };
        }
        let connected = matches!(outcome, LocalOutcome::Complete | LocalOutcome::Connected);
        self.local.add(connected);
        if connected {
            clear(&self.consecutive_local_origin_failure);
            return [None, None];
        }
        let reached = reaches(
            &self.consecutive_local_origin_failure,
            config.consecutive_local_origin_failure,
        );
        let ejection = Ejection::ConsecutiveLocalOriginFailure;
        [reached.then_some(ejection), None]
    }

    /// Starts one counter again, after its threshold was acted on.
    pub(super) fn restart(&self, ejection: Ejection) {
        match ejection {
            Ejection::Consecutive5xx => clear(&self.consecutive_5xx),
            Ejection::ConsecutiveGatewayFailure => clear(&self.consecutive_gateway_failure),
            Ejection::ConsecutiveLocalOriginFailure => {
                clear(&self.consecutive_local_origin_failure);
            }
            Ejection::FailurePercentage
            | Ejection::LocalOriginFailurePercentage
            | Ejection::LocalOriginSuccessRate
            | Ejection::SuccessRate => {}
        }
    }

    /// Starts all consecutive counters again.
    pub(super) fn restart_all(&self) {
        clear(&self.consecutive_5xx);
        clear(&self.consecutive_gateway_failure);
        clear(&self.consecutive_local_origin_failure);
    }

    /// Numbers of requests and of good ones since the last call: external, local origin.
    pub(super) fn take_volumes(&self) -> [(u64, u64); 2] {
        [self.external.take(), self.local.take()]
    }
}

impl Volume {
    fn add(&self, good: bool) {
        self.total.fetch_add(1, Relaxed);
        if good {
            self.good.fetch_add(1, Relaxed);
        }
    }

    fn take(&self) -> (u64, u64) {
        // A request between the two is split over intervals; a rate stays at most 100.
        let good = self.good.swap(0, Relaxed);
        (self.total.swap(0, Relaxed).max(good), good)
    }
}

/// Whether this failure is the one that reaches the threshold; later ones do not.
fn reaches(counter: &AtomicU32, threshold: u32) -> bool {
    counter.fetch_add(1, Relaxed).wrapping_add(1) == threshold
}

fn clear(counter: &AtomicU32) {
    if counter.load(Relaxed) != 0 {
        counter.store(0, Relaxed);
    }
}
