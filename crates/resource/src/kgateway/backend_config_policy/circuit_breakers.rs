// SPDX-License-Identifier: Apache-2.0
//! `circuitBreakers`.

/// Limits of a backend; at least one of the four maxima is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CircuitBreakers {
    /// `maxConnections`, at least 1.
    pub max_connections: Option<u32>,
    /// `maxPendingRequests`, at least 1.
    pub max_pending_requests: Option<u32>,
    /// `maxRequests`, at least 1.
    pub max_requests: Option<u32>,
    /// `maxRetries`.
    pub max_retries: Option<u32>,
    /// `trackRemaining`.
    pub track_remaining: Option<bool>,
}
