// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.http.admission_control.v3.AdmissionControl`.
//!
//! In: `admissionControl`. Out: the HTTP filters of a cluster.

use sluicegate_resource::envoygateway::backend_traffic_policy::AdmissionControl;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{RuntimeDouble, RuntimePercent, RuntimeUInt32},
        extensions::filters::{
            http::{
                admission_control::v3::{
                    AdmissionControl as Filter,
                    admission_control::{
                        EvaluationCriteria, SuccessCriteria,
                        success_criteria::{GrpcCriteria, HttpCriteria},
                    },
                },
                upstream_codec::v3::UpstreamCodec,
            },
            network::http_connection_manager::v3::{HttpFilter, http_filter::ConfigType},
        },
        r#type::v3::{Int32Range, Percent},
    },
    prost::{Message, Name},
};

use crate::pb;

/// The filter, and the codec that Envoy wants at the end.
pub(super) fn http_filters(control: &AdmissionControl) -> Vec<HttpFilter> {
    let filter = Filter {
        sampling_window: control.sampling_window.and_then(pb::duration),
        aggression: control.rejection_aggression.map(|value| RuntimeDouble {
            default_value: value,
            runtime_key: key("aggression"),
        }),
        sr_threshold: percent(control.min_success_rate, "sr_threshold"),
        rps_threshold: control.min_request_rate.map(|value| RuntimeUInt32 {
            default_value: value,
            runtime_key: key("rps_threshold"),
        }),
        max_rejection_probability: percent(
            control.max_rejection_percent,
            "max_rejection_probability",
        ),
        evaluation_criteria: Some(EvaluationCriteria::SuccessCriteria(criteria(control))),
        ..Filter::default()
    };
    vec![
        named("envoy.filters.http.admission_control", &filter),
        named("envoy.filters.http.upstream_codec", &UpstreamCodec {}),
    ]
}

fn named<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(config))),
        ..HttpFilter::default()
    }
}

/// Envoy refuses lists of nothing.
fn criteria(control: &AdmissionControl) -> SuccessCriteria {
    let http = control.http_success.as_ref().filter(|it| !it.is_empty());
    let grpc = control.grpc_success.as_ref().filter(|it| !it.is_empty());
    SuccessCriteria {
        http_criteria: http.map(|statuses| HttpCriteria {
            http_success_status: statuses.iter().copied().map(one).collect(),
        }),
        grpc_criteria: grpc.map(|statuses| GrpcCriteria {
            grpc_success_status: statuses.iter().copied().map(u32::from).collect(),
        }),
    }
}

fn one(status: u16) -> Int32Range {
    Int32Range {
        start: i32::from(status),
        end: i32::from(status) + 1,
    }
}

fn percent(value: Option<f64>, name: &str) -> Option<RuntimePercent> {
    Some(RuntimePercent {
        default_value: Some(Percent { value: value? }),
        runtime_key: key(name),
    })
}

/// The key under which an Envoy's runtime may change a value.
fn key(name: &str) -> String {
    format!("admission_control.{name}")
}
