// SPDX-License-Identifier: Apache-2.0
//! Settings of a listener and of connection managers.
//!
//! In: a Listener resource. Out: its address and the settings of its HTTP connections, with Envoy's
//! defaults filled in.

use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use sluicegate_snapshot::Version;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::{
                Address, address, http1_protocol_options::HeaderKeyFormat,
                http1_protocol_options::header_key_format::HeaderFormat,
                proxy_protocol_config::Version as ProxyVersion,
            },
            listener::v3::{Listener, ListenerFilter, listener_filter},
        },
        extensions::{
            filters::listener::{
                proxy_protocol::v3::ProxyProtocol as ProxyProtocolFilter,
                tls_inspector::v3::TlsInspector,
            },
            filters::network::http_connection_manager::v3::{
                HttpConnectionManager,
                http_connection_manager::{RouteSpecifier, StripPortMode},
            },
            http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig,
        },
    },
    prost::{Message, Name},
};

use super::{
    access_log,
    cluster::Underscores,
    compile::Names as ClusterNames,
    filter_chain::FilterChains,
    filters,
    http2::Http2Options,
    route, trace, unsupported,
    value::{duration, flag, number, socket_address, timeout},
};
use crate::{
    filter::Installed,
    http::{EscapedSlashes, Limits, NameCase, PathRules},
    listen::{Inspection, ProxyProtocol},
    log::{AccessLogs, LogFiles},
    route::RouteTable,
    tls::Certificate,
    trace::Tracing,
};

/// A listener.
#[derive(Debug)]
pub(crate) struct ListenerPlan {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Hash of the resource.
    pub(crate) version: Version,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Whether a socket on `::` takes IPv4 as well.
    pub(crate) ipv4_compat: bool,
    /// Bytes held per connection.
    pub(crate) buffer_limit: usize,
    /// `ignore_global_conn_limit`.
    pub(crate) ignore_global_limit: bool,
    /// Header in front of everything on a connection.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// Whether, and how, what a client begins with is looked at.
    pub(crate) inspection: Option<Inspection>,
    /// `listener_filters_timeout`, for that header and for a TLS client's first message.
    pub(crate) filters_timeout: Option<Duration>,
    /// Its filter chains.
    pub(crate) chains: FilterChains,
    /// `access_log`, of connections.
    pub(crate) logs: AccessLogs,
    /// Settings seen here that are not enforced yet.
    pub(crate) unsupported: Vec<&'static str>,
}

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

impl ListenerPlan {
    /// Compiles a listener.
    pub(super) fn compile(
        listener: &Listener,
        version: Version,
        secrets: &HashMap<Arc<str>, Certificate>,
        names: &mut ClusterNames,
    ) -> Result<Self, String> {
        let ListenerFilters {
            proxy_protocol,
            tls_inspector,
        } = ListenerFilters::of(listener)?;
        let chains = FilterChains::compile(listener, secrets, names)?;
        Ok(Self {
            name: listener.name.as_str().into(),
            version,
            address: socket_address(listener.address.as_ref())?,
            ipv4_compat: ipv4_compat(listener.address.as_ref()),
            buffer_limit: number(listener.per_connection_buffer_limit_bytes.as_ref())
                .map_or(BUFFER_LIMIT, |limit| limit as usize),
            ignore_global_limit: listener.ignore_global_conn_limit,
            proxy_protocol,
            // As Envoy does, a listener is given the filter that its chains need.
            inspection: tls_inspector
                .or(chains.chooses.then(Inspection::default))
                .or(chains.tls.then(Inspection::uncounted)),
            filters_timeout: timeout(
                listener.listener_filters_timeout.as_ref(),
                Some(FILTERS_TIMEOUT),
            ),
            unsupported: chains.unsupported.clone(),
            logs: access_log::compile(&listener.access_log)?,
            chains,
        })
    }

    /// Opens the files of all access logs.
    pub(super) fn open_logs(&self, files: &LogFiles) -> Result<(), String> {
        let of_chains = self.chains.all().map(|chain| chain.serves.logs());
        let mut all = of_chains.chain([&self.logs]);
        all.try_for_each(|logs| logs.open(files))
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
}

impl ConnectionManager {
    /// Whether a client's `x-request-id` makes way for a new one.
    pub(crate) fn replaces_request_id(&self) -> bool {
        self.use_remote_address && self.generate_request_id && !self.preserve_request_id
    }
}

/// What happens in front of the filter chains.
#[derive(Default)]
struct ListenerFilters {
    proxy_protocol: Option<ProxyProtocol>,
    tls_inspector: Option<Inspection>,
}

impl ListenerFilters {
    fn of(listener: &Listener) -> Result<Self, String> {
        let mut found = Self::default();
        for filter in &listener.listener_filters {
            match filter.name.as_str() {
                "envoy.filters.listener.tls_inspector" => {
                    found.tls_inspector = Some(tls_inspector(&config(filter)?));
                }
                "envoy.filters.listener.proxy_protocol" => {
                    found.proxy_protocol = Some(proxy_protocol(&config(filter)?));
                }
                other => return Err(format!("listener filter {other} is not implemented yet")),
            }
        }
        Ok(found)
    }
}

fn config<M: Message + Name + Default>(filter: &ListenerFilter) -> Result<M, String> {
    let packed = match &filter.config_type {
        Some(listener_filter::ConfigType::TypedConfig(packed)) => any::unpack(packed),
        _ => None,
    };
    packed.ok_or_else(|| format!("listener filter {} does not decode", filter.name))
}

fn tls_inspector(config: &TlsInspector) -> Inspection {
    let longest = number(config.max_client_hello_size.as_ref());
    let default = Inspection::default();
    Inspection {
        longest: longest.map_or(default.longest, |longest| longest as usize),
        strict: config.close_connection_on_client_hello_parsing_errors,
        ..default
    }
}

fn proxy_protocol(config: &ProxyProtocolFilter) -> ProxyProtocol {
    let accepts = |version: ProxyVersion| !config.disallowed_versions.contains(&(version as i32));
    ProxyProtocol {
        optional: config.allow_requests_without_proxy_protocol,
        v1: accepts(ProxyVersion::V1),
        v2: accepts(ProxyVersion::V2),
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

fn ipv4_compat(address: Option<&Address>) -> bool {
    match address.and_then(|address| address.address.as_ref()) {
        Some(address::Address::SocketAddress(socket)) => socket.ipv4_compat,
        _ => false,
    }
}

// Envoy defaults.
const BUFFER_LIMIT: usize = 1024 * 1024;
const HEADERS_KB: u32 = 60;
const HEADERS_COUNT: u32 = 100;
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const DELAYED_CLOSE: Duration = Duration::from_secs(1);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
const FILTERS_TIMEOUT: Duration = Duration::from_secs(15);
