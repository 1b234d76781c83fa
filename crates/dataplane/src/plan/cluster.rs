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
            core::v3::{Http1ProtocolOptions, TcpKeepalive},
            endpoint::v3::ClusterLoadAssignment,
        },
        extensions::{
            clusters::dns::v3::DnsCluster,
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                },
            },
        },
    },
};

use super::{
    balancing::Balancing,
    breakers::{self, Thresholds},
    health_check::{self, Check},
    http2::Http2Options,
    listener::{Names, names},
    outlier, retry,
    transport::{self, Transport},
    unsupported,
    value::{number, timeout},
};
use crate::{
    cluster::ClusterId, connect::ProxyProtocol, health::outlier::OutlierConfig, http::NameCase,
    retry::RetryPolicy, tls::UpstreamTls,
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
    /// What happens to requests with underscores in header names.
    pub(crate) underscores: Underscores,
    /// Spelling of request header names.
    pub(crate) request_case: NameCase,
    /// Responses keep the upstream's spelling.
    pub(crate) preserve_response_case: bool,
    /// Trailers are forwarded.
    pub(crate) trailers: bool,
    /// HTTP/2 is spoken to the hosts.
    pub(crate) http2: Option<Http2Options>,
    /// Header in front of everything on a connection.
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    /// TLS to its hosts.
    pub(crate) tls: Option<UpstreamTls>,
    /// How load is spread.
    pub(crate) balancing: Balancing,
    /// Active health check.
    pub(crate) check: Option<Check>,
    /// Outlier detection.
    pub(crate) outlier: Option<OutlierConfig>,
    /// Its own retry policy, which takes the place of the route's.
    pub(crate) retry: Option<RetryPolicy>,
    /// Settings seen here that are not enforced yet.
    pub(crate) unsupported: Vec<&'static str>,
}

/// Where endpoints come from.
#[derive(Debug)]
pub(crate) enum Discovery {
    /// Names to look up: hostnames stand where addresses should be.
    Dns {
        /// The names.
        assignment: Box<ClusterLoadAssignment>,
        /// How often.
        refresh: Duration,
        /// How.
        query: Query,
    },
    /// The endpoint resource of this name.
    Eds(String),
    /// The cluster itself.
    Static(Box<ClusterLoadAssignment>),
}

/// How names are looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Query {
    /// `dns_lookup_family`, by number.
    pub(crate) family: i32,
    /// LOGICAL_DNS: one address stands for the name.
    pub(crate) first_only: bool,
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
        let retry = options.retry_policy.as_ref().map(retry::compile);
        let common = options.common_http_protocol_options.unwrap_or_default();
        let http1 = http1_options(&options);
        let http2 = http2_options(cluster, &options)?;
        let Names { case, preserve } = names(http1.header_key_format.as_ref());
        let stat_name = if cluster.alt_stat_name.is_empty() {
            &cluster.name
        } else {
            &cluster.alt_stat_name
        };
        let max_headers_count = number(common.max_headers_count.as_ref());
        unsupported::refuse_cluster(cluster, &options)?;
        let Transport {
            proxy_protocol,
            tls,
        } = {
            let protocol = if http2.is_some() { "h2" } else { "http/1.1" };
            transport::transport_socket(cluster.transport_socket.as_ref(), protocol)?
        };
        if http2.is_some() && proxy_protocol.is_some() {
            return Err("the PROXY protocol towards HTTP/2 is not implemented yet".to_owned());
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
            underscores: Underscores::of(common.headers_with_underscores_action),
            request_case: case,
            preserve_response_case: preserve,
            trailers: http1.enable_trailers,
            http2,
            proxy_protocol,
            tls,
            balancing,
            check: health_check::compile(&cluster.health_checks)?,
            outlier: cluster.outlier_detection.as_ref().map(outlier::compile),
            retry: retry.transpose()?,
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

pub(super) fn http1_options(options: &HttpProtocolOptions) -> Http1ProtocolOptions {
    match &options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match &explicit.protocol_config {
                Some(ProtocolConfig::HttpProtocolOptions(http1)) => http1.clone(),
                _ => Http1ProtocolOptions::default(),
            }
        }
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(both)) => {
            both.http_protocol_options.clone().unwrap_or_default()
        }
        Some(UpstreamProtocolOptions::AutoConfig(auto)) => {
            auto.http_protocol_options.clone().unwrap_or_default()
        }
        None => Http1ProtocolOptions::default(),
    }
}

/// Set when the hosts are to be spoken to in HTTP/2 whatever the client speaks. A cluster with
/// options of several versions gets HTTP/1, which every host of such a cluster understands.
fn http2_options(
    cluster: &Cluster,
    options: &HttpProtocolOptions,
) -> Result<Option<Http2Options>, String> {
    let http2 = match &options.upstream_protocol_options {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            match &explicit.protocol_config {
                Some(ProtocolConfig::Http2ProtocolOptions(http2)) => Some(http2),
                Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                    return Err("HTTP/3 to upstreams is not implemented".to_owned());
                }
                _ => None,
            }
        }
        Some(_) => None,
        None => cluster.http2_protocol_options.as_ref(),
    };
    Ok(http2.map(Http2Options::compile))
}

fn discovery(cluster: &Cluster) -> Result<Discovery, String> {
    let assignment = || Box::new(cluster.load_assignment.clone().unwrap_or_default());
    let refresh = |rate: Option<&_>| timeout(rate, None).unwrap_or(DNS_REFRESH);
    match &cluster.cluster_discovery_type {
        Some(ClusterDiscoveryType::Type(kind)) => match DiscoveryType::try_from(*kind) {
            Ok(DiscoveryType::Static) => Ok(Discovery::Static(assignment())),
            Ok(dns @ (DiscoveryType::StrictDns | DiscoveryType::LogicalDns)) => {
                Ok(Discovery::Dns {
                    assignment: assignment(),
                    refresh: refresh(cluster.dns_refresh_rate.as_ref()),
                    query: Query {
                        family: cluster.dns_lookup_family,
                        first_only: dns == DiscoveryType::LogicalDns,
                    },
                })
            }
            Ok(DiscoveryType::Eds) => Ok(Discovery::Eds(
                cluster
                    .eds_cluster_config
                    .as_ref()
                    .map(|eds| eds.service_name.clone())
                    .filter(|name| !name.is_empty())
                    .unwrap_or_else(|| cluster.name.clone()),
            )),
            _ => Err(format!("discovery type {kind} is not implemented")),
        },
        Some(ClusterDiscoveryType::ClusterType(custom)) => {
            let dns: Option<DnsCluster> = custom.typed_config.as_ref().and_then(any::unpack);
            let dns = dns.ok_or_else(|| format!("cluster type {} is not known", custom.name))?;
            Ok(Discovery::Dns {
                assignment: assignment(),
                refresh: refresh(dns.dns_refresh_rate.as_ref()),
                query: Query {
                    // This message counts from UNSPECIFIED, the cluster's own field from AUTO.
                    family: (dns.dns_lookup_family - 1).max(0),
                    first_only: dns.all_addresses_in_single_endpoint,
                },
            })
        }
        None => Ok(Discovery::Static(assignment())),
    }
}

// Envoy defaults.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const BUFFER_LIMIT: usize = 1024 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
const HEADERS_COUNT: u32 = 100;
const RESPONSE_HEADERS_KB: u32 = 80;
const DNS_REFRESH: Duration = Duration::from_secs(5);
