// SPDX-License-Identifier: Apache-2.0
//! `outlierDetection`.
//!
//! In: the block, which may be empty. Out: detectors and ejection, with defaults.

use std::time::Duration;

use crate::admission::{Block, I32_MAX};

/// Passive health checking. Four fields have CRD defaults that are applied to any present block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlierDetection {
    /// `consecutive5xx`, default 5; zero disables that detector.
    pub consecutive_5xx: u32,
    /// `enforcingConsecutive5xx`, percent.
    pub enforcing_consecutive_5xx: Option<u32>,
    /// `splitExternalLocalOriginErrors`.
    pub split_external_local_origin_errors: Option<bool>,
    /// `consecutiveLocalOriginFailure`.
    pub consecutive_local_origin_failure: Option<u32>,
    /// `enforcingConsecutiveLocalOriginFailure`, percent.
    pub enforcing_consecutive_local_origin_failure: Option<u32>,
    /// `interval`, default 10 s.
    pub interval: Duration,
    /// `baseEjectionTime`, default 30 s.
    pub base_ejection_time: Duration,
    /// `maxEjectionPercent`, default 10.
    pub max_ejection_percent: u32,
}

impl OutlierDetection {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        const LEAST: Duration = Duration::from_millis(1);
        let duration = |name| block.duration_from(name, LEAST);
        let local = block.optional("consecutiveLocalOriginFailure");
        Self {
            // The four defaults are CRD defaults.
            consecutive_5xx: block.u32("consecutive5xx", 0..=I32_MAX).unwrap_or(5),
            enforcing_consecutive_5xx: block.percent("enforcingConsecutive5xx"),
            split_external_local_origin_errors: block.boolean("splitExternalLocalOriginErrors"),
            consecutive_local_origin_failure: local.and_then(|field| field.u32(0..=I32_MAX)),
            enforcing_consecutive_local_origin_failure: block
                .percent("enforcingConsecutiveLocalOriginFailure"),
            interval: duration("interval").unwrap_or(Duration::from_secs(10)),
            base_ejection_time: duration("baseEjectionTime").unwrap_or(Duration::from_secs(30)),
            max_ejection_percent: block.percent("maxEjectionPercent").unwrap_or(10),
        }
    }
}
