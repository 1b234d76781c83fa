// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer`, formerly `loadBalancerConfig`.
//!
//! In: the block in any spelling (`decode`, `hashing`). Out: these types.

mod decode;
mod hashing;

use std::time::Duration;

/// Load balancing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadBalancer {
    /// `healthyPanicThreshold`, percent 0..100.
    pub healthy_panic_threshold: Option<u32>,
    /// `updateMergeWindow`; zero means at once.
    pub update_merge_window: Option<Duration>,
    /// `closeConnectionsOnHostSetChange`.
    pub close_connections_on_host_set_change: Option<bool>,
    /// `localityType: WeightedLb`.
    pub locality_weighted: bool,
    /// The algorithm; `None` only in the older form that set common fields alone.
    pub algorithm: Option<LoadBalancerAlgorithm>,
    /// `zoneAware`.
    pub zone_aware: Option<ZoneAware>,
}

/// The five algorithms.
#[derive(Debug, Clone, PartialEq)]
pub enum LoadBalancerAlgorithm {
    /// `leastRequest`.
    LeastRequest {
        /// `choiceCount`, at least 1, default 2 (CRD default).
        choice_count: u32,
        /// `slowStart`.
        slow_start: Option<SlowStart>,
    },
    /// `maglev`.
    Maglev {
        /// `useHostnameForHashing`.
        use_hostname_for_hashing: Option<bool>,
        /// `hashPolicies`.
        hash_policies: Vec<HashPolicy>,
    },
    /// `random`.
    Random,
    /// `ringHash`.
    RingHash {
        /// `minimumRingSize`, at most 8388608.
        minimum_ring_size: Option<u64>,
        /// `maximumRingSize`, at most 8388608.
        maximum_ring_size: Option<u64>,
        /// `useHostnameForHashing`.
        use_hostname_for_hashing: Option<bool>,
        /// `hashPolicies`.
        hash_policies: Vec<HashPolicy>,
    },
    /// `roundRobin`.
    RoundRobin {
        /// `slowStart`.
        slow_start: Option<SlowStart>,
    },
}

/// `slowStart`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlowStart {
    /// `window`.
    pub window: Option<Duration>,
    /// `aggression`, above 0.
    pub aggression: Option<f64>,
    /// `minWeightPercent`, 0..100.
    pub min_weight_percent: Option<u32>,
}

/// One hash policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashPolicy {
    /// What is hashed.
    pub kind: HashPolicyKind,
    /// `terminal`.
    pub terminal: Option<bool>,
}

/// Inputs of a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashPolicyKind {
    /// `cookie`.
    Cookie(Cookie),
    /// `header.name`.
    Header(String),
    /// `sourceIP`.
    SourceIp,
}

/// A cookie to hash, generated when it has a `ttl` and the client has none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cookie {
    /// `name`.
    pub name: String,
    /// `path`.
    pub path: Option<String>,
    /// `ttl`.
    pub ttl: Option<Duration>,
    /// Attributes in output order: `Secure`, `HttpOnly`, `SameSite`, then those of the older map.
    pub attributes: Vec<(String, String)>,
}

/// `zoneAware.preferLocal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneAware {
    /// `minEndpointsThreshold`, at least 1, default 6.
    pub min_endpoints_threshold: u64,
    /// `routingEnabled`, percent, default 100.
    pub routing_enabled: u32,
    /// `force.minEndpointsInZoneThreshold`, at least 1, default 1; `None` without `force`.
    pub force_min_endpoints: Option<u32>,
}
