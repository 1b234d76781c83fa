// SPDX-License-Identifier: Apache-2.0
//! The settings of a backend's cluster that a BackendTrafficPolicy has, one by one.
//!
//! In: a decoded policy of either kind. Out: for each setting its name, its class, and whether each
//! side sets it. Each is taken as a whole from one side.

use sluicegate_resource::envoygateway::{
    BackendTrafficPolicy,
    backend_traffic_policy::{
        CircuitBreaker, Connection, Dns, HealthCheck, Http2, TcpKeepalive, Timeout,
    },
};

use crate::{EffectivePolicy, Unit};

/// How a setting is decided between the policy of a backend and that of the traffic (design
/// decision 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A fact about the backend: its own policy wins.
    Fact,
    /// A protective limit: the smallest that somebody wrote wins.
    Limit,
    /// Behaviour of this traffic: a rule's or route's policy wins over the backend's, the backend's
    /// over a listener's or Gateway's.
    Behaviour,
}

impl Class {
    /// The rule, for people.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Fact => "a fact about the backend: its own policy wins",
            Self::Limit => "a limit: the smaller value wins",
            Self::Behaviour => {
                "behaviour of traffic: route before backend before listener before Gateway"
            }
        }
    }
}

/// Reads a limit, or 0 for a setting that is merely there.
type Read<P> = fn(&P) -> Option<u32>;

