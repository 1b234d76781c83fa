// SPDX-License-Identifier: Apache-2.0
//! Ports that nobody else takes.
//!
//! In: nothing. Out: a port that is this process's until it ends, whether something listens there or
//! not. The kernel picks the ports of outgoing connections and of `bind(…:0)` from a range that these
//! are not in, and processes that ask here see each other's names.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as UnixAddr, UnixListener},
    },
    sync::{Mutex, PoisonError},
};

/// A port that is free now and stays so for others.
///
/// # Panics
/// When none is found, which means that a thousand tests hold ports.
pub fn free_port() -> u16 {
    static HELD: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let found = (0..TRIES).find_map(|_| {
        let port = fastrand::u16(RANGE);
        let name = UnixAddr::from_abstract_name(format!("sluicegate-test-port-{port}")).ok()?;
        let held = UnixListener::bind_addr(&name).ok()?;
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
        Some((port, held))
    });
    let (port, held) = found.expect("a free port");
    let mut all = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(held);
    port
}

/// An address of loopback with such a port: for a listener to come, or where connections are refused.
pub fn free_address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, free_port()).into()
}

/// Below Linux's `ip_local_port_range` (32768 to 60999), above the ports that people give to things.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
const TRIES: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<_> = (0..200).map(|_| free_port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 200);
        for port in ports {
            assert!(RANGE.contains(&port));
            TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}
