// SPDX-License-Identifier: Apache-2.0
//! Outlier detection of a cluster.
//!
//! In: `outlier_detection`. Out: its settings with Envoy's defaults filled in.

use sluicegate_xds::pb::envoy::config::cluster::v3::OutlierDetection;

use super::value::{duration, flag, number};
use crate::health::outlier::OutlierConfig;

/// Compiles the settings.
pub(super) fn compile(outlier: &OutlierDetection) -> OutlierConfig {
    let default = OutlierConfig::default();
    let time = |value: Option<&_>, default| value.map_or(default, duration);
    let base_ejection_time = time(
        outlier.base_ejection_time.as_ref(),
        default.base_ejection_time,
    );
    macro_rules! numbers {
        ($($field:ident),* $(,)?) => {
            OutlierConfig {
                $($field: number(outlier.$field.as_ref()).unwrap_or(default.$field),)*
                interval: time(outlier.interval.as_ref(), default.interval),
                base_ejection_time,
                max_ejection_time: time(
                    outlier.max_ejection_time.as_ref(),
                    OutlierConfig::max_ejection_time(base_ejection_time),
                ),
                max_ejection_time_jitter: time(
                    outlier.max_ejection_time_jitter.as_ref(),
                    default.max_ejection_time_jitter,
                ),
                always_eject_one_host: flag(outlier.always_eject_one_host.as_ref(), false),
                split_external_local_origin_errors: outlier.split_external_local_origin_errors,
                successful_active_health_check_uneject_host: flag(
                    outlier.successful_active_health_check_uneject_host.as_ref(),
                    true,
                ),
            }
        };
    }
    numbers!(
        consecutive_5xx,
        consecutive_gateway_failure,
        consecutive_local_origin_failure,
        enforcing_consecutive_5xx,
        enforcing_consecutive_gateway_failure,
        enforcing_consecutive_local_origin_failure,
        max_ejection_percent,
        success_rate_minimum_hosts,
        success_rate_request_volume,
        success_rate_stdev_factor,
        enforcing_success_rate,
        enforcing_local_origin_success_rate,
        failure_percentage_threshold,
        failure_percentage_minimum_hosts,
        failure_percentage_request_volume,
        enforcing_failure_percentage,
        enforcing_failure_percentage_local_origin,
    )
}
