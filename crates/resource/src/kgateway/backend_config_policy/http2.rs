// SPDX-License-Identifier: Apache-2.0
//! `http2ProtocolOptions`.

use std::time::Duration;

/// Options of HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Http2ProtocolOptions {
    /// `initialStreamWindowSize` in bytes, 65535..2147483647.
    pub initial_stream_window_size: Option<u32>,
    /// `initialConnectionWindowSize` in bytes, 65535..2147483647.
    pub initial_connection_window_size: Option<u32>,
    /// `maxConcurrentStreams`, 1..2147483647.
    pub max_concurrent_streams: Option<u32>,
    /// `overrideStreamErrorOnInvalidHttpMessage`.
    pub override_stream_error_on_invalid_http_message: Option<bool>,
    /// `connectionKeepalive`.
    pub connection_keepalive: Option<ConnectionKeepalive>,
}

/// PING keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionKeepalive {
    /// `timeout`, at least 1 ms.
    pub timeout: Duration,
    /// `interval`, at least 1 ms.
    pub interval: Option<Duration>,
    /// `connectionIdleInterval`, at least 1 ms.
    pub connection_idle_interval: Option<Duration>,
}
