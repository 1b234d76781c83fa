// SPDX-License-Identifier: Apache-2.0
//! Settings of an HTTP connection manager.
//!
//! In: the filter's configuration. Out: the settings of its connections and requests, with Envoy's
//! defaults filled in.

use std::{sync::Arc, time::Duration};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{
            http1_protocol_options::HeaderKeyFormat,
            http1_protocol_options::header_key_format::HeaderFormat,
        },
        extensions::{
            filters::network::http_connection_manager::v3::{
                HttpConnectionManager,
                http_connection_manager::{RouteSpecifier, StripPortMode},
            },
            http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig,
        },
    },
};

use super::{
    access_log,
    cluster::Underscores,
    compile::Names as ClusterNames,
    filters,
    http2::Http2Options,
    route, trace, unsupported,
    value::{duration, flag, number, timeout},
};
use crate::{
    filter::Installed,
    http::{EscapedSlashes, Limits, NameCase, PathRules},
    log::AccessLogs,
    route::RouteTable,
    trace::Tracing,
};

/// Settings of the HTTP connection manager.
#[derive(Debug)]
pub(crate) struct ConnectionManager {
    /// Stats go under `http.<stat_prefix>.`.
    pub(crate) stat_prefix: String,
    /// Which HTTP versions it takes.
    pub(crate) codec_type: CodecType,
    /// `http2_protocol_options`.
    pub(crate) http2: Http2Options,
    /// Where its routes are.
    pub(crate) routes: Routes,
    /// Limits on request heads.
    pub(crate) limits: Limits,
    /// What happens to requests with underscores in header names.
    pub(crate) underscores: Underscores,
    /// Connections without a request are closed after this.
    pub(crate) idle_timeout: Option<Duration>,
    /// `max_connection_duration`.
    pub(crate) max_connection_duration: Option<Duration>,
    /// `http1_safe_max_connection_duration`: only a response ends a connection of HTTP/1 then.
    pub(crate) http1_safe_duration: bool,
    /// `drain_timeout`: how long a connection of HTTP/1 waits for a last request then.
    pub(crate) drain_timeout: Duration,
    /// Requests after which a connection is closed; 0 is no limit.
    pub(crate) max_requests_per_connection: u32,
    /// `max_stream_duration`.
    pub(crate) max_stream_duration: Option<Duration>,
    /// `stream_idle_timeout`.
    pub(crate) stream_idle_timeout: Option<Duration>,
    /// `request_timeout`.
    pub(crate) request_timeout: Option<Duration>,
    /// `request_headers_timeout`.
    pub(crate) request_headers_timeout: Option<Duration>,
    /// `delayed_close_timeout`.
    pub(crate) delayed_close_timeout: Option<Duration>,
    /// Spelling of response header names.
    pub(crate) response_case: NameCase,
    /// Requests keep the client's spelling.
    pub(crate) preserve_request_case: bool,
    /// Trailers are forwarded.
    pub(crate) trailers: bool,
    /// What becomes of odd paths.
    pub(crate) paths: PathRules,
    /// What becomes of the port in Host.
    pub(crate) strip_port: StripPort,
    /// `forward_client_cert_details: ALWAYS_FORWARD_ONLY`; else what a client sends is left out.
    pub(crate) forward_client_cert: bool,
    /// `use_remote_address`.
    pub(crate) use_remote_address: bool,
    /// `skip_xff_append`.
    pub(crate) skip_xff_append: bool,
    /// `xff_num_trusted_hops`.
    pub(crate) trusted_hops: u32,
    /// `generate_request_id`.
    pub(crate) generate_request_id: bool,
    /// `preserve_external_request_id`.
    pub(crate) preserve_request_id: bool,
    /// `server_name`.
    pub(crate) server_name: Box<[u8]>,
    /// `server_header_transformation`.
    pub(crate) server_header: ServerHeader,
    /// Upgrade types allowed or refused, lower case.
    pub(crate) upgrades: Vec<(Box<[u8]>, bool)>,
    /// Requests that are refused after decoding leave the connection open.
    pub(crate) stream_error: bool,
    /// Router: no `x-envoy-*` headers are added.
    pub(crate) suppress_envoy_headers: bool,
    /// HTTP filters beside the router.
    pub(crate) filters: Installed,
    /// `tracing`.
    pub(crate) tracing: Option<Arc<Tracing>>,
    /// `access_log`.
    pub(crate) logs: AccessLogs,
}

