// SPDX-License-Identifier: Apache-2.0
//! Active health checks of a cluster.
//!
//! In: `health_checks`. Out: the first check with Envoy's defaults filled in, or none where its kind
//! is not enforced.

use std::time::Duration;

use sluicegate_xds::pb::envoy::{
    config::core::v3::{
        HealthCheck, RequestMethod,
        health_check::{
            HealthChecker, HttpHealthCheck, Payload, TcpHealthCheck, payload::Payload as Bytes,
        },
    },
    r#type::v3::Int64Range,
};

use super::value::{duration, flag, number};
use crate::health::{
    active::ActiveConfig,
    probe::{HttpProbe, hex_payload},
};

/// A health check.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Check {
    /// When, and what results mean.
    pub(crate) active: ActiveConfig,
    /// Counts from sending.
    pub(crate) timeout: Duration,
    /// The connection serves the next check, too.
    pub(crate) reuse_connection: bool,
    /// What is asked.
    pub(crate) probe: Probe,
}

/// Kinds of checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// HTTP/1.1.
    Http(HttpProbe),
    /// Connect, send, expect blocks of bytes in this order.
    Tcp {
        /// Bytes to send.
        send: Vec<u8>,
        /// Blocks to receive.
        receive: Vec<Vec<u8>>,
    },
}

/// Compiles the check; none for kinds that are not enforced.
pub(super) fn compile(checks: &[HealthCheck]) -> Result<Option<Check>, String> {
    let Some(check) = checks.first() else {
        return Ok(None);
    };
    let probe = match &check.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) if http.codec_client_type == 0 => {
            Probe::Http(self::http(http)?)
        }
        Some(HealthChecker::TcpHealthCheck(tcp)) => self::tcp(tcp)?,
        _ => return Ok(None),
    };
    Ok(Some(Check {
        active: active(check),
        timeout: check.timeout.as_ref().map_or(TIMEOUT, duration),
        reuse_connection: flag(check.reuse_connection.as_ref(), true),
        probe,
    }))
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
    let headers = http.request_headers_to_add.iter();
    Ok(HttpProbe {
        method: method.to_owned(),
        path: http.path.clone(),
        host: http.host.clone(),
        headers: headers
            .filter_map(|option| option.header.as_ref())
            .map(|header| (header.key.to_ascii_lowercase(), header.value.clone()))
            .collect(),
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
