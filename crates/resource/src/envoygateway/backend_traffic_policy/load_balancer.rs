// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer`.
//!
//! In: the block in either dialect (`decode`, `consistent_hash`, `zone_aware`,
//! `backend_utilization`). Out: these types.

mod backend_utilization;
mod consistent_hash;
mod decode;
mod zone_aware;

use std::time::Duration;

pub use backend_utilization::{BackendUtilization, OutOfBand};
pub use consistent_hash::{ConsistentHash, Cookie, HashInput};
pub use zone_aware::{PreferLocal, WeightedZone, ZoneAware};

/// Load balancing.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadBalancer {
    /// `type`, with what belongs to it.
    pub algorithm: LoadBalancerAlgorithm,
    /// `slowStart.window`; zero is no slow start. Absent: none.
    pub slow_start: Option<Duration>,
    /// `zoneAware`.
    pub zone_aware: Option<ZoneAware>,
    /// `endpointOverride.extractFrom[].header`, in order; empty: no override.
    pub endpoint_override: Vec<String>,
}

/// The algorithms that are implemented.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadBalancerAlgorithm {
    /// `BackendUtilization`.
    BackendUtilization(BackendUtilization),
    /// `ConsistentHash`, or the seed's `Maglev`. Nothing inside only for a `Maglev` that names no
    /// input: Envoy then picks at random.
    ConsistentHash(Option<ConsistentHash>),
    /// `LeastRequest`.
    LeastRequest,
    /// `Random`.
    Random,
    /// `RoundRobin`.
    RoundRobin,
}
