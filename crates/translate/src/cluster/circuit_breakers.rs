// SPDX-License-Identifier: Apache-2.0
//! Circuit breakers of a cluster.
//!
//! In: `circuitBreakers`. Out: thresholds for the default priority.

use sluicegate_attach::EffectivePolicy;
use sluicegate_xds::pb::envoy::config::cluster::v3::{
    CircuitBreakers, circuit_breakers::Thresholds,
};

use crate::pb;

pub(super) fn circuit_breakers(policy: &EffectivePolicy) -> Option<CircuitBreakers> {
    let breakers = policy.circuit_breakers()?;
    let thresholds = Thresholds {
        max_connections: breakers.max_connections.and_then(pb::u32),
        max_pending_requests: breakers.max_pending_requests.and_then(pb::u32),
        max_requests: breakers.max_requests.and_then(pb::u32),
        max_retries: breakers.max_retries.and_then(pb::u32),
        track_remaining: breakers.track_remaining.unwrap_or_default(),
        ..Thresholds::default()
    };
    Some(CircuitBreakers {
        thresholds: vec![thresholds],
        ..CircuitBreakers::default()
    })
}
