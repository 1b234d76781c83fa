// SPDX-License-Identifier: Apache-2.0
//! What outlier detection counts.
//!
//! In: events. Out: numbers under Envoy's names, to be shown under `outlier_detection.`.

use std::collections::BTreeMap;

use super::Ejection;

/// The numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutlierStats {
    /// Gauge `ejections_active`.
    pub(crate) active: u64,
    counters: BTreeMap<&'static str, u64>,
}

impl OutlierStats {
    /// The value of a counter.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }

    /// A test applied to a host, whatever comes of it.
    pub(super) fn detected(&mut self, ejection: Ejection) {
        self.inc(ejection.names().0);
        match ejection {
            Ejection::Consecutive5xx => self.inc("ejections_consecutive_5xx"),
            Ejection::SuccessRate | Ejection::LocalOriginSuccessRate => {
                self.inc("ejections_success_rate");
            }
            _ => {}
        }
    }

    /// `max_ejection_percent` allowed it; old name, still counted for two types.
    pub(super) fn allowed(&mut self, ejection: Ejection) {
        if matches!(ejection, Ejection::Consecutive5xx | Ejection::SuccessRate) {
            self.inc("ejections_total");
        }
    }

    /// A host was ejected.
    pub(super) fn enforced(&mut self, ejection: Ejection) {
        self.active += 1;
        self.inc("ejections_enforced_total");
        self.inc(ejection.names().1);
    }

    /// `max_ejection_percent` forbade it.
    pub(super) fn overflow(&mut self) {
        self.inc("ejections_overflow");
    }

    fn inc(&mut self, name: &'static str) {
        *self.counters.entry(name).or_default() += 1;
    }
}

impl Ejection {
    /// Counters: detected, enforced.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Consecutive5xx => (
                "ejections_detected_consecutive_5xx",
                "ejections_enforced_consecutive_5xx",
            ),
            Self::ConsecutiveGatewayFailure => (
                "ejections_detected_consecutive_gateway_failure",
                "ejections_enforced_consecutive_gateway_failure",
            ),
            Self::ConsecutiveLocalOriginFailure => (
                "ejections_detected_consecutive_local_origin_failure",
                "ejections_enforced_consecutive_local_origin_failure",
            ),
            Self::FailurePercentage => (
                "ejections_detected_failure_percentage",
                "ejections_enforced_failure_percentage",
            ),
            Self::LocalOriginFailurePercentage => (
                "ejections_detected_local_origin_failure_percentage",
                "ejections_enforced_local_origin_failure_percentage",
            ),
            Self::LocalOriginSuccessRate => (
                "ejections_detected_local_origin_success_rate",
                "ejections_enforced_local_origin_success_rate",
            ),
            Self::SuccessRate => (
                "ejections_detected_success_rate",
                "ejections_enforced_success_rate",
            ),
        }
    }
}
