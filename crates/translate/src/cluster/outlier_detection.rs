// SPDX-License-Identifier: Apache-2.0
//! Outlier detection of a cluster.
//!
//! In: `outlierDetection` with its defaults. Out: the Envoy message; fields that the policy cannot
//! set keep Envoy's defaults, success-rate ejection among them.

use sluicegate_attach::EffectivePolicy;
use sluicegate_xds::pb::envoy::config::cluster::v3::OutlierDetection;

use crate::pb;

pub(super) fn outlier_detection(policy: &EffectivePolicy) -> Option<OutlierDetection> {
    let outlier = policy.outlier_detection()?;
    Some(OutlierDetection {
        consecutive_5xx: pb::u32(outlier.consecutive_5xx),
        interval: pb::duration(outlier.interval),
        base_ejection_time: pb::duration(outlier.base_ejection_time),
        max_ejection_percent: pb::u32(outlier.max_ejection_percent),
        enforcing_consecutive_5xx: outlier.enforcing_consecutive_5xx.and_then(pb::u32),
        split_external_local_origin_errors: outlier
            .split_external_local_origin_errors
            .unwrap_or_default(),
        consecutive_local_origin_failure: outlier
            .consecutive_local_origin_failure
            .and_then(pb::u32),
        enforcing_consecutive_local_origin_failure: outlier
            .enforcing_consecutive_local_origin_failure
            .and_then(pb::u32),
        ..OutlierDetection::default()
    })
}
