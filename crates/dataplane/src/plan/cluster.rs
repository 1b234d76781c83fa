// SPDX-License-Identifier: Apache-2.0
//! Settings of a cluster.
//!
//! In: a Cluster resource. Out: its settings with Envoy's defaults filled in.

#![expect(deprecated, reason = "control planes still send these fields")]

use std::{sync::Arc, time::Duration};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, DiscoveryType},
            },
            core::v3::TcpKeepalive,
            endpoint::v3::ClusterLoadAssignment,
        },
        extensions::{clusters::dns::v3::DnsCluster, upstreams::http::v3::HttpProtocolOptions},
    },
};

use super::{
    admission_control,
    balancing::Balancing,
    breakers::{self, Thresholds},
    connection_manager::{Names, names},
    dns::{self, DnsConfig},
    health_check::{self, Check},
    host_set::HostSet,
    http2::Http2Options,
    outlier,
    protocol::{Speaks, http1_options, names_of_requests, versions},
    retry,
    socket_buffers::SocketBuffers,
    transport::{self, Transport},
    unsupported,
    value::{number, timeout},
};
use crate::{
    cluster::ClusterId, connect::ProxyProtocol, filter::AdmissionControl,
    health::outlier::OutlierConfig, http::NameCase, retry::RetryPolicy, tls::UpstreamTls,
};

/// A cluster's settings.
#[derive(Debug)]
pub(crate) struct ClusterConfig {
    /// Its id.
    pub(crate) id: ClusterId,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// The name its stats go under.
    pub(crate) stat_name: String,
    /// Where its endpoints come from.
    pub(crate) discovery: Discovery,
    /// Covers the TCP handshake.
    pub(crate) connect_timeout: Duration,
    /// Bytes held per connection.
    pub(crate) buffer_limit: usize,
    /// Buffers of the kernel for each connection.
    pub(crate) socket_buffers: SocketBuffers,
    /// TCP keepalive of connections, when set.
    pub(crate) keepalive: Option<Keepalive>,
    /// Circuit breakers: default, high.
    pub(crate) breakers: [Thresholds; 2],
    /// Idle connections are closed after this.
    pub(crate) idle_timeout: Option<Duration>,
    /// A connection takes no new request after this.
    pub(crate) max_connection_duration: Option<Duration>,
    /// Header lines of a response; of a request too, if set (`limits_requests`).
    pub(crate) max_headers_count: usize,
    /// Whether `max_headers_count` was set, and therefore limits requests as well.
    pub(crate) limits_requests: bool,
    /// Bytes of a response head.
    pub(crate) max_response_headers: usize,
    /// Longest life of one attempt.
    pub(crate) max_stream_duration: Option<Duration>,
    /// Requests after which a connection is not used again; 0 is no limit.
    pub(crate) max_requests_per_connection: u32,
    /// How many requests there are connections for to each host, for each that waits or runs.
    pub(crate) preconnect_ratio: f32,
    /// What happens to requests with underscores in header names.
    pub(crate) underscores: Underscores,
    /// Spelling of request header names.
    pub(crate) request_case: NameCase,
    /// Responses keep the upstream's spelling.
    pub(crate) preserve_response_case: bool,
    /// Trailers are forwarded.
    pub(crate) trailers: bool,
    /// Which version of HTTP is spoken to the hosts.
    pub(crate) speaks: Speaks,
    /// Settings for HTTP/2, where that may be.
    pub(crate) http2: Option<Http2Options>,
    /// Requests decide the name that TLS asks for.
    pub(crate) auto_sni: bool,
    /// Header in front of everything on a connection.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// TLS to its hosts.
    pub(crate) tls: Option<UpstreamTls>,
    /// How load is spread.
    pub(crate) balancing: Balancing,
    /// What changes of its hosts lead to.
    pub(crate) host_set: HostSet,
    /// Active health check.
    pub(crate) check: Option<Check>,
    /// Outlier detection.
    pub(crate) outlier: Option<OutlierConfig>,
    /// Its own retry policy, which takes the place of the route's.
    pub(crate) retry: Option<RetryPolicy>,
    /// Turns requests away while too many fail.
    pub(crate) admission_control: Option<AdmissionControl>,
    /// Settings seen here that are not enforced yet.
    pub(crate) unsupported: Vec<&'static str>,
}

