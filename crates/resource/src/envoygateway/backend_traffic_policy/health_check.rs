// SPDX-License-Identifier: Apache-2.0
//! `healthCheck`.
//!
//! In: the block (`active`, `http`, `payload`, `log`, `passive`). Out: these types.

mod active;
mod http;
mod log;
mod passive;
mod payload;

pub use active::{ActiveHealthCheck, HealthChecker};
pub use http::HttpHealthCheck;
pub use log::{HealthCheckLog, HealthCheckMatch};
pub use passive::PassiveHealthCheck;

use crate::{admission::Block, value::Written};

/// How hosts are found to be well or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HealthCheck {
    /// `panicThreshold`, percent 0..100: below this share of healthy hosts, health is ignored; zero
    /// never ignores it. Absent: 50 (Envoy default).
    pub panic_threshold: Option<u32>,
    /// `active`: the gateway asks.
    pub active: Option<Written<ActiveHealthCheck>>,
    /// `passive`: the gateway watches.
    pub passive: Option<Written<PassiveHealthCheck>>,
}

impl HealthCheck {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        Self {
            panic_threshold: block.percent("panicThreshold"),
            active: block.written("active", |field| {
                field.object(ActiveHealthCheck::decode).flatten()
            }),
            passive: block.written("passive", |field| field.object(PassiveHealthCheck::decode)),
        }
    }
}
