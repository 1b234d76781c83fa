// SPDX-License-Identifier: Apache-2.0
//! Binding.
//!
//! In: an address. Out: one socket per worker on it, all with SO_REUSEPORT, so that the kernel
//! spreads connections over the workers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Which sockets these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketId {
    /// A number that is never used again.
    pub(crate) socket: u64,
    /// The address in the listener resource.
    pub(crate) configured: SocketAddr,
    /// The address that was bound.
    pub(crate) bound: SocketAddr,
}

impl SocketId {
    /// How its address is written in names of stats.
    pub(crate) fn stat_name(&self) -> String {
        self.bound.to_string().replace(':', "_")
    }
}

/// Binds `count` sockets. Port 0 is chosen once for all of them.
pub(crate) fn bind(
    address: SocketAddr,
    ipv4_compat: bool,
    count: usize,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut bound = address;
    let mut sockets = Vec::new();
    for _ in 0..count {
        let socket = one(bound, ipv4_compat)?;
        bound = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok((bound, sockets))
}

fn one(address: SocketAddr, ipv4_compat: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(!ipv4_compat)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it, which saves a call per connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Longer than any kernel's limit on most systems, which then applies.
const BACKLOG: i32 = 4096;
