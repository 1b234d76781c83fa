// SPDX-License-Identifier: Apache-2.0
//! `tcpKeepalive`.
//!
//! In: the block. Out: the options of the socket.

use std::time::Duration;

use crate::admission::{Block, I32_MAX};

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

impl TcpKeepalive {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        // Whole seconds are sent to the kernel: less than one would become zero.
        const LEAST: Duration = Duration::from_secs(1);
        Self {
            keep_alive_probes: block.u32("keepAliveProbes", 0..=I32_MAX),
            keep_alive_time: block.duration_from("keepAliveTime", LEAST),
            keep_alive_interval: block.duration_from("keepAliveInterval", LEAST),
        }
    }
}
