// SPDX-License-Identifier: Apache-2.0
//! TCP keepalive (`upstream_connection_options.tcp_keepalive`).
//!
//! In: the three settings. Out: socket options, set in Envoy's order.

use std::{io, time::Duration};

use socket2::{Socket, TcpKeepalive};

use crate::plan::Keepalive;

/// Switches keepalive on and sets what is set; the rest stays with the kernel.
pub(super) fn apply(keepalive: Keepalive, socket: &Socket) -> io::Result<()> {
    socket.set_keepalive(true)?;
    let seconds = |value: u32| Duration::from_secs(u64::from(value));
    if let Some(probes) = keepalive.probes {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_retries(probes))?;
    }
    if let Some(interval) = keepalive.interval {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_interval(seconds(interval)))?;
    }
    if let Some(time) = keepalive.time {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(seconds(time)))?;
    }
    Ok(())
}
