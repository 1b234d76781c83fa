// SPDX-License-Identifier: Apache-2.0
//! Decoding of a BackendConfigPolicy.
//!
//! In: the root of a document. Out: the policy; one with an error keeps its targets and nothing
//! else, so that its status can be written.

use super::{
    BackendConfigPolicy, CircuitBreakers, CommonHttpProtocolOptions, HealthCheck,
    Http1ProtocolOptions, Http2ProtocolOptions, LoadBalancer, OutlierDetection,
    ProxyProtocolVersion, TcpKeepalive, Tls,
    dns::Dns,
    target::{target_refs, target_selectors},
};
use crate::{
    Metadata,
    admission::{Block, Field, I32_MAX},
    decode::Body,
};

/// The annotation that ranks policies on one backend.
const WEIGHT: &str = "kgateway.dev/policy-weight";

/// The blocks that protect what is sent, in every spelling.
const SECURING: [&str; 3] = ["tls", "sslConfig", "upstreamProxyProtocol"];

impl Body for BackendConfigPolicy {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        let policy = spec
            .and_then(|field| field.object(Self::spec))
            .unwrap_or_default();
        Self {
            weight: weight(&root.field),
            ..policy
        }
    }

    fn refused(self) -> Option<Self> {
        Some(Self {
            target_refs: self.target_refs,
            target_selectors: self.target_selectors,
            weight: self.weight,
            secures_connection: self.secures_connection,
            ..Self::default()
        })
    }
}

impl BackendConfigPolicy {
    fn spec(block: &Block<'_>) -> Self {
        let dns = block.optional("dns");
        let dns = dns
            .and_then(|field| field.object(Dns::decode))
            .unwrap_or_default();
        let policy = Self {
            target_refs: target_refs(&block.list("targetRefs", 1..=16)),
            target_selectors: target_selectors(&block.list("targetSelectors", 0..=usize::MAX)),
            connect_timeout: block.written("connectTimeout", Field::positive_duration),
            per_connection_buffer_limit_bytes: block
                .written("perConnectionBufferLimitBytes", |field| {
                    field.u32(0..=I32_MAX)
                }),
            tcp_keepalive: block
                .written("tcpKeepalive", |field| field.object(TcpKeepalive::decode)),
            common_http_protocol_options: block.written("commonHttpProtocolOptions", |field| {
                field.object(CommonHttpProtocolOptions::decode)
            }),
            http1_protocol_options: block.written("http1ProtocolOptions", |field| {
                field.object(Http1ProtocolOptions::decode)
            }),
            http2_protocol_options: block.written("http2ProtocolOptions", |field| {
                field.object(Http2ProtocolOptions::decode)
            }),
            tls: block.aliased("tls", &["sslConfig"], |field| {
                field.object(Tls::decode).flatten()
            }),
            load_balancer: block.aliased("loadBalancer", &["loadBalancerConfig"], |field| {
                field.object(LoadBalancer::decode)
            }),
            health_check: block.written("healthCheck", |field| {
                field.object(HealthCheck::decode).flatten()
            }),
            outlier_detection: block.written("outlierDetection", |field| {
                field.object(OutlierDetection::decode)
            }),
            circuit_breakers: block.written("circuitBreakers", |field| {
                field.object(CircuitBreakers::decode)
            }),
            dns_refresh_rate: dns.refresh_rate,
            dns_jitter: dns.jitter,
            dns_respect_ttl: dns.respect_ttl,
            upstream_proxy_protocol: block.written("upstreamProxyProtocol", |field| {
                field.object(ProxyProtocolVersion::decode)
            }),
            weight: 0,
            secures_connection: false,
        };
        if policy.http1_protocol_options.is_some() && policy.http2_protocol_options.is_some() {
            block
                .field
                .reject("at most one of http1ProtocolOptions or http2ProtocolOptions may be set");
        }
        Self {
            secures_connection: secures_connection(block),
            ..policy
        }
    }
}

/// Whether the author meant to protect the connection, even by a misspelt name: such a policy must
/// not fail open.
fn secures_connection(block: &Block<'_>) -> bool {
    let written = |name: &&str| block.field.node.entry(name).is_some();
    let misspelt = || {
        let mut unknown = block.unknown().into_iter();
        unknown.any(|(_, meant)| meant.is_some_and(|name| SECURING.contains(&name)))
    };
    SECURING.iter().any(written) || misspelt()
}

fn weight(root: &Field<'_>) -> i64 {
    let field =
        ["metadata", "annotations", WEIGHT]
            .into_iter()
            .try_fold(root.clone(), |field, name| {
                let node = field.node.get(name)?;
                Some(field.child(name, node))
            });
    // A value that is no string has been reported with the other annotations.
    let Some((field, text)) = field.and_then(|field| Some((field.clone(), field.node.as_str()?)))
    else {
        return 0;
    };
    text.trim().parse().unwrap_or_else(|_| {
        field.reject("must be an integer");
        0
    })
}
