// SPDX-License-Identifier: Apache-2.0
//! The numbers of outlier detection as metrics.
//!
//! In: what a detector counted. Out: cells for the registry. A new detector starts at zero, the
//! cells go on.

use super::OutlierStats;
use crate::stats::OutlierCells;

impl OutlierCells {
    /// Adds what was counted between `before` and `now`.
    pub(crate) fn follow(&self, before: &OutlierStats, now: &OutlierStats) {
        self.ejections_active
            .set(i64::try_from(now.active).unwrap_or(i64::MAX));
        macro_rules! add {
            ($($name:ident),* $(,)?) => {$(
                let name = stringify!($name);
                self.$name.add(now.counter(name).saturating_sub(before.counter(name)));
            )*};
        }
        add!(
            ejections_total,
            ejections_consecutive_5xx,
            ejections_success_rate,
            ejections_overflow,
            ejections_enforced_total,
            ejections_detected_consecutive_5xx,
            ejections_enforced_consecutive_5xx,
            ejections_detected_consecutive_gateway_failure,
            ejections_enforced_consecutive_gateway_failure,
            ejections_detected_consecutive_local_origin_failure,
            ejections_enforced_consecutive_local_origin_failure,
            ejections_detected_success_rate,
            ejections_enforced_success_rate,
            ejections_detected_local_origin_success_rate,
            ejections_enforced_local_origin_success_rate,
            ejections_detected_failure_percentage,
            ejections_enforced_failure_percentage,
            ejections_detected_local_origin_failure_percentage,
            ejections_enforced_local_origin_failure_percentage,
        );
    }
}
