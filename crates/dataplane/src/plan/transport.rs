// SPDX-License-Identifier: Apache-2.0
//! What lies between a cluster's sockets and HTTP (`transport_socket`).
//!
//! In: a transport socket of Envoy's. Out: TLS and the PROXY protocol, compiled; or why it cannot be
//! used: a backend that must be reached in one way is never reached in another.

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{
            ProxyProtocolConfig, TransportSocket, proxy_protocol_config,
            transport_socket::ConfigType,
        },
        extensions::transport_sockets::{
            proxy_protocol::v3::ProxyProtocolUpstreamTransport, tls::v3::UpstreamTlsContext,
        },
    },
    prost::{Message, Name},
};

use crate::{
    connect::{ProxyProtocol, Version},
    tls::UpstreamTls,
};

/// The layers of a cluster's connections.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// PROXY protocol, around TLS if there is both.
    pub(super) proxy_protocol: Option<ProxyProtocol>,
    /// TLS.
    pub(super) tls: Option<UpstreamTls>,
}

/// Compiles a cluster's socket. None is a raw one. `auto_san` is the cluster's
/// `auto_san_validation`.
pub(super) fn transport_socket(
    socket: Option<&TransportSocket>,
    auto_san: bool,
) -> Result<Transport, String> {
    let Some(socket) = socket else {
        return Ok(Transport::default());
    };
    match socket.name.as_str() {
        RAW => Ok(Transport::default()),
        TLS => {
            let context: UpstreamTlsContext = config(socket)?;
            Ok(Transport {
                tls: Some(UpstreamTls::compile(&context, auto_san)?),
                ..Transport::default()
            })
        }
        PROXY => {
            let proxy: ProxyProtocolUpstreamTransport = config(socket)?;
            let inner = proxy
                .transport_socket
                .ok_or("upstream_proxy_protocol without an inner socket")?;
            if inner.name == PROXY {
                return Err("upstream_proxy_protocol within itself".to_owned());
            }
            Ok(Transport {
                proxy_protocol: Some(proxy_protocol(&proxy.config.unwrap_or_default())?),
                ..transport_socket(Some(&inner), auto_san)?
            })
        }
        other => Err(format!("transport socket {other} is not implemented yet")),
    }
}

/// Compiles what hosts are told of clients.
pub(super) fn proxy_protocol(config: &ProxyProtocolConfig) -> Result<ProxyProtocol, String> {
    let mut added = Vec::new();
    for entry in &config.added_tlvs {
        let kind = u8::try_from(entry.r#type).map_err(|_| "added_tlvs: type is above 255")?;
        let length = u16::try_from(entry.value.len()).map_err(|_| "added_tlvs: too long")?;
        if entry.format_string.is_some() {
            return Err("added_tlvs: format_string is not implemented".to_owned());
        }
        added.push(kind);
        added.extend(length.to_be_bytes());
        added.extend(&entry.value);
    }
    Ok(ProxyProtocol {
        version: match config.version() {
            proxy_protocol_config::Version::V1 => Version::V1,
            proxy_protocol_config::Version::V2 => Version::V2,
        },
        added,
    })
}

/// The configuration of a socket.
pub(super) fn config<M: Message + Name + Default>(socket: &TransportSocket) -> Result<M, String> {
    let packed = match &socket.config_type {
        Some(ConfigType::TypedConfig(packed)) => any::unpack(packed),
        None => None,
    };
    packed.ok_or_else(|| format!("transport socket {} does not decode", socket.name))
}

/// Name of the socket without TLS.
pub(super) const RAW: &str = "envoy.transport_sockets.raw_buffer";
/// Name of the TLS socket, on both sides.
pub(super) const TLS: &str = "envoy.transport_sockets.tls";
/// Name of the socket with the PROXY protocol.
const PROXY: &str = "envoy.transport_sockets.upstream_proxy_protocol";