/// Where a BackendConfigPolicy has the setting: unit, path below it, and its value.
type Other = (Unit, &'static str, Read<EffectivePolicy>);

macro_rules! rows {
    ($( $variant:ident $name:literal $class:ident, $traffic:expr, $other:expr; )*) => {
        /// A setting, in the order of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Row {
            $( #[doc = concat!("`", $name, "`.")] $variant, )*
        }

        impl Row {
            /// Every setting.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// Its path below `spec`, under upstream's name.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }

            /// How it is decided.
            pub const fn class(self) -> Class {
                match self { $( Self::$variant => Class::$class, )* }
            }

            /// What a BackendTrafficPolicy says.
            pub(super) fn of_traffic(self, policy: &BackendTrafficPolicy) -> Option<u32> {
                let read: Read<BackendTrafficPolicy> = match self {
                    $( Self::$variant => $traffic, )*
                };
                read(policy)
            }

            /// What the BackendConfigPolicies of a backend say.
            pub(super) fn of_backend(self) -> Option<Other> {
                match self { $( Self::$variant => $other, )* }
            }
        }
    };
}

rows! {
    RoutingType "routingType" Behaviour,
        |it| there(it.routing_type.as_ref()), None;
    LoadBalancer "loadBalancer" Behaviour,
        |it| there(it.load_balancer.as_ref()),
        Some((Unit::LoadBalancer, "", |it| there(it.load_balancer()?.algorithm.as_ref())));
    ZoneAware "loadBalancer.zoneAware" Fact,
        |it| there(it.load_balancer.as_ref()?.value.zone_aware.as_ref()),
        Some((Unit::LoadBalancer, "zoneAware", |it| there(it.load_balancer()?.zone_aware.as_ref())));
    MaxConnections "circuitBreaker.maxConnections" Limit,
        |it| breaker(it)?.max_connections,
        Some((Unit::CircuitBreakers, "maxConnections", |it| it.circuit_breakers()?.max_connections));
    ConnectionLimit "connection.connectionLimit.value" Limit,
        |it| Some(connection(it)?.connection_limit?.value),
        Some((Unit::CircuitBreakers, "maxConnections", |it| it.circuit_breakers()?.max_connections));
    MaxPendingRequests "circuitBreaker.maxPendingRequests" Limit,
        |it| breaker(it)?.max_pending_requests,
        Some((Unit::CircuitBreakers, "maxPendingRequests",
            |it| it.circuit_breakers()?.max_pending_requests));
    MaxParallelRequests "circuitBreaker.maxParallelRequests" Limit,
        |it| breaker(it)?.max_parallel_requests.as_ref().map(|it| it.value),
        Some((Unit::CircuitBreakers, "maxRequests", |it| it.circuit_breakers()?.max_requests));
    MaxParallelRetries "circuitBreaker.maxParallelRetries" Limit,
        |it| breaker(it)?.max_parallel_retries.as_ref().map(|it| it.value),
        Some((Unit::CircuitBreakers, "maxRetries", |it| it.circuit_breakers()?.max_retries));
    MaxConnectionPools "circuitBreaker.maxConnectionPools" Limit,
        |it| breaker(it)?.max_connection_pools, None;
    MaxRequestsPerConnection "circuitBreaker.maxRequestsPerConnection" Limit,
        |it| breaker(it)?.max_requests_per_connection,
        Some((Unit::CommonHttpProtocolOptions, "maxRequestsPerConnection",
            |it| it.common_http_protocol_options()?.max_requests_per_connection));
    PerEndpointMaxConnections "circuitBreaker.perEndpoint" Limit,
        |it| there(breaker(it)?.per_endpoint_max_connections.as_ref()), None;
    RetryBudget "circuitBreaker.retryBudget" Limit,
        |it| there(breaker(it)?.retry_budget.as_ref()), None;
    PanicThreshold "healthCheck.panicThreshold" Fact,
        |it| health(it)?.panic_threshold,
        Some((Unit::LoadBalancer, "healthyPanicThreshold",
            |it| it.load_balancer()?.healthy_panic_threshold));
    ActiveHealthCheck "healthCheck.active" Fact,
        |it| there(health(it)?.active.as_ref()),
        Some((Unit::HealthCheck, "", |it| there(it.health_check())));
    PassiveHealthCheck "healthCheck.passive" Fact,
        |it| there(health(it)?.passive.as_ref()),
        Some((Unit::OutlierDetection, "", |it| there(it.outlier_detection())));
    Keepalive "tcpKeepalive" Behaviour,
        |it| there(keepalive(it).filter(|it| **it == TcpKeepalive::default())),
        Some((Unit::TcpKeepalive, "", |it| there(it.tcp_keepalive())));
    KeepaliveProbes "tcpKeepalive.probes" Behaviour,
        |it| keepalive(it)?.probes,
        Some((Unit::TcpKeepalive, "keepAliveProbes", |it| it.tcp_keepalive()?.keep_alive_probes));
    KeepaliveTime "tcpKeepalive.idleTime" Behaviour,
        |it| there(keepalive(it)?.idle_time),
        Some((Unit::TcpKeepalive, "keepAliveTime",
            |it| there(it.tcp_keepalive()?.keep_alive_time)));
    KeepaliveInterval "tcpKeepalive.interval" Behaviour,
        |it| there(keepalive(it)?.interval),
        Some((Unit::TcpKeepalive, "keepAliveInterval",
            |it| there(it.tcp_keepalive()?.keep_alive_interval)));
    BufferLimit "connection.bufferLimit" Behaviour,
        |it| connection(it)?.buffer_limit,
        Some((Unit::PerConnectionBufferLimitBytes, "",
            |it| there(it.per_connection_buffer_limit_bytes())));
    SocketBufferLimit "connection.socketBufferLimit" Behaviour,
        |it| connection(it)?.socket_buffer_limit, None;
    Preconnect "connection.preconnect.perEndpointPercent" Behaviour,
        |it| connection(it)?.preconnect?.per_endpoint_percent, None;
    InitialStreamWindowSize "http2.initialStreamWindowSize" Fact,
        |it| http2(it)?.initial_stream_window_size,
        Some((Unit::Http2ProtocolOptions, "initialStreamWindowSize",
            |it| it.http2_protocol_options()?.initial_stream_window_size));
    InitialConnectionWindowSize "http2.initialConnectionWindowSize" Fact,
        |it| http2(it)?.initial_connection_window_size,
        Some((Unit::Http2ProtocolOptions, "initialConnectionWindowSize",
            |it| it.http2_protocol_options()?.initial_connection_window_size));
    MaxConcurrentStreams "http2.maxConcurrentStreams" Limit,
        |it| http2(it)?.max_concurrent_streams,
        Some((Unit::Http2ProtocolOptions, "maxConcurrentStreams",
            |it| it.http2_protocol_options()?.max_concurrent_streams));
    OnInvalidMessage "http2.onInvalidMessage" Fact,
        |it| there(http2(it)?.on_invalid_message),
        Some((Unit::Http2ProtocolOptions, "overrideStreamErrorOnInvalidHttpMessage",
            |it| there(it.http2_protocol_options()?.override_stream_error_on_invalid_http_message)));
    ConnectionKeepalive "http2.connectionKeepalive" Fact,
        |it| there(http2(it)?.connection_keepalive),
        Some((Unit::Http2ProtocolOptions, "connectionKeepalive",
            |it| there(it.http2_protocol_options()?.connection_keepalive.as_ref())));
    DnsRefreshRate "dns.dnsRefreshRate" Fact,
        |it| there(dns(it)?.dns_refresh_rate),
        Some((Unit::DnsRefreshRate, "", |it| there(it.dns_refresh_rate())));
    RespectDnsTtl "dns.respectDnsTtl" Fact,
        |it| there(dns(it)?.respect_dns_ttl),
        Some((Unit::DnsRespectTtl, "", |it| there(it.dns_respect_ttl())));
    LookupFamily "dns.lookupFamily" Fact,
        |it| there(dns(it)?.lookup_family), None;
    ProxyProtocol "proxyProtocol" Fact,
        |it| there(it.proxy_protocol.as_ref()),
        Some((Unit::UpstreamProxyProtocol, "", |it| there(it.upstream_proxy_protocol())));
    ConnectTimeout "timeout.tcp.connectTimeout" Behaviour,
        |it| there(timeout(it)?.connect_timeout),
        Some((Unit::ConnectTimeout, "", |it| there(it.connect_timeout())));
    ConnectionIdleTimeout "timeout.http.connectionIdleTimeout" Behaviour,
        |it| there(timeout(it)?.connection_idle_timeout),
        Some((Unit::CommonHttpProtocolOptions, "idleTimeout",
            |it| there(it.common_http_protocol_options()?.idle_timeout)));
    MaxConnectionDuration "timeout.http.maxConnectionDuration" Behaviour,
        |it| there(timeout(it)?.max_connection_duration), None;
    UseClientProtocol "useClientProtocol" Behaviour,
        |it| there(it.use_client_protocol.as_ref()), None;
    AdmissionControl "admissionControl" Behaviour,
        |it| there(it.admission_control.as_ref()), None;
}

fn there<T>(value: Option<T>) -> Option<u32> {
    value.map(|_| 0)
}

fn breaker(policy: &BackendTrafficPolicy) -> Option<&CircuitBreaker> {
    policy.circuit_breaker.as_ref().map(|it| &it.value)
}

fn connection(policy: &BackendTrafficPolicy) -> Option<&Connection> {
    policy.connection.as_ref().map(|it| &it.value)
}

fn health(policy: &BackendTrafficPolicy) -> Option<&HealthCheck> {
    policy.health_check.as_ref().map(|it| &it.value)
}

fn keepalive(policy: &BackendTrafficPolicy) -> Option<&TcpKeepalive> {
    policy.tcp_keepalive.as_ref().map(|it| &it.value)
}

fn http2(policy: &BackendTrafficPolicy) -> Option<&Http2> {
    policy.http2.as_ref().map(|it| &it.value)
}

fn dns(policy: &BackendTrafficPolicy) -> Option<&Dns> {
    policy.dns.as_ref().map(|it| &it.value)
}

fn timeout(policy: &BackendTrafficPolicy) -> Option<&Timeout> {
    policy.timeout.as_ref().map(|it| &it.value)
}
