// SPDX-License-Identifier: Apache-2.0
//! Health of a cluster's hosts as a BackendTrafficPolicy wants it checked.
//!
//! In: `healthCheck`. Out: active health checks, panic threshold, outlier detection.

use std::{fmt::Write, time::Duration};

use sluicegate_attach::{Backend, ProtocolClass, Row};
use sluicegate_resource::envoygateway::backend_traffic_policy::{
    ActiveHealthCheck, HealthCheckLog, HealthCheckMatch, HealthChecker, HttpHealthCheck as Http,
    PassiveHealthCheck,
};
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::{Cluster, OutlierDetection},
        core::v3::{
            HealthCheck, RequestMethod,
            health_check::{
                GrpcHealthCheck, HealthChecker as Checker, HttpHealthCheck, Payload,
                TcpHealthCheck, payload,
            },
        },
    },
    extensions::health_check::event_sinks::file::v3::HealthCheckEventFileSink,
    r#type::v3::{CodecClientType, Int64Range},
};

use super::Context;
use crate::pb;

/// Envoy Gateway's defaults.
const TIMEOUT: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(3);
const UNHEALTHY_THRESHOLD: u32 = 3;
const HEALTHY_THRESHOLD: u32 = 1;
const EJECTION_INTERVAL: Duration = Duration::from_secs(3);
const BASE_EJECTION_TIME: Duration = Duration::from_secs(30);
const CONSECUTIVE: u32 = 5;
const MAX_EJECTION_PERCENT: u32 = 10;
const STANDARD_OUTPUT: &str = "/dev/stdout";

pub(super) fn health_checks(cluster: &mut Cluster, context: &Context<'_>) {
    let health = context.policy.spec.health_check.as_ref();
    let active = health.and_then(|it| it.value.active.as_ref());
    if let Some(active) = context.held(Row::ActiveHealthCheck, active) {
        cluster.health_checks = vec![health_check(&active.value, context.backend)];
        // Only with active checks does Envoy keep a removed host that still passes them.
        cluster.ignore_health_on_host_removal = cluster.eds_cluster_config.is_some();
    }
}

fn health_check(check: &ActiveHealthCheck, backend: &Backend) -> HealthCheck {
    let checker = match &check.checker {
        HealthChecker::Grpc { service } => Checker::GrpcHealthCheck(GrpcHealthCheck {
            service_name: service.clone().unwrap_or_default(),
            ..GrpcHealthCheck::default()
        }),
        HealthChecker::Http(http) => Checker::HttpHealthCheck(http_health_check(http, backend)),
        HealthChecker::Tcp { send, receive } => Checker::TcpHealthCheck(TcpHealthCheck {
            send: send.as_deref().map(hexadecimal),
            receive: receive.as_deref().map(hexadecimal).into_iter().collect(),
            ..TcpHealthCheck::default()
        }),
    };
    HealthCheck {
        timeout: pb::duration(check.timeout.unwrap_or(TIMEOUT)),
        interval: pb::duration(check.interval.unwrap_or(INTERVAL)),
        initial_jitter: check.initial_jitter.and_then(pb::duration),
        unhealthy_threshold: pb::u32(check.unhealthy_threshold.unwrap_or(UNHEALTHY_THRESHOLD)),
        healthy_threshold: pb::u32(check.healthy_threshold.unwrap_or(HEALTHY_THRESHOLD)),
        health_checker: Some(checker),
        ..logged(check.log.as_ref())
    }
}

/// A log of probes; without kinds, of every one.
fn logged(log: Option<&HealthCheckLog>) -> HealthCheck {
    let Some(log) = log else {
        return HealthCheck::default();
    };
    let every = |kind| log.matches.is_empty() || log.matches.contains(&kind);
    let sink = HealthCheckEventFileSink {
        event_log_path: log.file.clone().unwrap_or_else(|| STANDARD_OUTPUT.into()),
    };
    HealthCheck {
        event_logger: vec![pb::extension("envoy.health_check.event_sinks.file", &sink)],
        always_log_health_check_failures: every(HealthCheckMatch::Failure),
        always_log_health_check_success: every(HealthCheckMatch::Success),
        ..HealthCheck::default()
    }
}

