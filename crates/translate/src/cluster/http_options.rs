// SPDX-License-Identifier: Apache-2.0
//! HTTP protocol options of a cluster.
//!
//! In: `commonHttpProtocolOptions`, `http1ProtocolOptions`, `http2ProtocolOptions` and the backend's
//! protocol. Out: the `HttpProtocolOptions` extension.

use std::collections::HashMap;

use sluicegate_attach::{Backend, EffectivePolicy, ProtocolClass};
use sluicegate_resource::kgateway::backend_config_policy::{
    HeaderFormat, HeadersWithUnderscoresAction,
};
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::core::v3::{
                Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as CommonOptions,
                KeepaliveSettings,
                http_protocol_options::HeadersWithUnderscoresAction as Action,
                http1_protocol_options::{HeaderKeyFormat, header_key_format},
            },
            extensions::{
                http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig,
                upstreams::http::v3::{
                    HttpProtocolOptions,
                    http_protocol_options::{
                        ExplicitHttpConfig, UpstreamProtocolOptions,
                        explicit_http_config::ProtocolConfig,
                    },
                },
            },
        },
        google::protobuf::Any,
    },
    prost::Name,
};

use crate::pb;

/// Absent when nothing is set on an HTTP/1 backend. Envoy refuses the message without a protocol, so
/// one is always chosen.
pub(super) fn typed_extension_protocol_options(backend: &Backend) -> HashMap<String, Any> {
    let policy = &backend.policy;
    let common = common_http_protocol_options(policy);
    let http2 = backend.protocol == ProtocolClass::Http2;
    if !http2 && common.is_none() && policy.http1_protocol_options().is_none() {
        return HashMap::new();
    }
    let protocol = if http2 {
        ProtocolConfig::Http2ProtocolOptions(http2_protocol_options(policy))
    } else {
        ProtocolConfig::HttpProtocolOptions(http_protocol_options(policy))
    };
    explicit(common, protocol)
}

/// HTTP/2, and nothing else said about it.
pub(super) fn http2_only() -> HashMap<String, Any> {
    let options = Http2ProtocolOptions::default();
    explicit(None, ProtocolConfig::Http2ProtocolOptions(options))
}

fn explicit(common: Option<CommonOptions>, protocol: ProtocolConfig) -> HashMap<String, Any> {
    let options = HttpProtocolOptions {
        common_http_protocol_options: common,
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(protocol),
            },
        )),
        ..HttpProtocolOptions::default()
    };
    [(HttpProtocolOptions::full_name(), any::pack(&options))].into()
}

fn common_http_protocol_options(policy: &EffectivePolicy) -> Option<CommonOptions> {
    let options = policy.common_http_protocol_options()?;
    Some(CommonOptions {
        idle_timeout: options.idle_timeout.and_then(pb::duration),
        max_headers_count: options.max_headers_count.and_then(pb::u32),
        max_stream_duration: options.max_stream_duration.and_then(pb::duration),
        max_requests_per_connection: options.max_requests_per_connection.and_then(pb::u32),
        headers_with_underscores_action: match options.headers_with_underscores_action {
            None | Some(HeadersWithUnderscoresAction::Allow) => Action::Allow,
            Some(HeadersWithUnderscoresAction::RejectRequest) => Action::RejectRequest,
            Some(HeadersWithUnderscoresAction::DropHeader) => Action::DropHeader,
        } as i32,
        ..CommonOptions::default()
    })
}

fn http_protocol_options(policy: &EffectivePolicy) -> Http1ProtocolOptions {
    let Some(options) = policy.http1_protocol_options() else {
        return Http1ProtocolOptions::default();
    };
    Http1ProtocolOptions {
        enable_trailers: options.enable_trailers.unwrap_or_default(),
        header_key_format: options.header_format.map(header_key_format),
        override_stream_error_on_invalid_http_message: options
            .override_stream_error_on_invalid_http_message
            .and_then(pb::bool),
        ..Http1ProtocolOptions::default()
    }
}

/// How names are written. Listeners use it too: a stateful formatter works on the message that its
/// own side received.
pub(crate) fn header_key_format(format: HeaderFormat) -> HeaderKeyFormat {
    let format = match format {
        HeaderFormat::PreserveCase => {
            header_key_format::HeaderFormat::StatefulFormatter(pb::extension(
                "envoy.http.stateful_header_formatters.preserve_case",
                &PreserveCaseFormatterConfig::default(),
            ))
        }
        HeaderFormat::ProperCase => {
            header_key_format::HeaderFormat::ProperCaseWords(header_key_format::ProperCaseWords {})
        }
    };
    HeaderKeyFormat {
        header_format: Some(format),
    }
}

fn http2_protocol_options(policy: &EffectivePolicy) -> Http2ProtocolOptions {
    let Some(options) = policy.http2_protocol_options() else {
        return Http2ProtocolOptions::default();
    };
    Http2ProtocolOptions {
        initial_stream_window_size: options.initial_stream_window_size.and_then(pb::u32),
        initial_connection_window_size: options.initial_connection_window_size.and_then(pb::u32),
        max_concurrent_streams: options.max_concurrent_streams.and_then(pb::u32),
        override_stream_error_on_invalid_http_message: options
            .override_stream_error_on_invalid_http_message
            .and_then(pb::bool),
        connection_keepalive: options
            .connection_keepalive
            .map(|keepalive| KeepaliveSettings {
                timeout: pb::duration(keepalive.timeout),
                interval: keepalive.interval.and_then(pb::duration),
                connection_idle_interval: keepalive.connection_idle_interval.and_then(pb::duration),
                ..KeepaliveSettings::default()
            }),
        ..Http2ProtocolOptions::default()
    }
}
