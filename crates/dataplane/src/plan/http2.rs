// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 settings of one side.
//!
//! In: `http2_protocol_options` of a cluster or a connection manager. Out: the same with Envoy's
//! defaults filled in.

use std::time::Duration;

use sluicegate_xds::pb::envoy::config::core::v3::Http2ProtocolOptions;

use super::value::{number, timeout};

/// The settings.
#[derive(Debug, Clone)]
pub(crate) struct Http2Options {
    /// `max_concurrent_streams`: announced, and our own bound towards an upstream.
    pub(crate) max_concurrent_streams: u32,
    /// `initial_stream_window_size`, bytes.
    pub(crate) stream_window: u32,
    /// `initial_connection_window_size`, bytes.
    pub(crate) connection_window: u32,
    /// `hpack_table_size`, bytes.
    pub(crate) header_table: u32,
    /// `allow_connect`: clients may open tunnels within streams. Towards an upstream it is not
    /// announced, as the codec cannot, but tunnels are asked for.
    pub(crate) allow_connect: bool,
    /// `connection_keepalive`.
    pub(crate) keepalive: Option<Http2Keepalive>,
}

/// When to send PING, and how long to wait for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Http2Keepalive {
    /// `interval`.
    pub(crate) interval: Option<Duration>,
    /// `connection_idle_interval`.
    pub(crate) idle_interval: Option<Duration>,
    /// `timeout`.
    pub(crate) timeout: Duration,
    /// `interval_jitter`, percent.
    pub(crate) jitter: u32,
}

impl Http2Options {
    /// Compiles the options.
    pub(super) fn compile(options: &Http2ProtocolOptions) -> Self {
        let keepalive = options.connection_keepalive.as_ref();
        let bound = |value: u32| value.min(LARGEST);
        Self {
            max_concurrent_streams: number(options.max_concurrent_streams.as_ref())
                .unwrap_or(STREAMS)
                .clamp(1, LARGEST),
            stream_window: number(options.initial_stream_window_size.as_ref())
                .map_or(STREAM_WINDOW, bound),
            connection_window: number(options.initial_connection_window_size.as_ref())
                .map_or(CONNECTION_WINDOW, bound),
            header_table: number(options.hpack_table_size.as_ref()).unwrap_or(HEADER_TABLE),
            allow_connect: options.allow_connect,
            keepalive: keepalive.and_then(|keepalive| {
                let percent = keepalive
                    .interval_jitter
                    .as_ref()
                    .map(|jitter| jitter.value);
                Some(Http2Keepalive {
                    interval: timeout(keepalive.interval.as_ref(), None),
                    idle_interval: timeout(keepalive.connection_idle_interval.as_ref(), None),
                    timeout: timeout(keepalive.timeout.as_ref(), None)?,
                    jitter: percent.map_or(JITTER, whole),
                })
            }),
        }
    }
}

fn whole(percent: f64) -> u32 {
    (0..100).rfind(|at| f64::from(*at) <= percent).unwrap_or(0)
}

// Envoy defaults.
const STREAMS: u32 = 1024;
const STREAM_WINDOW: u32 = 16 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 24 * 1024 * 1024;
const HEADER_TABLE: u32 = 4096;
const JITTER: u32 = 15;
/// RFC 9113 6.5.2.
const LARGEST: u32 = (1 << 31) - 1;
