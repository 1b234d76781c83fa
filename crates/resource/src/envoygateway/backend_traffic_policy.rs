// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicy: how a gateway treats the traffic of a Gateway, a listener, a route or a rule.
//!
//! In: a document in either dialect (`decode`). Out: these types, under upstream's names. One file per
//! section. Nothing is defaulted here: policies are merged as written, and what is still unset after
//! that gets the default that the field's documentation names.

mod admission_control;
mod bandwidth_limit;
mod circuit_breaker;
mod compression;
mod connection;
mod decode;
mod dns;
mod fault_injection;
mod health_check;
mod http2;
mod http_upgrade;
mod load_balancer;
mod merge;
mod rate_limit;
pub(crate) mod reader;
mod response_override;
mod retry;
mod rules;
mod spelling;
mod target;
mod tcp_keepalive;
mod telemetry;
mod timeout;

pub use admission_control::AdmissionControl;
pub use bandwidth_limit::{Bandwidth, BandwidthLimit};
pub use circuit_breaker::{CircuitBreaker, RetryBudget};
pub use compression::{CompressionAlgorithm, Compressor};
pub use connection::{Connection, ConnectionLimit, Preconnect};
pub use dns::{Dns, LookupFamily};
pub use fault_injection::{Abort, AbortStatus, Delay, FaultInjection};
pub use health_check::{
    ActiveHealthCheck, HealthCheck, HealthCheckLog, HealthCheckMatch, HealthChecker,
    HttpHealthCheck, PassiveHealthCheck,
};
pub use http_upgrade::HttpUpgrade;
pub use http2::{ConnectionKeepalive, Http2, OnInvalidMessage};
pub use load_balancer::{
    BackendUtilization, ConsistentHash, Cookie, HashInput, LoadBalancer, LoadBalancerAlgorithm,
    OutOfBand, PreferLocal, WeightedZone, ZoneAware,
};
pub use merge::merged;
pub use rate_limit::{
    ClientSelector, MetadataKey, RateLimit, RateLimitCost, RateLimitLimit, RateLimitRule,
    RateLimitUnit, SourceCidr, ValueMatch, XRateLimitHeaders,
};
pub use response_override::{
    ResponseAction, ResponseBody, ResponseMatch, ResponseOverride, ResponseRedirect,
    ResponseReplacement, ResponseSource, StatusRange, StringMatch,
};
pub use retry::{Retry, RetryTrigger};
pub use target::{SelectedTarget, TargetKind, TargetNamespaces, TargetReference};
pub use tcp_keepalive::TcpKeepalive;
pub use telemetry::{Telemetry, Tracing};
pub use timeout::Timeout;

use crate::value::Written;

/// The spec of a BackendTrafficPolicy as it was written, both dialects in one model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BackendTrafficPolicy {
    /// `targetRef` and `targetRefs`, in the policy's own namespace, without repetitions.
    pub targets: Vec<Written<TargetReference>>,
    /// `targetSelectors`.
    pub target_selectors: Vec<Written<SelectedTarget>>,
    /// `mergeType`. Absent: the policy replaces less specific ones.
    pub merge_type: Option<Written<MergeType>>,
    /// `routingType`. Absent: `Endpoint` (Envoy Gateway default).
    pub routing_type: Option<Written<RoutingType>>,
    /// `loadBalancer`. Absent: least request (Envoy Gateway default).
    pub load_balancer: Option<Written<LoadBalancer>>,
    /// `circuitBreaker`.
    pub circuit_breaker: Option<Written<CircuitBreaker>>,
    /// `healthCheck`. Absent: no checks.
    pub health_check: Option<Written<HealthCheck>>,
    /// `tcpKeepalive`. Absent: off; an empty block turns it on.
    pub tcp_keepalive: Option<Written<TcpKeepalive>>,
    /// `connection`.
    pub connection: Option<Written<Connection>>,
    /// `http2`.
    pub http2: Option<Written<Http2>>,
    /// `dns`.
    pub dns: Option<Written<Dns>>,
    /// `proxyProtocol.version`. Absent: no PROXY header.
    pub proxy_protocol: Option<Written<ProxyProtocolVersion>>,
    /// `timeout`.
    pub timeout: Option<Written<Timeout>>,
    /// `retry`. Absent: no retries.
    pub retry: Option<Written<Retry>>,
    /// `useClientProtocol`. Absent: false.
    pub use_client_protocol: Option<Written<bool>>,
    /// `rateLimit`.
    pub rate_limit: Option<Written<RateLimit>>,
    /// `bandwidthLimit`.
    pub bandwidth_limit: Option<Written<BandwidthLimit>>,
    /// `faultInjection`.
    pub fault_injection: Option<Written<FaultInjection>>,
    /// `admissionControl`.
    pub admission_control: Option<Written<AdmissionControl>>,
    /// `compressor`, or the older `compression`: those in force, the preferred one first.
    pub compressors: Option<Written<Vec<Compressor>>>,
    /// `responseOverride`: the first one that matches counts.
    pub response_override: Option<Written<Vec<ResponseOverride>>>,
    /// `httpUpgrade`. Absent: websocket (Envoy Gateway default).
    pub http_upgrade: Option<Written<Vec<HttpUpgrade>>>,
    /// `requestBuffer.limit` in bytes, 1..4294967295. Absent: requests are streamed.
    pub request_buffer_limit: Option<Written<u32>>,
    /// `telemetry`.
    pub telemetry: Option<Written<Telemetry>>,
    /// Whether the document has `proxyProtocol`, readable or not: such a policy fails closed when it
    /// is Invalid (design decision 9).
    pub secures_connection: bool,
}

/// How a policy meets the less specific one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeType {
    /// `JSONMerge`: RFC 7396.
    Json,
    /// `Replace`: as without `mergeType`. Ours: upstream refuses the word.
    Replace,
    /// `StrategicMerge`: Kubernetes' strategic merge.
    Strategic,
}

/// Where requests to a Service are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingType {
    /// To its endpoints.
    Endpoint,
    /// To its cluster IP: balancing and health checks see one host.
    Service,
}

/// PROXY protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocolVersion {
    /// Text.
    V1,
    /// Binary.
    V2,
}

#[cfg(test)]
mod tests;
