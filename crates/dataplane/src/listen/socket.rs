// SPDX-License-Identifier: Apache-2.0
//! Binding.
//!
//! In: an address, and sockets that an older process listens on. Out: one socket per worker on it,
//! all with SO_REUSEPORT, so that the kernel spreads connections over the workers.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

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

/// A socket that one process hands to the next.
#[derive(Debug)]
pub struct ListeningSocket {
    /// The address in the listener resource.
    pub configured: SocketAddr,
    /// The address that was bound.
    pub bound: SocketAddr,
    /// The socket.
    pub socket: TcpListener,
}

impl SocketId {
    /// How its address is written in names of stats.
    pub(crate) fn stat_name(&self) -> String {
        self.bound.to_string().replace(':', "_")
    }
}

/// Binds sockets until there are at least `count`. Port 0 is chosen once for all of them.
pub(crate) fn bind(
    address: SocketAddr,
    ipv4_compat: bool,
    count: usize,
    inherited: Vec<ListeningSocket>,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let mut bound = inherited.first().map_or(address, |first| first.bound);
    let mut sockets: Vec<TcpListener> = inherited.into_iter().map(|one| one.socket).collect();
    while sockets.len() < count {
        let socket = one(bound, ipv4_compat)?;
        bound = socket.local_addr()?;
        sockets.push(socket);
    }
    Ok((bound, sockets))
}

/// Has the kernel ignore new clients, who will be refused once the socket is closed, while those who
/// are about to be connected still may. Closing the socket at once would reset these.
pub(crate) fn refuse_new<'s>(socket: impl Into<SockRef<'s>>) -> io::Result<()> {
    socket.into().attach_filter(&WITHOUT_SYN)
}

/// What to say when an address cannot be bound.
pub(crate) fn explain(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "{error}: port {} needs a right that this process lacks; give the program the capability \
             CAP_NET_BIND_SERVICE, lower the sysctl net.ipv4.ip_unprivileged_port_start, or choose a \
             port from 1024 on",
            address.port()
        ),
        io::ErrorKind::AddrInUse => format!(
            "{error}: another process has port {}; stop it, or take over from it with --replace",
            address.port()
        ),
        _ => error.to_string(),
    }
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

/// Classic BPF over the TCP header: drops what has SYN and not ACK.
const WITHOUT_SYN: [SockFilter; 5] = [
    // Load the byte of flags; keep SYN and ACK; is it SYN alone?
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x54, 0, 0, 0x12),
    SockFilter::new(0x15, 0, 1, 0x02),
    // Drop.
    SockFilter::new(0x06, 0, 0, 0),
    // Keep all bytes.
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_bound_is_explained() {
        let at = |port| SocketAddr::from(([0, 0, 0, 0], port));
        let said = explain(&io::ErrorKind::PermissionDenied.into(), at(80));
        assert!(
            said.contains("port 80") && said.contains("CAP_NET_BIND_SERVICE"),
            "{said}"
        );
        let said = explain(&io::ErrorKind::AddrInUse.into(), at(8080));
        assert!(said.contains("another process has port 8080"), "{said}");
    }
}
