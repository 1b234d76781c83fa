// SPDX-License-Identifier: Apache-2.0
//! `commonHttpProtocolOptions`.
//!
//! In: the block. Out: options for either protocol.

use std::time::Duration;

use crate::admission::{Block, I32_MAX};

/// Options of HTTP/1 and HTTP/2 alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CommonHttpProtocolOptions {
    /// `idleTimeout`; zero disables.
    pub idle_timeout: Option<Duration>,
    /// `maxHeadersCount`, at least 1.
    pub max_headers_count: Option<u32>,
    /// `maxStreamDuration`; zero disables.
    pub max_stream_duration: Option<Duration>,
    /// `maxRequestsPerConnection`; zero means no limit.
    pub max_requests_per_connection: Option<u32>,
    /// `headersWithUnderscoresAction` (seed spelling; removed upstream).
    pub headers_with_underscores_action: Option<HeadersWithUnderscoresAction>,
}

/// What to do with a header name that has an underscore. Order of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadersWithUnderscoresAction {
    /// `Allow`.
    Allow,
    /// `RejectRequest`.
    RejectRequest,
    /// `DropHeader`.
    DropHeader,
}

impl CommonHttpProtocolOptions {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        use HeadersWithUnderscoresAction::{Allow, DropHeader, RejectRequest};
        let action = block
            .optional("headersWithUnderscoresAction")
            .and_then(|field| {
                field.choice(&[
                    ("Allow", Allow),
                    ("RejectRequest", RejectRequest),
                    ("DropHeader", DropHeader),
                ])
            });
        Self {
            idle_timeout: block.duration("idleTimeout"),
            // Zero passes upstream's schema; Envoy refuses the cluster.
            max_headers_count: block.u32("maxHeadersCount", 1..=I32_MAX),
            max_stream_duration: block.duration("maxStreamDuration"),
            max_requests_per_connection: block.u32("maxRequestsPerConnection", 0..=I32_MAX),
            headers_with_underscores_action: action,
        }
    }
}