/// `codec_type`, in Envoy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodecType {
    /// What the first bytes say.
    Auto,
    /// HTTP/1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// Where routes are.
#[derive(Debug)]
pub(crate) enum Routes {
    /// In the listener.
    Inline(Arc<RouteTable>),
    /// In the route configuration of this name.
    Named(String),
}

/// What becomes of the port in Host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StripPort {
    /// `strip_any_host_port`: left out.
    Any,
    /// It stays.
    No,
    /// `strip_matching_host_port`: left out if it is the listener's.
    Own,
}

/// What becomes of an upstream's `server` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerHeader {
    /// Kept; ours is added when there is none.
    AppendIfAbsent,
    /// Replaced by ours.
    Overwrite,
    /// Kept; nothing is added.
    PassThrough,
}

/// Spelling rules of one side.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// How this side's writer spells names.
    pub(super) case: NameCase,
    /// Whether messages read on this side carry their spelling along.
    pub(super) preserve: bool,
}

/// Reads `header_key_format`.
pub(super) fn names(format: Option<&HeaderKeyFormat>) -> Names {
    match format.and_then(|format| format.header_format.as_ref()) {
        Some(HeaderFormat::ProperCaseWords(_)) => Names {
            case: NameCase::Proper,
            preserve: false,
        },
        Some(HeaderFormat::StatefulFormatter(extension)) => Names {
            case: NameCase::Lower,
            preserve: extension
                .typed_config
                .as_ref()
                .and_then(any::unpack::<PreserveCaseFormatterConfig>)
                .is_some(),
        },
        None => Names::default(),
    }
}

