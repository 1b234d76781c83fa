// SPDX-License-Identifier: Apache-2.0
//! `commonHttpProtocolOptions`.

use std::time::Duration;

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
