// SPDX-License-Identifier: Apache-2.0
//! `outlierDetection`.

use std::time::Duration;

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
