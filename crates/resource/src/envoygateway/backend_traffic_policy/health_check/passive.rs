// SPDX-License-Identifier: Apache-2.0
//! `healthCheck.passive`: outlier detection.
//!
//! In: the block, which may be empty. Out: detectors and ejection.

use std::time::Duration;

use crate::{admission::Block, codes, value::Written};

/// Passive health checking; an empty block turns it on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PassiveHealthCheck {
    /// `consecutive5XxErrors`, or the seed's `consecutive5xxErrors`. Absent: 5 (Envoy default).
    pub consecutive_5xx_errors: Option<Written<u32>>,
    /// `interval` between the ends of ejections, more than zero. Absent: 3 s (Envoy Gateway
    /// default).
    pub interval: Option<Duration>,
    /// `baseEjectionTime`, more than zero; grows with every ejection. Absent: 30 s (Envoy default).
    pub base_ejection_time: Option<Duration>,
    /// `maxEjectionPercent` of hosts, 0..100. Absent: 10 (Envoy default).
    pub max_ejection_percent: Option<u32>,
    /// `splitExternalLocalOriginErrors`. Absent: false.
    pub split_external_local_origin_errors: Option<bool>,
    /// `consecutiveLocalOriginFailures`, where they are split. Absent: 5 (Envoy default).
    pub consecutive_local_origin_failures: Option<u32>,
    /// `consecutiveGatewayErrors`. Absent: no such detector.
    pub consecutive_gateway_errors: Option<u32>,
    /// `failurePercentageThreshold`, 0..100. Absent: no such detector.
    pub failure_percentage_threshold: Option<u32>,
    /// `alwaysEjectOneEndpoint`, whatever the percentage. Absent: false.
    pub always_eject_one_endpoint: Option<bool>,
}

impl PassiveHealthCheck {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let count = |name| block.u32(name, 0..=u32::MAX);
        let split = block.boolean("splitExternalLocalOriginErrors");
        if let Some(field) = block.optional("consecutiveLocalOriginFailures")
            && split != Some(true)
        {
            field.warn(
                codes::NO_EFFECT,
                format!(
                    "`{}` has no effect without `splitExternalLocalOriginErrors: true`",
                    field.path()
                ),
            );
        }
        Self {
            consecutive_5xx_errors: block.spelled(
                &[
                    "consecutive5XxErrors",
                    "consecutive5xxErrors",
                    "consecutive5XXErrors",
                ],
                |field| field.u32(0..=u32::MAX),
            ),
            interval: block.positive_duration("interval"),
            base_ejection_time: block.positive_duration("baseEjectionTime"),
            max_ejection_percent: block.percent("maxEjectionPercent"),
            split_external_local_origin_errors: split,
            consecutive_local_origin_failures: count("consecutiveLocalOriginFailures"),
            consecutive_gateway_errors: count("consecutiveGatewayErrors"),
            failure_percentage_threshold: block.percent("failurePercentageThreshold"),
            always_eject_one_endpoint: block.boolean("alwaysEjectOneEndpoint"),
        }
    }
}
