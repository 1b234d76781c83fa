// SPDX-License-Identifier: Apache-2.0
//! `tcpKeepalive`.
//!
//! In: the block, which may be empty. Out: the options of the socket.

use std::time::Duration;

use crate::admission::Block;

/// TCP keep-alive; an empty block turns it on with the operating system's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpKeepalive {
    /// `probes`. Absent: the kernel's, usually 9.
    pub probes: Option<u32>,
    /// `idleTime`, in whole seconds, rounded up to at least 1. Absent: the kernel's, usually 7200 s.
    pub idle_time: Option<Duration>,
    /// `interval`, in whole seconds, rounded up to at least 1. Absent: the kernel's, usually 75 s.
    pub interval: Option<Duration>,
}

impl TcpKeepalive {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let seconds = |name| block.duration(name).map(whole_seconds);
        Self {
            probes: block.u32("probes", 0..=u32::MAX),
            idle_time: seconds("idleTime"),
            interval: seconds("interval"),
        }
    }
}

/// The kernel counts in seconds and refuses zero.
fn whole_seconds(duration: Duration) -> Duration {
    let rest = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs((duration.as_secs() + rest).max(1))
}
