// SPDX-License-Identifier: Apache-2.0
//! `connection`.
//!
//! In: the block. Out: buffers, limits and connections ahead of demand.

use std::time::Duration;

use super::reader;
use crate::{admission::Block, codes};

/// Connections to a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connection {
    /// `bufferLimit` in bytes, 0..4294967295. Absent: 1 MiB (Envoy default).
    pub buffer_limit: Option<u32>,
    /// `socketBufferLimit` in bytes, 0..4294967295. Absent: the kernel's own sizes. Envoy Gateway does
    /// not implement it.
    pub socket_buffer_limit: Option<u32>,
    /// `preconnect`. Absent: connections are opened on demand.
    pub preconnect: Option<Preconnect>,
    /// `connectionLimit`, in the seed only. Absent: no limit.
    pub connection_limit: Option<ConnectionLimit>,
}

/// Connections ahead of demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preconnect {
    /// `perEndpointPercent` of the connections in use, 100..300. Absent: 100.
    pub per_endpoint_percent: Option<u32>,
    /// `predictivePercent` over all endpoints, 100..300 (Envoy's limit). Absent: 100.
    pub predictive_percent: Option<u32>,
}

/// Connections that a backend may have at once from one gateway process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// `value`, at least 1.
    pub value: u32,
    /// `closeDelay`: how long a TCP connection too many stays open. Absent: it is closed at once.
    pub close_delay: Option<Duration>,
}

impl Connection {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let limit = |name| {
            let field = block.optional(name)?;
            reader::bytes(&field, 0..=u32::MAX)
        };
        Self {
            buffer_limit: limit("bufferLimit"),
            socket_buffer_limit: limit("socketBufferLimit"),
            preconnect: block.object("preconnect", |block| Preconnect {
                per_endpoint_percent: block.u32("perEndpointPercent", 100..=300),
                predictive_percent: block.u32("predictivePercent", 100..=300),
            }),
            connection_limit: block
                .object("connectionLimit", ConnectionLimit::decode)
                .flatten(),
        }
    }
}

impl ConnectionLimit {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let value = block.optional("value");
        let close_delay = block.duration("closeDelay");
        if let (None, Some(delay)) = (&value, block.optional("closeDelay")) {
            delay.push(
                delay
                    .error(codes::REQUIRED_VALUE, "closeDelay needs `value` beside it")
                    .help("write `value: 100` for a limit of 100 connections"),
            );
        } else if value.is_none() {
            block.missing("value");
        }
        Some(Self {
            value: value?.u32(1..=u32::MAX)?,
            close_delay,
        })
    }
}