fn http_health_check(http: &Http, backend: &Backend) -> HttpHealthCheck {
    let object = &backend.key.object;
    let host = backend.key.host.as_deref().map(str::to_owned);
    let host = http
        .hostname
        .clone()
        .filter(|name| !name.is_empty())
        .or(host);
    let expected = match http.expected_statuses.as_slice() {
        [] => vec![200],
        listed => listed.to_vec(),
    };
    HttpHealthCheck {
        // Without it Envoy sends the name of the cluster.
        host: host.unwrap_or_else(|| format!("{}.{}", object.name, object.namespace)),
        path: http.path.clone(),
        method: http
            .method
            .as_deref()
            .and_then(RequestMethod::from_str_name)
            .map_or(0, |method| method as i32),
        expected_statuses: ranges(&expected),
        retriable_statuses: ranges(&http.retriable_statuses),
        send: http.request_body.as_deref().map(hexadecimal),
        receive: http
            .expected_response
            .as_deref()
            .map(hexadecimal)
            .into_iter()
            .collect(),
        codec_client_type: match backend.protocol {
            ProtocolClass::Http2 => CodecClientType::Http2,
            ProtocolClass::Http1 | ProtocolClass::WebSocket => CodecClientType::Http1,
        } as i32,
        ..HttpHealthCheck::default()
    }
}

/// Half-open ranges, consecutive codes joined.
fn ranges(codes: &[u16]) -> Vec<Int64Range> {
    let mut codes: Vec<i64> = codes.iter().copied().map(i64::from).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut ranges: Vec<Int64Range> = Vec::new();
    for code in codes {
        match ranges.last_mut().filter(|last| last.end == code) {
            Some(last) => last.end = code + 1,
            None => ranges.push(Int64Range {
                start: code,
                end: code + 1,
            }),
        }
    }
    ranges
}

/// Envoy reads texts of payloads as hexadecimal digits.
fn hexadecimal(bytes: &[u8]) -> Payload {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    Payload {
        payload: Some(payload::Payload::Text(text)),
    }
}

pub(super) fn healthy_panic_threshold(cluster: &mut Cluster, context: &Context<'_>) {
    let health = context.policy.spec.health_check.as_ref();
    let threshold = health.and_then(|it| it.value.panic_threshold);
    if let Some(percent) = context.held(Row::PanicThreshold, threshold) {
        let common = cluster.common_lb_config.get_or_insert_default();
        common.healthy_panic_threshold = pb::percent(percent);
    }
}

pub(super) fn outlier_detection(cluster: &mut Cluster, context: &Context<'_>) {
    let health = context.policy.spec.health_check.as_ref();
    let passive = health.and_then(|it| it.value.passive.as_ref());
    let Some(passive) = context.held(Row::PassiveHealthCheck, passive) else {
        return;
    };
    let PassiveHealthCheck {
        consecutive_5xx_errors,
        interval,
        base_ejection_time,
        max_ejection_percent,
        split_external_local_origin_errors,
        consecutive_local_origin_failures,
        consecutive_gateway_errors,
        failure_percentage_threshold,
        always_eject_one_endpoint,
    } = &passive.value;
    let consecutive_5xx = consecutive_5xx_errors.as_ref().map(|it| it.value);
    let local = consecutive_local_origin_failures.unwrap_or(CONSECUTIVE);
    let fully = |set: bool| set.then_some(100).and_then(pb::u32);
    cluster.outlier_detection = Some(OutlierDetection {
        consecutive_5xx: pb::u32(consecutive_5xx.unwrap_or(CONSECUTIVE)),
        interval: pb::duration(interval.unwrap_or(EJECTION_INTERVAL)),
        base_ejection_time: pb::duration(base_ejection_time.unwrap_or(BASE_EJECTION_TIME)),
        max_ejection_percent: pb::u32(max_ejection_percent.unwrap_or(MAX_EJECTION_PERCENT)),
        split_external_local_origin_errors: split_external_local_origin_errors.unwrap_or_default(),
        consecutive_local_origin_failure: pb::u32(local),
        consecutive_gateway_failure: consecutive_gateway_errors.and_then(pb::u32),
        enforcing_consecutive_gateway_failure: fully(consecutive_gateway_errors.is_some()),
        failure_percentage_threshold: failure_percentage_threshold.and_then(pb::u32),
        enforcing_failure_percentage: fully(failure_percentage_threshold.is_some()),
        always_eject_one_host: always_eject_one_endpoint.and_then(pb::bool),
        ..OutlierDetection::default()
    });
}
