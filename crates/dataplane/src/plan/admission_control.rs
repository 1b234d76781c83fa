// SPDX-License-Identifier: Apache-2.0
//! The HTTP filters of a cluster, of which there is admission control.
//!
//! In: `http_filters` of the cluster's HTTP protocol options. Out: the settings, with Envoy's defaults
//! filled in.

use std::time::Duration;

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::RuntimePercent,
        extensions::{
            filters::{
                http::admission_control::v3::{
                    AdmissionControl as Filter,
                    admission_control::{
                        EvaluationCriteria, SuccessCriteria,
                        success_criteria::{GrpcCriteria, HttpCriteria},
                    },
                },
                network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
            },
            upstreams::http::v3::HttpProtocolOptions,
        },
    },
};

use super::value::duration;
use crate::filter::{AdmissionControl, Criteria};

/// Compiles the filter, if the cluster has it.
pub(super) fn compile(options: &HttpProtocolOptions) -> Result<Option<AdmissionControl>, String> {
    let found = options.http_filters.iter().find(|filter| is_ours(filter));
    let Some(found) = found.filter(|filter| !filter.disabled) else {
        return Ok(None);
    };
    let Some(ConfigType::TypedConfig(packed)) = &found.config_type else {
        return Err(format!("{NAME} without a configuration"));
    };
    let filter: Filter = any::unpack(packed)
        .ok_or_else(|| format!("the configuration of {NAME} does not decode"))?;
    if let Some(enabled) = &filter.enabled
        && enabled.default_value.is_some_and(|on| !on.value)
    {
        return Ok(None);
    }
    let sr_threshold = share(filter.sr_threshold.as_ref(), SR_THRESHOLD);
    if sr_threshold < 0.01 {
        return Err("admission_control.sr_threshold below 1 %".to_owned());
    }
    let window = filter.sampling_window.as_ref().map_or(WINDOW, duration);
    let aggression = filter
        .aggression
        .as_ref()
        .map_or(1.0, |it| it.default_value);
    Ok(Some(AdmissionControl {
        // Envoy leaves fractions of a second out.
        sampling_window: Duration::from_secs(window.as_secs()),
        aggression: aggression.max(1.0),
        sr_threshold,
        rps_threshold: filter
            .rps_threshold
            .as_ref()
            .map_or(0, |it| it.default_value),
        max_rejection_probability: share(filter.max_rejection_probability.as_ref(), MOST_REJECTED),
        criteria: criteria(filter.evaluation_criteria.as_ref()),
    }))
}

/// Filters that are not enforced.
pub(super) fn unsupported(options: &HttpProtocolOptions) -> bool {
    let mut filters = options.http_filters.iter();
    filters.any(|filter| !is_ours(filter) && filter.name != CODEC)
}

fn is_ours(filter: &HttpFilter) -> bool {
    filter.name == NAME
}

/// A percentage as a share, at most 1.
fn share(percent: Option<&RuntimePercent>, default: f64) -> f64 {
    let value = percent.and_then(|percent| percent.default_value);
    value.map_or(default, |percent| percent.value).min(100.0) / 100.0
}

fn criteria(written: Option<&EvaluationCriteria>) -> Criteria {
    let mut criteria = Criteria::default();
    let Some(EvaluationCriteria::SuccessCriteria(SuccessCriteria {
        http_criteria,
        grpc_criteria,
    })) = written
    else {
        return criteria;
    };
    if let Some(HttpCriteria {
        http_success_status,
    }) = http_criteria
    {
        let ranges = http_success_status
            .iter()
            .map(|range| range.start..range.end);
        criteria.http = ranges.collect();
    }
    if let Some(GrpcCriteria {
        grpc_success_status,
    }) = grpc_criteria
    {
        criteria.grpc.clone_from(grpc_success_status);
    }
    criteria
}

const NAME: &str = "envoy.filters.http.admission_control";
/// The end of the filters of every cluster that has some.
const CODEC: &str = "envoy.filters.http.upstream_codec";

// Envoy defaults; shares in percent.
const WINDOW: Duration = Duration::from_secs(30);
const SR_THRESHOLD: f64 = 95.0;
const MOST_REJECTED: f64 = 80.0;