/// Where endpoints come from.
#[derive(Debug)]
pub(crate) enum Discovery {
    /// Names to look up: hostnames stand where addresses should be.
    Dns(Box<ClusterLoadAssignment>, DnsConfig),
    /// The endpoint resource of this name.
    Eds(String),
    /// The cluster itself.
    Static(Box<ClusterLoadAssignment>),
}

/// TCP keepalive as measured on Envoy: no field set still switches it on, any zero leaves it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keepalive {
    /// `TCP_KEEPCNT`.
    pub(crate) probes: Option<u32>,
    /// `TCP_KEEPINTVL`, seconds.
    pub(crate) interval: Option<u32>,
    /// `TCP_KEEPIDLE`, seconds.
    pub(crate) time: Option<u32>,
}

/// `headers_with_underscores_action`; on a cluster this is our own enforcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Underscores {
    /// Forwarded.
    Allow,
    /// The fields are left out.
    Drop,
    /// The request is refused.
    Reject,
}

impl ClusterConfig {
    /// Compiles a cluster.
    pub(super) fn compile(id: ClusterId, cluster: &Cluster) -> Result<Self, String> {
        let options = http_options(cluster)?;
        let admission_control = admission_control::compile(&options)?;
        let retry = options.retry_policy.as_ref().map(retry::compile);
        let common = options.common_http_protocol_options.unwrap_or_default();
        let http1 = http1_options(&options);
        let (speaks, http2) = versions(cluster, &options)?;
        let Names { case, preserve } = names(http1.header_key_format.as_ref());
        let stat_name = if cluster.alt_stat_name.is_empty() {
            &cluster.name
        } else {
            &cluster.alt_stat_name
        };
        let max_headers_count = number(common.max_headers_count.as_ref());
        unsupported::refuse_cluster(cluster)?;
        let (auto_sni, auto_san) = names_of_requests(&options)?;
        let Transport {
            proxy_protocol,
            tls,
        } = {
            let socket = cluster.transport_socket.as_ref();
            transport::transport_socket(socket, auto_san)?
        };
        if speaks == Speaks::Negotiated && tls.is_none() {
            return Err("auto_config without TLS: nothing tells the version".to_owned());
        }
        let balancing = Balancing::compile(cluster)?;
        let mut unsupported = unsupported::of_cluster(cluster, &options);
        unsupported.extend(tls.iter().flat_map(|tls| &tls.unsupported));
        unsupported.extend(&balancing.unsupported);
        Ok(Self {
            id,
            name: cluster.name.as_str().into(),
            stat_name: stat_name.replace(':', "_"),
            discovery: discovery(cluster)?,
            connect_timeout: timeout(cluster.connect_timeout.as_ref(), Some(CONNECT_TIMEOUT))
                .unwrap_or(CONNECT_TIMEOUT),
            buffer_limit: number(cluster.per_connection_buffer_limit_bytes.as_ref())
                .map_or(BUFFER_LIMIT, |limit| limit as usize),
            socket_buffers: cluster
                .upstream_bind_config
                .as_ref()
                .and_then(SocketBuffers::compile)
                .unwrap_or_default(),
            keepalive: cluster
                .upstream_connection_options
                .as_ref()
                .and_then(|options| options.tcp_keepalive.as_ref())
                .and_then(Keepalive::compile),
            breakers: breakers::compile(cluster.circuit_breakers.as_ref()),
            idle_timeout: timeout(common.idle_timeout.as_ref(), Some(IDLE_TIMEOUT)),
            max_connection_duration: timeout(common.max_connection_duration.as_ref(), None),
            max_headers_count: max_headers_count.unwrap_or(HEADERS_COUNT) as usize,
            limits_requests: max_headers_count.is_some(),
            max_response_headers: 1024
                * number(common.max_response_headers_kb.as_ref()).unwrap_or(RESPONSE_HEADERS_KB)
                    as usize,
            max_stream_duration: timeout(common.max_stream_duration.as_ref(), None),
            max_requests_per_connection: number(common.max_requests_per_connection.as_ref())
                .or_else(|| number(cluster.max_requests_per_connection.as_ref()))
                .unwrap_or(0),
            preconnect_ratio: preconnect_ratio(cluster),
            underscores: Underscores::of(common.headers_with_underscores_action),
            request_case: case,
            preserve_response_case: preserve,
            trailers: http1.enable_trailers,
            speaks,
            auto_sni: auto_sni && tls.is_some(),
            proxy_protocol,
            tls,
            balancing,
            host_set: HostSet::compile(cluster),
            check: health_check::compile(&cluster.health_checks, http2.is_some())?,
            http2: http2.as_ref().map(Http2Options::compile),
            outlier: cluster.outlier_detection.as_ref().map(outlier::compile),
            retry: retry.transpose()?,
            admission_control,
            unsupported,
        })
    }
}

