// SPDX-License-Identifier: Apache-2.0
//! `timeout`.
//!
//! In: the block. Out: how long connections, requests and streams may take.

use std::time::Duration;

use crate::admission::Block;

/// Times. Zero never ends, except for `connect_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timeout {
    /// `tcp.connectTimeout`, more than zero. Absent: 5 s (ours, as the founding documents show; 10 s
    /// in Envoy Gateway).
    pub connect_timeout: Option<Duration>,
    /// `http.requestTimeout`. Absent: 15 s (Envoy default).
    pub request_timeout: Option<Duration>,
    /// `http.connectionIdleTimeout`. Absent: 1 h (Envoy default).
    pub connection_idle_timeout: Option<Duration>,
    /// `http.maxConnectionDuration`. Absent: unlimited.
    pub max_connection_duration: Option<Duration>,
    /// `http.maxStreamDuration`. Absent: unlimited.
    pub max_stream_duration: Option<Duration>,
    /// `http.streamIdleTimeout`. Absent: the listener's 5 min (Envoy default); with a
    /// `requestTimeout`, the longer of that and 1 h (Envoy Gateway's rule).
    pub stream_idle_timeout: Option<Duration>,
}

impl Timeout {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let tcp = block.object("tcp", |block| block.positive_duration("connectTimeout"));
        let http = block.object("http", |block| Self {
            connect_timeout: None,
            request_timeout: block.duration("requestTimeout"),
            connection_idle_timeout: block.duration("connectionIdleTimeout"),
            max_connection_duration: block.duration("maxConnectionDuration"),
            max_stream_duration: block.duration("maxStreamDuration"),
            stream_idle_timeout: block.duration("streamIdleTimeout"),
        });
        Self {
            connect_timeout: tcp.flatten(),
            ..http.unwrap_or_default()
        }
    }
}
