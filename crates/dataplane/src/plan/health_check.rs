// SPDX-License-Identifier: Apache-2.0
//! Active health checks of a cluster.
//!
//! In: `health_checks`. Out: the check with Envoy's defaults filled in; or why there is none, which
//! Envoy refuses as well.

use std::time::Duration;

use sluicegate_xds::pb::envoy::{
    config::core::v3::{
        HeaderValueOption, HealthCheck, RequestMethod, TypedExtensionConfig,
        header_value_option::HeaderAppendAction,
        health_check::{
            GrpcHealthCheck, HealthChecker, HttpHealthCheck, Payload, TcpHealthCheck,
            payload::Payload as Bytes,
        },
    },
    extensions::health_check::event_sinks::file::v3::HealthCheckEventFileSink,
    r#type::v3::{CodecClientType, Int64Range},
};
use sluicegate_xds::{any, pb::envoy::data::core::v3::HealthCheckerType};

use super::value::{duration, flag, number};
use crate::health::{
    active::ActiveConfig,
    probe::{Append, GrpcProbe, HttpProbe, hex_payload, probe_fields},
};

/// A health check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// When, and what results mean.
    pub(crate) active: ActiveConfig,
    /// Of a check with the connection that it may need.
    pub(crate) timeout: Duration,
    /// The connection serves the next check, too.
    pub(crate) reuse_connection: bool,
    /// What is asked.
    pub(crate) probe: Probe,
    /// `tls_options.alpn_protocols`: offered instead of the transport socket's.
    pub(crate) alpn: Vec<String>,
    /// What is logged, and where.
    pub(crate) events: Events,
}

/// The log of changes of health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Events {
    /// Files to append to.
    pub(crate) paths: Vec<String>,
    /// `always_log_health_check_failures`
    pub(crate) failures: bool,
    /// `always_log_health_check_success`
    pub(crate) successes: bool,
    /// `health_checker_type`.
    pub(crate) checker: &'static str,
}

/// Kinds of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// `grpc.health.v1.Health/Check`.
    Grpc(GrpcProbe),
    /// HTTP.
    Http(HttpProbe),
    /// Connect, send, expect blocks of bytes in this order.
    Tcp {
        /// Bytes to send.
        send: Vec<u8>,
        /// Blocks to receive.
        receive: Vec<Vec<u8>>,
    },
}

/// Compiles the check. `http2`: that is what the cluster's hosts are spoken to in.
pub(super) fn compile(checks: &[HealthCheck], http2: bool) -> Result<Option<Check>, String> {
    let check = match checks {
        [] => return Ok(None),
        [check] => check,
        // Envoy takes several if they have names, a field that our vocabulary does not know.
        _ => return Err("health_checks: only one is implemented".to_owned()),
    };
    let (probe, checker) = match &check.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) => {
            (Probe::Http(self::http(http)?), HealthCheckerType::Http)
        }
        Some(HealthChecker::TcpHealthCheck(tcp)) => (self::tcp(tcp)?, HealthCheckerType::Tcp),
        Some(HealthChecker::GrpcHealthCheck(_)) if !http2 => {
            return Err("grpc_health_check: the cluster must speak HTTP/2".to_owned());
        }
        Some(HealthChecker::GrpcHealthCheck(grpc)) => {
            (Probe::Grpc(self::grpc(grpc)), HealthCheckerType::Grpc)
        }
        Some(HealthChecker::CustomHealthCheck(custom)) => {
            return Err(format!("health check {} is not implemented", custom.name));
        }
        None => return Err("health_checks: nothing is checked".to_owned()),
    };
    let tls = check.tls_options.as_ref();
    Ok(Some(Check {
        active: active(check),
        timeout: check.timeout.as_ref().map_or(TIMEOUT, duration),
        reuse_connection: flag(check.reuse_connection.as_ref(), true),
        probe,
        alpn: tls.map_or_else(Vec::new, |tls| tls.alpn_protocols.clone()),
        events: events(check, checker),
    }))
}

#[expect(deprecated, reason = "control planes still send this field")]
fn events(check: &HealthCheck, checker: HealthCheckerType) -> Events {
    let old = Some(&check.event_log_path).filter(|path| !path.is_empty());
    let sinks = check.event_logger.iter().filter_map(file_sink);
    Events {
        paths: old.cloned().into_iter().chain(sinks).collect(),
        failures: check.always_log_health_check_failures,
        successes: check.always_log_health_check_success,
        checker: checker.as_str_name(),
    }
}

/// The file that a sink writes to, if it is a file.
pub(super) fn file_sink(sink: &TypedExtensionConfig) -> Option<String> {
    let config: HealthCheckEventFileSink = any::unpack(sink.typed_config.as_ref()?)?;
    Some(config.event_log_path)
}

