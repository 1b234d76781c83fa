// SPDX-License-Identifier: Apache-2.0
//! HTTP protocol options of a cluster as a BackendTrafficPolicy wants them.
//!
//! In: `timeout.http`, `http2`, `circuitBreaker.maxRequestsPerConnection`, `useClientProtocol`,
//! `admissionControl`. Out: the `HttpProtocolOptions` extension, with what the backend's own policy put
//! there.

use sluicegate_attach::{ProtocolClass, Row};
use sluicegate_resource::envoygateway::backend_traffic_policy::{Http2, OnInvalidMessage};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, KeepaliveSettings},
        },
        extensions::upstreams::http::v3::{
            HttpProtocolOptions,
            http_protocol_options::{
                ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
                explicit_http_config::ProtocolConfig,
            },
        },
    },
    prost::Name,
};

use super::{Context, admission_control};
use crate::pb;

/// Envoy Gateway's windows, wherever it has an `http2` block.
const STREAM_WINDOW: u32 = 65_536;
const CONNECTION_WINDOW: u32 = 1_048_576;

const ROWS: [Row; 10] = [
    Row::ConnectionIdleTimeout,
    Row::MaxConnectionDuration,
    Row::MaxRequestsPerConnection,
    Row::InitialStreamWindowSize,
    Row::InitialConnectionWindowSize,
    Row::MaxConcurrentStreams,
    Row::OnInvalidMessage,
    Row::ConnectionKeepalive,
    Row::UseClientProtocol,
    Row::AdmissionControl,
];

pub(super) fn typed_extension_protocol_options(cluster: &mut Cluster, context: &Context<'_>) {
    if !ROWS.into_iter().any(|row| context.holds(row)) {
        return;
    }
    let key = HttpProtocolOptions::full_name();
    let packed = cluster.typed_extension_protocol_options.get(&key);
    let written = packed.and_then(any::unpack::<HttpProtocolOptions>);
    let mut options = written.unwrap_or_else(|| explicit(context.backend.protocol));
    let client = context.policy.spec.use_client_protocol.as_ref();
    if context.held(Row::UseClientProtocol, client.map(|it| it.value)) == Some(true) {
        use_downstream_protocol_config(&mut options);
    }
    common_http_protocol_options(&mut options, context);
    if let Some(http2) = http2_protocol_options(&mut options) {
        set_http2(http2, context);
    }
    let control = context.policy.spec.admission_control.as_ref();
    if let Some(control) = context.held(Row::AdmissionControl, control) {
        options.http_filters = admission_control::http_filters(&control.value);
    }
    let packed = any::pack(&options);
    cluster.typed_extension_protocol_options.insert(key, packed);
}

/// Envoy refuses the message without a protocol.
fn explicit(protocol: ProtocolClass) -> HttpProtocolOptions {
    let protocol = match protocol {
        ProtocolClass::Http2 => {
            ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions::default())
        }
        ProtocolClass::Http1 | ProtocolClass::WebSocket => {
            ProtocolConfig::HttpProtocolOptions(Http1ProtocolOptions::default())
        }
    };
    let explicit = ExplicitHttpConfig {
        protocol_config: Some(protocol),
    };
    HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)),
        ..HttpProtocolOptions::default()
    }
}

/// The options of the version that was chosen so far stay.
fn use_downstream_protocol_config(options: &mut HttpProtocolOptions) {
    let mut both = UseDownstreamHttpConfig {
        http_protocol_options: Some(Http1ProtocolOptions::default()),
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        ..UseDownstreamHttpConfig::default()
    };
    if let Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) =
        options.upstream_protocol_options.take()
    {
        match explicit.protocol_config {
            Some(ProtocolConfig::HttpProtocolOptions(http1)) => {
                both.http_protocol_options = Some(http1);
            }
            Some(ProtocolConfig::Http2ProtocolOptions(http2)) => {
                both.http2_protocol_options = Some(http2);
            }
            _ => {}
        }
    }
    options.upstream_protocol_options =
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both));
}

fn common_http_protocol_options(options: &mut HttpProtocolOptions, context: &Context<'_>) {
    let spec = &context.policy.spec;
    let timeout = spec.timeout.as_ref().map(|it| it.value).unwrap_or_default();
    let breaker = spec.circuit_breaker.as_ref();
    let requests = breaker.and_then(|it| it.value.max_requests_per_connection);
    let idle = context.held(Row::ConnectionIdleTimeout, timeout.connection_idle_timeout);
    let duration = context.held(Row::MaxConnectionDuration, timeout.max_connection_duration);
    let requests = context.held(Row::MaxRequestsPerConnection, requests);
    if idle.is_none() && duration.is_none() && requests.is_none() {
        return;
    }
    let common = options.common_http_protocol_options.get_or_insert_default();
    if let Some(time) = idle {
        common.idle_timeout = pb::duration(time);
    }
    if let Some(time) = duration {
        common.max_connection_duration = pb::duration(time);
    }
    if let Some(requests) = requests {
        common.max_requests_per_connection = pb::u32(requests);
    }
}

fn http2_protocol_options(options: &mut HttpProtocolOptions) -> Option<&mut Http2ProtocolOptions> {
    match options.upstream_protocol_options.as_mut()? {
        UpstreamProtocolOptions::ExplicitHttpConfig(explicit) => {
            match explicit.protocol_config.as_mut()? {
                ProtocolConfig::Http2ProtocolOptions(http2) => Some(http2),
                _ => None,
            }
        }
        UpstreamProtocolOptions::UseDownstreamProtocolConfig(both) => {
            both.http2_protocol_options.as_mut()
        }
        UpstreamProtocolOptions::AutoConfig(_) => None,
    }
}

fn set_http2(options: &mut Http2ProtocolOptions, context: &Context<'_>) {
    let Some(http2) = context.policy.spec.http2.as_ref().map(|it| it.value) else {
        return;
    };
    let Http2 {
        initial_stream_window_size,
        initial_connection_window_size,
        max_concurrent_streams,
        on_invalid_message,
        connection_keepalive,
    } = http2;
    let held = |row, value| context.held(row, value);
    if let Some(bytes) = held(Row::InitialStreamWindowSize, initial_stream_window_size) {
        options.initial_stream_window_size = pb::u32(bytes);
    }
    if let Some(bytes) = held(
        Row::InitialConnectionWindowSize,
        initial_connection_window_size,
    ) {
        options.initial_connection_window_size = pb::u32(bytes);
    }
    if options.initial_stream_window_size.is_none() {
        options.initial_stream_window_size = pb::u32(STREAM_WINDOW);
    }
    if options.initial_connection_window_size.is_none() {
        options.initial_connection_window_size = pb::u32(CONNECTION_WINDOW);
    }
    if let Some(streams) = held(Row::MaxConcurrentStreams, max_concurrent_streams) {
        options.max_concurrent_streams = pb::u32(streams);
    }
    if let Some(on_invalid) = context.held(Row::OnInvalidMessage, on_invalid_message) {
        let stream = on_invalid == OnInvalidMessage::TerminateStream;
        options.override_stream_error_on_invalid_http_message = pb::bool(stream);
    }
    if let Some(keepalive) = context.held(Row::ConnectionKeepalive, connection_keepalive) {
        options.connection_keepalive = Some(KeepaliveSettings {
            interval: keepalive.interval.and_then(pb::duration),
            timeout: pb::duration(keepalive.timeout),
            interval_jitter: keepalive.interval_jitter.and_then(pb::percent),
            connection_idle_interval: keepalive.idle_interval.and_then(pb::duration),
        });
    }
}
