// SPDX-License-Identifier: Apache-2.0
//! Making connections to upstream hosts.
//!
//! In: a host with its cluster's socket settings. Out: a connected stream, TLS included, or why
//! not.

mod keepalive;

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{net::TcpSocket, time::timeout};

use crate::{
    cluster::Host,
    failure::{ConnectError, Failure},
    io::Stream,
    plan::ClusterConfig,
};

/// Connects within `connect_timeout`, which covers the TLS handshake as well.
pub(crate) async fn connect(host: &Host) -> Result<Stream, Failure> {
    match timeout(host.config.connect_timeout, attempt(host)).await {
        Ok(connected) => connected.map_err(Failure::ConnectFailed),
        Err(_) => Err(Failure::ConnectTimeout),
    }
}

async fn attempt(host: &Host) -> Result<Stream, ConnectError> {
    let address = host.address;
    let connected = async { socket(address, &host.config)?.connect(address).await };
    let tcp = connected.await.map_err(|error| why(&error))?;
    let (Some(tls), Some(stats)) = (&host.config.tls, &host.ssl_stats) else {
        return Ok(Stream::Tcp(tcp));
    };
    match tls.connect(tcp, address.ip()).await {
        Ok(stream) => {
            stats.handshake.inc();
            Ok(Stream::Tls(Box::new(stream)))
        }
        Err(error) => {
            error.count(stats);
            Err(ConnectError::Tls(error))
        }
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
