// SPDX-License-Identifier: Apache-2.0
//! BackendConfigPolicy: how a gateway connects to a backend.
//!
//! In: a document (`decode`). Out: these types. One file per section. Every *unit* (the granularity of merging, see
//! `docs/reference/backend-config-policy.md`) is a [`Written`] value that knows its path.

mod circuit_breakers;
mod common_http;
mod decode;
mod dns;
mod health_check;
mod http1;
mod http2;
mod load_balancer;
mod outlier_detection;
mod target;
mod tcp_keepalive;
mod tls;
mod upstream_proxy_protocol;

use std::time::Duration;

pub use circuit_breakers::CircuitBreakers;
pub use common_http::{CommonHttpProtocolOptions, HeadersWithUnderscoresAction};
pub use health_check::{HealthCheck, HealthChecker};
pub use http1::{HeaderFormat, Http1ProtocolOptions};
pub use http2::{ConnectionKeepalive, Http2ProtocolOptions};
pub use load_balancer::{
    Cookie, HashPolicy, HashPolicyKind, LoadBalancer, LoadBalancerAlgorithm, SlowStart, ZoneAware,
};
pub use outlier_detection::OutlierDetection;
pub use target::{LabelTarget, NamedTarget, TargetKind};
pub use tcp_keepalive::TcpKeepalive;
pub use tls::{Tls, TlsParameters, TlsSource, TlsVersion};
pub use upstream_proxy_protocol::ProxyProtocolVersion;

use crate::value::Written;

/// The spec of a BackendConfigPolicy, with the API server's defaults applied.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BackendConfigPolicy {
    /// `targetRefs`, in the policy's own namespace.
    pub target_refs: Vec<Written<NamedTarget>>,
    /// `targetSelectors`.
    pub target_selectors: Vec<Written<LabelTarget>>,
    /// `connectTimeout`, more than zero. Absent: 5 s (kgateway default).
    pub connect_timeout: Option<Written<Duration>>,
    /// `perConnectionBufferLimitBytes`. Absent: 1 MiB (Envoy default).
    pub per_connection_buffer_limit_bytes: Option<Written<u32>>,
    /// `tcpKeepalive`. Absent: off.
    pub tcp_keepalive: Option<Written<TcpKeepalive>>,
    /// `commonHttpProtocolOptions`.
    pub common_http_protocol_options: Option<Written<CommonHttpProtocolOptions>>,
    /// `http1ProtocolOptions`.
    pub http1_protocol_options: Option<Written<Http1ProtocolOptions>>,
    /// `http2ProtocolOptions`.
    pub http2_protocol_options: Option<Written<Http2ProtocolOptions>>,
    /// `tls` (older `sslConfig`).
    pub tls: Option<Written<Tls>>,
    /// `loadBalancer` (older `loadBalancerConfig`).
    pub load_balancer: Option<Written<LoadBalancer>>,
    /// `healthCheck`.
    pub health_check: Option<Written<HealthCheck>>,
    /// `outlierDetection`.
    pub outlier_detection: Option<Written<OutlierDetection>>,
    /// `circuitBreakers`.
    pub circuit_breakers: Option<Written<CircuitBreakers>>,
    /// `dns.refreshRate`, at least 2 ms. A unit of its own, unlike other blocks.
    pub dns_refresh_rate: Option<Written<Duration>>,
    /// `dns.jitter`.
    pub dns_jitter: Option<Written<Duration>>,
    /// `dns.respectTTL`.
    pub dns_respect_ttl: Option<Written<bool>>,
    /// `upstreamProxyProtocol`.
    pub upstream_proxy_protocol: Option<Written<ProxyProtocolVersion>>,
    /// Annotation `kgateway.dev/policy-weight`: higher comes first, default 0.
    pub weight: i64,
    /// Whether the document has `tls` or `upstreamProxyProtocol` in any spelling, readable or not:
    /// such a policy fails closed when it is Invalid (design decision 9).
    pub secures_connection: bool,
}

#[cfg(test)]
mod tests;
