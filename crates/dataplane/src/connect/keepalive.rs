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

#[cfg(test)]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    fn applied(probes: Option<u32>, interval: Option<u32>, time: Option<u32>) -> Socket {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let keepalive = Keepalive {
            probes,
            interval,
            time,
        };
        apply(keepalive, &socket).unwrap();
        assert!(socket.keepalive().unwrap());
        socket
    }

    /// Row 33. The founding example, as the kernel gives it back.
    #[test]
    fn three_probes_thirty_seconds_five_seconds() {
        let socket = applied(Some(3), Some(5), Some(30));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(
            socket.tcp_keepalive_interval().unwrap(),
            Duration::from_secs(5)
        );
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(30)
        );
    }

    /// Row 33.
    #[test]
    fn what_is_not_set_stays_with_the_kernel() {
        let kernel = applied(None, None, None);
        let socket = applied(None, None, Some(30));
        let retries = kernel.tcp_keepalive_retries().unwrap();
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), retries);
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(30)
        );
        assert_ne!(
            kernel.tcp_keepalive_time().unwrap(),
            Duration::from_secs(30)
        );
    }
}