impl ConnectionManager {
    /// Compiles a connection manager.
    pub(crate) fn compile(
        manager: &HttpConnectionManager,
        cluster_names: &mut ClusterNames,
    ) -> Result<Self, String> {
        let common = manager.common_http_protocol_options.unwrap_or_default();
        let http1 = manager.http_protocol_options.clone().unwrap_or_default();
        let Names { case, preserve } = names(http1.header_key_format.as_ref());
        let kilobytes = number(manager.max_request_headers_kb.as_ref()).unwrap_or(HEADERS_KB);
        let count = number(common.max_headers_count.as_ref()).unwrap_or(HEADERS_COUNT);
        Ok(Self {
            stat_prefix: manager.stat_prefix.clone(),
            codec_type: match manager.codec_type {
                1 => CodecType::Http1,
                2 => CodecType::Http2,
                _ => CodecType::Auto,
            },
            http2: Http2Options::compile(
                &manager.http2_protocol_options.clone().unwrap_or_default(),
            ),
            routes: routes(manager, cluster_names)?,
            limits: Limits {
                count: count as usize,
                bytes: 1024 * kilobytes as usize,
            },
            underscores: Underscores::of(common.headers_with_underscores_action),
            idle_timeout: timeout(common.idle_timeout.as_ref(), Some(IDLE_TIMEOUT)),
            max_connection_duration: timeout(common.max_connection_duration.as_ref(), None),
            http1_safe_duration: manager.http1_safe_max_connection_duration,
            drain_timeout: manager
                .drain_timeout
                .as_ref()
                .map_or(DRAIN_TIMEOUT, duration),
            max_requests_per_connection: number(common.max_requests_per_connection.as_ref())
                .unwrap_or(0),
            max_stream_duration: timeout(common.max_stream_duration.as_ref(), None),
            stream_idle_timeout: timeout(
                manager.stream_idle_timeout.as_ref(),
                Some(STREAM_IDLE_TIMEOUT),
            ),
            request_timeout: timeout(manager.request_timeout.as_ref(), None),
            request_headers_timeout: timeout(manager.request_headers_timeout.as_ref(), None),
            delayed_close_timeout: timeout(
                manager.delayed_close_timeout.as_ref(),
                Some(DELAYED_CLOSE),
            ),
            response_case: case,
            preserve_request_case: preserve,
            trailers: http1.enable_trailers,
            paths: PathRules {
                normalize: flag(manager.normalize_path.as_ref(), false),
                merge_slashes: manager.merge_slashes,
                escaped_slashes: match manager.path_with_escaped_slashes_action {
                    2 => EscapedSlashes::Reject,
                    3 => EscapedSlashes::Redirect,
                    4 => EscapedSlashes::Forward,
                    _ => EscapedSlashes::Keep,
                },
            },
            strip_port: match &manager.strip_port_mode {
                Some(StripPortMode::StripAnyHostPort(true)) => StripPort::Any,
                _ if manager.strip_matching_host_port => StripPort::Own,
                _ => StripPort::No,
            },
            forward_client_cert: manager.forward_client_cert_details == 4,
            use_remote_address: flag(manager.use_remote_address.as_ref(), false),
            skip_xff_append: manager.skip_xff_append,
            trusted_hops: manager.xff_num_trusted_hops,
            generate_request_id: flag(manager.generate_request_id.as_ref(), true),
            preserve_request_id: manager.preserve_external_request_id,
            server_name: server_name(manager),
            server_header: match manager.server_header_transformation {
                1 => ServerHeader::AppendIfAbsent,
                2 => ServerHeader::PassThrough,
                _ => ServerHeader::Overwrite,
            },
            upgrades: manager
                .upgrade_configs
                .iter()
                .map(|config| {
                    let kind = config.upgrade_type.to_ascii_lowercase().into_bytes();
                    (kind.into(), flag(config.enabled.as_ref(), true))
                })
                .collect(),
            stream_error: flag(
                http1
                    .override_stream_error_on_invalid_http_message
                    .as_ref()
                    .or(manager.stream_error_on_invalid_http_message.as_ref()),
                false,
            ),
            suppress_envoy_headers: unsupported::suppresses_envoy_headers(manager),
            filters: filters::installed(manager),
            tracing: trace::of_manager(manager, cluster_names)?.map(Arc::new),
            logs: access_log::compile(&manager.access_log)?,
        })
    }

    /// Whether a client's `x-request-id` makes way for a new one.
    pub(crate) fn replaces_request_id(&self) -> bool {
        self.use_remote_address && self.generate_request_id && !self.preserve_request_id
    }
}

fn routes(manager: &HttpConnectionManager, names: &mut ClusterNames) -> Result<Routes, String> {
    match &manager.route_specifier {
        Some(RouteSpecifier::Rds(rds)) => Ok(Routes::Named(rds.route_config_name.clone())),
        Some(RouteSpecifier::RouteConfig(config)) => {
            Ok(Routes::Inline(Arc::new(route::compile(config, names)?)))
        }
        Some(RouteSpecifier::ScopedRoutes(_)) => {
            Err("scoped routes are not implemented".to_owned())
        }
        None => Err("no route configuration".to_owned()),
    }
}

fn server_name(manager: &HttpConnectionManager) -> Box<[u8]> {
    match manager.server_name.as_str() {
        "" => b"envoy".as_slice().into(),
        name => name.as_bytes().into(),
    }
}

// Envoy defaults.
const HEADERS_KB: u32 = 60;
const HEADERS_COUNT: u32 = 100;
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const DELAYED_CLOSE: Duration = Duration::from_secs(1);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
