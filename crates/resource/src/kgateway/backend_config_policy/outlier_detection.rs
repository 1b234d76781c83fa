// SPDX-License-Identifier: Apache-2.0
//! `outlierDetection`.
//!
//! In: the block, which may be empty. Out: detectors and ejection, with defaults.

use std::time::Duration;

use crate::{
    admission::{Block, I32_MAX},
    codes,
};

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
        let split = block.boolean("splitExternalLocalOriginErrors");
        if split != Some(true) {
            warn_without_split(block);
        }
        Self {
            // The four defaults are CRD defaults.
            consecutive_5xx: block.u32("consecutive5xx", 0..=I32_MAX).unwrap_or(5),
            enforcing_consecutive_5xx: block.percent("enforcingConsecutive5xx"),
            split_external_local_origin_errors: split,
            consecutive_local_origin_failure: block
                .u32("consecutiveLocalOriginFailure", 0..=I32_MAX),
            enforcing_consecutive_local_origin_failure: block
                .percent("enforcingConsecutiveLocalOriginFailure"),
            interval: duration("interval").unwrap_or(Duration::from_secs(10)),
            base_ejection_time: duration("baseEjectionTime").unwrap_or(Duration::from_secs(30)),
            max_ejection_percent: block.percent("maxEjectionPercent").unwrap_or(10),
        }
    }
}

fn warn_without_split(block: &Block<'_>) {
    let local = [
        "consecutiveLocalOriginFailure",
        "enforcingConsecutiveLocalOriginFailure",
    ];
    for field in local.into_iter().filter_map(|name| block.optional(name)) {
        field.warn(
            codes::NO_EFFECT,
            format!(
                "`{}` has no effect without `splitExternalLocalOriginErrors: true`",
                field.path()
            ),
        );
    }
}
