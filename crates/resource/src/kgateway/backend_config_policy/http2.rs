// SPDX-License-Identifier: Apache-2.0
//! `http2ProtocolOptions`.
//!
//! In: the block. Out: windows, streams and PING keep-alive.

use std::time::Duration;

use crate::admission::{Block, I32_MAX};

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

/// The window sizes that HTTP/2 allows: RFC 9113 section 6.9.2.
const WINDOW: std::ops::RangeInclusive<u32> = 65_535..=I32_MAX;

impl Http2ProtocolOptions {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let window = |name| {
            block
                .optional(name)
                .and_then(|field| field.quantity(WINDOW))
        };
        let keepalive = block.optional("connectionKeepalive");
        Self {
            initial_stream_window_size: window("initialStreamWindowSize"),
            initial_connection_window_size: window("initialConnectionWindowSize"),
            max_concurrent_streams: block.u32("maxConcurrentStreams", 1..=I32_MAX),
            override_stream_error_on_invalid_http_message: block
                .boolean("overrideStreamErrorOnInvalidHttpMessage"),
            connection_keepalive: keepalive
                .and_then(|field| field.object(ConnectionKeepalive::decode))
                .flatten(),
        }
    }
}

impl ConnectionKeepalive {
    fn decode(block: &Block<'_>) -> Option<Self> {
        const LEAST: Duration = Duration::from_millis(1);
        let timeout = block.required("timeout");
        let timeout = timeout.and_then(|field| field.duration_from(LEAST));
        let interval = block.duration_from("interval", LEAST);
        let connection_idle_interval = block.duration_from("connectionIdleInterval", LEAST);
        Some(Self {
            timeout: timeout?,
            interval,
            connection_idle_interval,
        })
    }
}
