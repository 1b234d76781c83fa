// SPDX-License-Identifier: Apache-2.0
//! `http2`.
//!
//! In: the block. Out: windows, streams, strictness and PING keep-alive.

use std::time::Duration;

use super::reader;
use crate::admission::{Block, I32_MAX};

/// HTTP/2 towards a backend that speaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Http2 {
    /// `initialStreamWindowSize` in bytes, 65535..2147483647. Absent: 65536 (Envoy Gateway default).
    pub initial_stream_window_size: Option<u32>,
    /// `initialConnectionWindowSize` in bytes, 65535..2147483647. Absent: 1048576 (Envoy Gateway
    /// default).
    pub initial_connection_window_size: Option<u32>,
    /// `maxConcurrentStreams`, 1..2147483647. Absent: Envoy's default.
    pub max_concurrent_streams: Option<u32>,
    /// `onInvalidMessage`. Absent: `TerminateConnection` (Envoy default).
    pub on_invalid_message: Option<OnInvalidMessage>,
    /// `connectionKeepalive`. Absent: no PINGs.
    pub connection_keepalive: Option<ConnectionKeepalive>,
}

/// What an invalid message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalidMessage {
    /// The connection.
    TerminateConnection,
    /// Its stream.
    TerminateStream,
}

/// PING keep-alive; every time is more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionKeepalive {
    /// `timeout`: how long an answer may take; shorter than `interval`.
    pub timeout: Duration,
    /// `interval`. Absent: PINGs on idle connections only.
    pub interval: Option<Duration>,
    /// `intervalJitter`, percent 0..100. Absent: 15 (Envoy default).
    pub interval_jitter: Option<u32>,
    /// `idleInterval`: an idle connection of that age is tried before it is used. Absent: not.
    pub idle_interval: Option<Duration>,
}

/// The window sizes that HTTP/2 allows: RFC 9113 section 6.9.2.
const WINDOW: std::ops::RangeInclusive<u32> = 65_535..=I32_MAX;

impl Http2 {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let window = |name| {
            let field = block.optional(name)?;
            reader::bytes(&field, WINDOW)
        };
        Self {
            initial_stream_window_size: window("initialStreamWindowSize"),
            initial_connection_window_size: window("initialConnectionWindowSize"),
            max_concurrent_streams: block.u32("maxConcurrentStreams", 1..=I32_MAX),
            on_invalid_message: block.choice(
                "onInvalidMessage",
                &[
                    ("TerminateConnection", OnInvalidMessage::TerminateConnection),
                    ("TerminateStream", OnInvalidMessage::TerminateStream),
                ],
            ),
            connection_keepalive: block
                .object("connectionKeepalive", ConnectionKeepalive::decode)
                .flatten(),
        }
    }
}

impl ConnectionKeepalive {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let timeout_field = block.required("timeout");
        let timeout = timeout_field
            .as_ref()
            .and_then(|field| field.positive_duration());
        let interval = block.positive_duration("interval");
        let interval_jitter = block.percent("intervalJitter");
        let idle_interval = block.positive_duration("idleInterval");
        let timeout = timeout?;
        if let (Some(field), Some(interval)) = (timeout_field, interval)
            && timeout >= interval
        {
            field.reject("timeout must be less than interval");
        }
        Some(Self {
            timeout,
            interval,
            interval_jitter,
            idle_interval,
        })
    }
}