fn active(check: &HealthCheck) -> ActiveConfig {
    let time = |value: Option<&_>, default| value.map_or(default, duration);
    let interval = time(check.interval.as_ref(), INTERVAL);
    let unhealthy_interval = time(check.unhealthy_interval.as_ref(), interval);
    let no_traffic_interval = time(check.no_traffic_interval.as_ref(), NO_TRAFFIC_INTERVAL);
    ActiveConfig {
        interval,
        unhealthy_interval,
        unhealthy_edge_interval: time(check.unhealthy_edge_interval.as_ref(), unhealthy_interval),
        healthy_edge_interval: time(check.healthy_edge_interval.as_ref(), interval),
        no_traffic_interval,
        no_traffic_healthy_interval: time(
            check.no_traffic_healthy_interval.as_ref(),
            no_traffic_interval,
        ),
        unhealthy_threshold: number(check.unhealthy_threshold.as_ref()).unwrap_or(1),
        healthy_threshold: number(check.healthy_threshold.as_ref()).unwrap_or(1),
        initial_jitter: time(check.initial_jitter.as_ref(), Duration::ZERO),
        interval_jitter: time(check.interval_jitter.as_ref(), Duration::ZERO),
        interval_jitter_percent: check.interval_jitter_percent,
    }
}

fn http(http: &HttpHealthCheck) -> Result<HttpProbe, String> {
    let method = match http.method() {
        RequestMethod::MethodUnspecified => "GET",
        method => method.as_str_name(),
    };
    let http2 = match CodecClientType::try_from(http.codec_client_type) {
        Ok(CodecClientType::Http1) => false,
        Ok(CodecClientType::Http2) => true,
        _ => return Err("health checks over HTTP/3 are not implemented".to_owned()),
    };
    let body = http.send.as_ref().map(payload).transpose()?;
    let body = body.unwrap_or_default();
    if !body.is_empty() && !["POST", "PUT", "PATCH", "OPTIONS"].contains(&method) {
        return Err(format!("http_health_check: {method} cannot have a body"));
    }
    Ok(HttpProbe {
        body,
        method: method.to_owned(),
        path: http.path.clone(),
        host: http.host.clone(),
        http2,
        fields: probe_fields(
            &http.request_headers_to_remove,
            additions(&http.request_headers_to_add),
        ),
        expected: ranges(&http.expected_statuses),
        retriable: ranges(&http.retriable_statuses),
        receive: payloads(&http.receive)?,
        response_buffer_size: http
            .response_buffer_size
            .as_ref()
            .map_or(RESPONSE_BUFFER_SIZE, |size| {
                usize::try_from(size.value).unwrap_or(usize::MAX)
            }),
    })
}

fn grpc(grpc: &GrpcHealthCheck) -> GrpcProbe {
    GrpcProbe {
        service: grpc.service_name.clone(),
        host: grpc.authority.clone(),
        fields: probe_fields(&[], additions(&grpc.initial_metadata)),
    }
}

#[expect(deprecated, reason = "control planes still send this field")]
fn additions(options: &[HeaderValueOption]) -> Vec<(Append, String, String)> {
    let one = |option: &HeaderValueOption| {
        let header = option.header.as_ref()?;
        let append = match (
            option.append.map(|append| append.value),
            option.append_action(),
        ) {
            (Some(true), _) => Append::Always,
            (Some(false), _) => Append::Overwrite,
            (None, HeaderAppendAction::AppendIfExistsOrAdd) => Append::Always,
            (None, HeaderAppendAction::AddIfAbsent) => Append::IfAbsent,
            (None, HeaderAppendAction::OverwriteIfExistsOrAdd) => Append::Overwrite,
            (None, HeaderAppendAction::OverwriteIfExists) => Append::OverwriteIfExists,
        };
        Some((append, header.key.clone(), header.value.clone()))
    };
    options.iter().filter_map(one).collect()
}

fn tcp(tcp: &TcpHealthCheck) -> Result<Probe, String> {
    let send = tcp.send.as_ref().map(payload).transpose()?;
    Ok(Probe::Tcp {
        send: send.unwrap_or_default(),
        receive: payloads(&tcp.receive)?,
    })
}

fn ranges(ranges: &[Int64Range]) -> Vec<(u16, u16)> {
    let status = |value: i64| u16::try_from(value.max(0)).unwrap_or(u16::MAX);
    let pairs = ranges.iter();
    pairs
        .map(|range| (status(range.start), status(range.end)))
        .collect()
}

fn payloads(payloads: &[Payload]) -> Result<Vec<Vec<u8>>, String> {
    payloads.iter().map(payload).collect()
}

fn payload(payload: &Payload) -> Result<Vec<u8>, String> {
    match &payload.payload {
        Some(Bytes::Text(text)) => {
            hex_payload(text).ok_or_else(|| format!("`{text}` is not hexadecimal"))
        }
        Some(Bytes::Binary(bytes)) => Ok(bytes.clone()),
        None => Ok(Vec::new()),
    }
}

/// Envoy requires these two; its values in examples stand in.
const TIMEOUT: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_secs(5);
// Envoy defaults.
const NO_TRAFFIC_INTERVAL: Duration = Duration::from_secs(60);
const RESPONSE_BUFFER_SIZE: usize = 1024;
