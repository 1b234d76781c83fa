// SPDX-License-Identifier: Apache-2.0
//! PROXY protocol towards a cluster.
//!
//! In: `upstreamProxyProtocol` and the socket so far. Out: the outermost transport socket, around
//! TLS or an explicit raw buffer (Envoy demands an inner socket).

use sluicegate_attach::EffectivePolicy;
use sluicegate_resource::kgateway::backend_config_policy::ProxyProtocolVersion;
use sluicegate_xds::pb::envoy::{
    config::core::v3::{ProxyProtocolConfig, TransportSocket, proxy_protocol_config::Version},
    extensions::transport_sockets::{
        proxy_protocol::v3::ProxyProtocolUpstreamTransport, raw_buffer::v3::RawBuffer,
    },
};

use crate::pb;

pub(super) fn transport_socket(
    policy: &EffectivePolicy,
    inner: Option<TransportSocket>,
) -> Option<TransportSocket> {
    let Some(version) = policy.upstream_proxy_protocol() else {
        return inner;
    };
    Some(wrapped(*version, inner))
}

/// The PROXY socket around `inner`.
pub(super) fn wrapped(
    version: ProxyProtocolVersion,
    inner: Option<TransportSocket>,
) -> TransportSocket {
    let version = match version {
        ProxyProtocolVersion::V1 => Version::V1,
        ProxyProtocolVersion::V2 => Version::V2,
    };
    let raw = || pb::transport_socket("envoy.transport_sockets.raw_buffer", &RawBuffer::default());
    let transport = ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig {
            version: version as i32,
            ..ProxyProtocolConfig::default()
        }),
        transport_socket: Some(inner.unwrap_or_else(raw)),
        ..ProxyProtocolUpstreamTransport::default()
    };
    pb::transport_socket(
        "envoy.transport_sockets.upstream_proxy_protocol",
        &transport,
    )
}