impl Keepalive {
    fn compile(options: &TcpKeepalive) -> Option<Self> {
        let keepalive = Self {
            probes: number(options.keepalive_probes.as_ref()),
            interval: number(options.keepalive_interval.as_ref()),
            time: number(options.keepalive_time.as_ref()),
        };
        let fields = [keepalive.probes, keepalive.interval, keepalive.time];
        (!fields.contains(&Some(0))).then_some(keepalive)
    }
}

impl Underscores {
    /// From the enumeration's number.
    pub(super) fn of(action: i32) -> Self {
        match action {
            1 => Self::Reject,
            2 => Self::Drop,
            _ => Self::Allow,
        }
    }
}

fn http_options(cluster: &Cluster) -> Result<HttpProtocolOptions, String> {
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    match cluster.typed_extension_protocol_options.get(key) {
        Some(packed) => any::unpack(packed).ok_or_else(|| format!("{key} does not decode")),
        None => Ok(HttpProtocolOptions {
            common_http_protocol_options: cluster.common_http_protocol_options,
            ..HttpProtocolOptions::default()
        }),
    }
}

fn discovery(cluster: &Cluster) -> Result<Discovery, String> {
    let assignment = || Box::new(cluster.load_assignment.clone().unwrap_or_default());
    let dns = |dns: &DnsCluster| {
        let assignment = assignment();
        let config = DnsConfig::compile(dns, &assignment)?;
        Ok(Discovery::Dns(assignment, config))
    };
    match &cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => match DiscoveryType::try_from(*kind) {
            Ok(DiscoveryType::Static) => Ok(Discovery::Static(assignment())),
            Ok(DiscoveryType::StrictDns) => dns(&dns::of_fields(cluster, false)),
            Ok(DiscoveryType::LogicalDns) => dns(&dns::of_fields(cluster, true)),
            Ok(DiscoveryType::Eds) => {
                let eds = cluster.eds_cluster_config.as_ref();
                let eds = eds.ok_or("type EDS without eds_cluster_config")?;
                let name = Some(&eds.service_name).filter(|name| !name.is_empty());
                Ok(Discovery::Eds(name.unwrap_or(&cluster.name).clone()))
            }
            _ => Err(format!("discovery type {kind} is not implemented")),
        },
        Some(ClusterDiscoveryType::ClusterType(custom)) => {
            let extension = custom.typed_config.as_ref().and_then(any::unpack);
            dns(&extension.ok_or_else(|| format!("cluster type {} is not known", custom.name))?)
        }
        None => Ok(Discovery::Static(assignment())),
    }
}

/// 1 where it is not set (Envoy default): connections come with demand.
fn preconnect_ratio(cluster: &Cluster) -> f32 {
    let policy = cluster.preconnect_policy.as_ref();
    let ratio = policy.and_then(|policy| policy.per_upstream_preconnect_ratio);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "Envoy keeps a float, at most 3"
    )]
    ratio.map_or(1.0, |ratio| ratio.value as f32)
}

// Envoy defaults.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BUFFER_LIMIT: usize = 1024 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const HEADERS_COUNT: u32 = 100;
const RESPONSE_HEADERS_KB: u32 = 80;
