// SPDX-License-Identifier: Apache-2.0
//! The units of a BackendConfigPolicy: what one policy sets as a whole and another may not refine.
//!
//! In: a decoded policy. Out: for each unit, whether the policy sets it and under which path.

use std::{fmt, time::Duration};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Object,
    kgateway::{
        BackendConfigPolicy,
        backend_config_policy::{
            CircuitBreakers, CommonHttpProtocolOptions, HealthCheck, Http1ProtocolOptions,
            Http2ProtocolOptions, LoadBalancer, OutlierDetection, ProxyProtocolVersion,
            TcpKeepalive, Tls,
        },
    },
    value::Written,
};

use crate::EffectivePolicy;

macro_rules! units {
    ($( $variant:ident $field:ident $text:literal : $value:ty; )*) => {
        /// A unit, in the order of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Unit {
            $( #[doc = concat!("`", $text, "`.")] $variant, )*
        }

        impl Unit {
            /// Every unit.
            pub const ALL: &[Self] = &[$( Self::$variant, )*];

            /// The path below `spec` in today's spelling.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// Where `policy` sets this unit, as its author wrote it; `None` when it does not.
            pub fn written(self, policy: &Object<BackendConfigPolicy>) -> Option<&FieldPath> {
                match self {
                    $( Self::$variant => policy.spec.$field.as_ref().map(path_of), )*
                }
            }
        }

        impl EffectivePolicy {
            $(
                #[doc = concat!("The effective `", $text, "`.")]
                pub fn $field(&self) -> Option<&$value> {
                    let winner = self.winner(Unit::$variant)?;
                    winner.policy.spec.$field.as_ref().map(|written| &written.value)
                }
            )*
        }
    };
}

units! {
    ConnectTimeout connect_timeout "connectTimeout": Duration;
    PerConnectionBufferLimitBytes per_connection_buffer_limit_bytes
        "perConnectionBufferLimitBytes": u32;
    TcpKeepalive tcp_keepalive "tcpKeepalive": TcpKeepalive;
    CommonHttpProtocolOptions common_http_protocol_options
        "commonHttpProtocolOptions": CommonHttpProtocolOptions;
    Http1ProtocolOptions http1_protocol_options "http1ProtocolOptions": Http1ProtocolOptions;
    Http2ProtocolOptions http2_protocol_options "http2ProtocolOptions": Http2ProtocolOptions;
    Tls tls "tls": Tls;
    LoadBalancer load_balancer "loadBalancer": LoadBalancer;
    HealthCheck health_check "healthCheck": HealthCheck;
    OutlierDetection outlier_detection "outlierDetection": OutlierDetection;
    CircuitBreakers circuit_breakers "circuitBreakers": CircuitBreakers;
    DnsRefreshRate dns_refresh_rate "dns.refreshRate": Duration;
    DnsJitter dns_jitter "dns.jitter": Duration;
    DnsRespectTtl dns_respect_ttl "dns.respectTTL": bool;
    UpstreamProxyProtocol upstream_proxy_protocol "upstreamProxyProtocol": ProxyProtocolVersion;
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn path_of<T>(written: &Written<T>) -> &FieldPath {
    &written.path
}
