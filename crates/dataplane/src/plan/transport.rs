// SPDX-License-Identifier: Apache-2.0
//! What lies between a cluster's sockets and HTTP (`transport_socket`).
//!
//! In: a transport socket of Envoy's. Out: TLS and the PROXY protocol, compiled; or why it cannot be
//! used: a backend that must be reached in one way is never reached in another.

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::core::v3::{TransportSocket, transport_socket::ConfigType},
        extensions::transport_sockets::tls::v3::UpstreamTlsContext,
    },
    prost::{Message, Name},
};

use crate::tls::UpstreamTls;

/// The layers of a cluster's connections.
#[derive(Debug, Default)]
pub(super) struct Transport {
    /// TLS.
    pub(super) tls: Option<UpstreamTls>,
}

/// Compiles a cluster's socket. None is a raw one.
pub(super) fn transport_socket(socket: Option<&TransportSocket>) -> Result<Transport, String> {
    let Some(socket) = socket else {
        return Ok(Transport::default());
    };
    match socket.name.as_str() {
        RAW => Ok(Transport::default()),
        TLS => {
            let context: UpstreamTlsContext = config(socket)?;
            Ok(Transport {
                tls: Some(UpstreamTls::compile(&context, &PROTOCOLS)?),
            })
        }
        other => Err(format!("transport socket {other} is not implemented yet")),
    }
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
/// Offered to upstreams that speak HTTP/1.
const PROTOCOLS: [&str; 1] = ["http/1.1"];
