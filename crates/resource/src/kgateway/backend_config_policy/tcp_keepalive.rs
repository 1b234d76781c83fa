// SPDX-License-Identifier: Apache-2.0
//! `tcpKeepalive`.

use std::time::Duration;

/// TCP keep-alive; an empty block turns it on with the operating system's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpKeepalive {
    /// `keepAliveProbes`.
    pub keep_alive_probes: Option<u32>,
    /// `keepAliveTime`, at least 1 s.
    pub keep_alive_time: Option<Duration>,
    /// `keepAliveInterval`, at least 1 s.
    pub keep_alive_interval: Option<Duration>,
}
