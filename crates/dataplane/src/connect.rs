// SPDX-License-Identifier: Apache-2.0
//! Making connections to upstream hosts.
//!
//! In: a host with its cluster's socket settings. Out: a connected stream, TLS included, or why
//! not.

mod buffers;
mod keepalive;
mod proxy_protocol;

use std::{io, net::SocketAddr, os::fd::AsRawFd};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    failure::{ConnectError, Failure},
    insight,
    io::Stream,
    plan::ClusterConfig,
    pool::Lane,
    stats::SslStats,
    tls::UpstreamTls,
};

pub(crate) use proxy_protocol::{Origin, ProxyProtocol, SIGNATURE, Version};

/// Where to connect, and how.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    /// The host's address.
    pub(crate) address: SocketAddr,
    /// Its other addresses, for when that one fails.
    pub(crate) more_addresses: &'a [SocketAddr],
    /// Its cluster.
    pub(crate) config: &'a ClusterConfig,
    /// TLS, if there is any.
    pub(crate) tls: Option<&'a UpstreamTls>,
    /// Numbers of TLS, where there is TLS.
    pub(crate) ssl_stats: Option<&'a SslStats>,
}

/// A connection that was made.
pub(crate) struct Connected {
    /// The stream.
    pub(crate) stream: Stream,
    /// What must go out in front of the first request.
    pub(crate) preface: Vec<u8>,
}

/// Connects within `connect_timeout`, which covers the TLS handshake as well.
pub(crate) async fn connect(peer: Peer<'_>, lane: &Lane) -> Result<Connected, Failure> {
    match timeout(peer.config.connect_timeout, establish(peer, lane)).await {
        Ok(connected) => connected.map_err(Failure::ConnectFailed),
        Err(_) => Err(Failure::ConnectTimeout),
    }
}

/// Connects, however long that takes.
pub(crate) async fn establish(peer: Peer<'_>, lane: &Lane) -> Result<Connected, ConnectError> {
    let Peer {
        config,
        tls,
        ssl_stats,
        ..
    } = peer;
    let (mut tcp, address) = dial(peer).await.map_err(|error| why(&error))?;
    let mut preface = Vec::new();
    if let Some(proxy) = &config.proxy_protocol {
        let source = tcp.local_addr().map_err(|error| why(&error))?;
        let destination = address;
        let own = Origin {
            source,
            destination,
        };
        preface = proxy.header(lane.origin, own);
    }
    let (Some(tls), Some(stats)) = (tls, ssl_stats) else {
        let stream = Stream::Tcp(tcp);
        return Ok(Connected { stream, preface });
    };
    tcp.write_all(&preface).await.map_err(|error| why(&error))?;
    match tls.connect(tcp, address.ip(), lane).await {
        Ok(stream) => {
            stream.count(stats);
            Ok(Connected {
                stream: Stream::Tls(Box::new(stream)),
                preface: Vec::new(),
            })
        }
        Err(error) => {
            error.count(stats);
            Err(ConnectError::Tls(error))
        }
    }
}

/// A connection to the first address that takes one.
async fn dial(peer: Peer<'_>) -> io::Result<(TcpStream, SocketAddr)> {
    let connect = async |address| {
        let stream = socket(address, peer.config)?.connect(address).await?;
        insight::opened(stream.as_raw_fd());
        Ok((stream, address))
    };
    let mut connected = connect(peer.address).await;
    for address in peer.more_addresses {
        if connected.is_ok() {
            break;
        }
        connected = connect(*address).await;
    }
    connected
}

/// Options are set in the order in which Envoy sets them.
fn socket(address: SocketAddr, config: &ClusterConfig) -> io::Result<TcpSocket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    buffers::apply(config.socket_buffers, &socket)?;
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
