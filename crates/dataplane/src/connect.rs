// SPDX-License-Identifier: Apache-2.0
//! Making connections to upstream hosts.
//!
//! In: an address and the cluster's socket settings. Out: a connected stream, or why not.

mod keepalive;

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpSocket, time::timeout};

use crate::{
    failure::{ConnectError, Failure},
    io::Stream,
    plan::ClusterConfig,
};

/// Connects within `connect_timeout`.
pub(crate) async fn connect(
    address: SocketAddr,
    config: &ClusterConfig,
) -> Result<Stream, Failure> {
    let attempt = async { socket(address, config)?.connect(address).await };
    match timeout(config.connect_timeout, attempt).await {
        Ok(Ok(tcp)) => Ok(Stream::Tcp(tcp)),
        Ok(Err(error)) => Err(Failure::ConnectFailed(why(&error))),
        Err(_) => Err(Failure::ConnectTimeout),
    }
}

/// Options are set in the order in which Envoy sets them.
fn socket(address: SocketAddr, config: &ClusterConfig) -> io::Result<TcpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if let Some(keepalive) = config.keepalive {
        keepalive::apply(keepalive, &socket)?;
    }
    socket.set_tcp_nodelay(true)?;
    Ok(TcpSocket::from_std_stream(socket.into()))
}

fn why(error: &io::Error) -> ConnectError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            ConnectError::Unreachable
        }
        _ => ConnectError::Other,
    }
}
