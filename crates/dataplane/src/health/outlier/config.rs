// SPDX-License-Identifier: Apache-2.0
//! Settings of outlier detection, in Envoy's names and with its defaults.
//!
//! In: values. Out: thresholds and enforcing percentages by type of ejection.

use std::time::Duration;

/// `outlier_detection`. Percentages from 0 to 100.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutlierConfig {
    pub(crate) consecutive_5xx: u32,
    pub(crate) consecutive_gateway_failure: u32,
    pub(crate) consecutive_local_origin_failure: u32,
    pub(crate) enforcing_consecutive_5xx: u32,
    pub(crate) enforcing_consecutive_gateway_failure: u32,
    pub(crate) enforcing_consecutive_local_origin_failure: u32,
    /// Between sweeps.
    pub(crate) interval: Duration,
    pub(crate) base_ejection_time: Duration,
    pub(crate) max_ejection_time: Duration,
    pub(crate) max_ejection_time_jitter: Duration,
    pub(crate) max_ejection_percent: u32,
    pub(crate) always_eject_one_host: bool,
    pub(crate) split_external_local_origin_errors: bool,
    pub(crate) success_rate_minimum_hosts: u32,
    pub(crate) success_rate_request_volume: u32,
    /// In thousandths.
    pub(crate) success_rate_stdev_factor: u32,
    pub(crate) enforcing_success_rate: u32,
    pub(crate) enforcing_local_origin_success_rate: u32,
    pub(crate) failure_percentage_threshold: u32,
    pub(crate) failure_percentage_minimum_hosts: u32,
    pub(crate) failure_percentage_request_volume: u32,
    pub(crate) enforcing_failure_percentage: u32,
    pub(crate) enforcing_failure_percentage_local_origin: u32,
    pub(crate) successful_active_health_check_uneject_host: bool,
}

/// Why a host is ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ejection {
    /// `consecutive_5xx`
    Consecutive5xx,
    /// `consecutive_gateway_failure`
    ConsecutiveGatewayFailure,
    /// `consecutive_local_origin_failure`
    ConsecutiveLocalOriginFailure,
    /// `failure_percentage`
    FailurePercentage,
    /// `local_origin_failure_percentage`
    LocalOriginFailurePercentage,
    /// `local_origin_success_rate`
    LocalOriginSuccessRate,
    /// `success_rate`
    SuccessRate,
}

impl Ejection {
    /// Envoy's name of the detector, as in `ejections_enforced_<name>`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "consecutive_5xx",
            Self::ConsecutiveGatewayFailure => "consecutive_gateway_failure",
            Self::ConsecutiveLocalOriginFailure => "consecutive_local_origin_failure",
            Self::FailurePercentage => "failure_percentage",
            Self::LocalOriginFailurePercentage => "local_origin_failure_percentage",
            Self::LocalOriginSuccessRate => "local_origin_success_rate",
            Self::SuccessRate => "success_rate",
        }
    }
}

impl Default for OutlierConfig {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            consecutive_gateway_failure: 5,
            consecutive_local_origin_failure: 5,
            enforcing_consecutive_5xx: 100,
            enforcing_consecutive_gateway_failure: 0,
            enforcing_consecutive_local_origin_failure: 100,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Self::max_ejection_time(Duration::from_secs(30)),
            max_ejection_time_jitter: Duration::ZERO,
            max_ejection_percent: 10,
            always_eject_one_host: false,
            split_external_local_origin_errors: false,
            success_rate_minimum_hosts: 5,
            success_rate_request_volume: 100,
            success_rate_stdev_factor: 1900,
            enforcing_success_rate: 100,
            enforcing_local_origin_success_rate: 100,
            failure_percentage_threshold: 85,
            failure_percentage_minimum_hosts: 5,
            failure_percentage_request_volume: 50,
            enforcing_failure_percentage: 0,
            enforcing_failure_percentage_local_origin: 0,
            successful_active_health_check_uneject_host: true,
        }
    }
}

impl OutlierConfig {
    /// The default of `max_ejection_time`: the larger of 300 s and the base.
    pub(crate) fn max_ejection_time(base: Duration) -> Duration {
        base.max(Duration::from_secs(300))
    }

    /// How many of a hundred ejections of this type are carried out.
    pub(crate) fn enforcing(&self, ejection: Ejection) -> u32 {
        match ejection {
            Ejection::Consecutive5xx => self.enforcing_consecutive_5xx,
            Ejection::ConsecutiveGatewayFailure => self.enforcing_consecutive_gateway_failure,
            Ejection::ConsecutiveLocalOriginFailure => {
                self.enforcing_consecutive_local_origin_failure
            }
            Ejection::FailurePercentage => self.enforcing_failure_percentage,
            Ejection::LocalOriginFailurePercentage => {
                self.enforcing_failure_percentage_local_origin
            }
            Ejection::LocalOriginSuccessRate => self.enforcing_local_origin_success_rate,
            Ejection::SuccessRate => self.enforcing_success_rate,
        }
    }
}
