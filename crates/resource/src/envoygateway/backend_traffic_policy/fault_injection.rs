// SPDX-License-Identifier: Apache-2.0
//! `faultInjection`.
//!
//! In: the block. Out: delays and aborts, with the share of requests that get them.

use std::time::Duration;

use super::reader;
use crate::admission::Block;

/// Faults on purpose; at least one of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FaultInjection {
    /// `delay`.
    pub delay: Option<Delay>,
    /// `abort`.
    pub abort: Option<Abort>,
}

/// A delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Delay {
    /// `fixedDelay`.
    pub fixed_delay: Duration,
    /// `percentage` of requests, 0..100. Absent: 100 (Envoy Gateway default).
    pub percentage: Option<f64>,
}

/// An answer in place of the backend's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Abort {
    /// `httpStatus` or `grpcStatus`.
    pub status: AbortStatus,
    /// `percentage` of requests, 0..100. Absent: 100 (Envoy Gateway default).
    pub percentage: Option<f64>,
}

/// The status of an abort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortStatus {
    /// `grpcStatus`, 0..16.
    Grpc(u8),
    /// `httpStatus`, 200..599: upstream takes 600, which Envoy refuses.
    Http(u16),
}

impl FaultInjection {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let members = ["delay", "abort"];
        if members.iter().all(|name| block.optional(name).is_none()) {
            block
                .field
                .reject("at least one of the fields in [delay abort] must be set");
        }
        Self {
            delay: block.object("delay", Delay::decode).flatten(),
            abort: block.object("abort", Abort::decode).flatten(),
        }
    }
}

impl Delay {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let delay = block.required("fixedDelay");
        let fixed_delay = delay.and_then(|field| field.positive_duration());
        let percentage = percentage(block);
        Some(Self {
            fixed_delay: fixed_delay?,
            percentage,
        })
    }
}

impl Abort {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let http = block.optional("httpStatus");
        let grpc = block.optional("grpcStatus");
        let percentage = percentage(block);
        if http.is_some() == grpc.is_some() {
            block
                .field
                .reject("exactly one of the fields in [httpStatus grpcStatus] must be set");
        }
        let http = http.and_then(|field| field.integer(200..=599));
        let grpc = grpc.and_then(|field| field.integer(0..=16));
        let http = http.and_then(|status| u16::try_from(status).ok());
        let grpc = grpc.and_then(|status| u8::try_from(status).ok());
        let status = http.map(AbortStatus::Http).or(grpc.map(AbortStatus::Grpc));
        Some(Self {
            status: status?,
            percentage,
        })
    }
}

fn percentage(block: &Block<'_>) -> Option<f64> {
    reader::number(&block.optional("percentage")?, 0.0..=100.0)
}
