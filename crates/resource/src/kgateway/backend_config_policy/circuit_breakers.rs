// SPDX-License-Identifier: Apache-2.0
//! `circuitBreakers`.
//!
//! In: the block. Out: the limits.

use crate::admission::{Block, I32_MAX};

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

impl CircuitBreakers {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        const MAXIMA: [&str; 4] = [
            "maxConnections",
            "maxPendingRequests",
            "maxRequests",
            "maxRetries",
        ];
        let [connections, pending, requests, retries] = MAXIMA;
        if MAXIMA.iter().all(|name| block.optional(name).is_none()) {
            block.field.reject(format!(
                "at least one of [{}] must be set",
                MAXIMA.join(" ")
            ));
        }
        Self {
            max_connections: block.u32(connections, 1..=I32_MAX),
            max_pending_requests: block.u32(pending, 1..=I32_MAX),
            max_requests: block.u32(requests, 1..=I32_MAX),
            max_retries: block.u32(retries, 0..=I32_MAX),
            track_remaining: block.boolean("trackRemaining"),
        }
    }
}
