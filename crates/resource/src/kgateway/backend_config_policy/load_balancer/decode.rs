// SPDX-License-Identifier: Apache-2.0
//! Decoding of `loadBalancer`.
//!
//! In: the block. Out: common fields, the algorithm and zone awareness.

use super::{
    LoadBalancer, LoadBalancerAlgorithm, SlowStart, ZoneAware,
    hashing::{Hashing, OuterHostname},
};
use crate::{
    admission::{Block, Field, I32_MAX},
    codes,
};

/// The algorithms, in the order of the API.
const ALGORITHMS: [&str; 5] = ["leastRequest", "roundRobin", "ringHash", "maglev", "random"];

/// The largest ring that Envoy's API allows, and its default maximum.
const MAX_RING: u64 = 8_388_608;

/// Envoy's default minimum.
const DEFAULT_MIN_RING: u64 = 1024;

impl LoadBalancer {
    pub(in super::super) fn decode(block: &Block<'_>) -> Self {
        let locality = block.aliased("localityType", &["localityConfigType"], |field| {
            field.choice(&[("WeightedLb", true)])
        });
        let mut load_balancer = Self {
            healthy_panic_threshold: block.percent("healthyPanicThreshold"),
            update_merge_window: block.duration("updateMergeWindow"),
            close_connections_on_host_set_change: block.boolean("closeConnectionsOnHostSetChange"),
            locality_weighted: locality.is_some(),
            algorithm: None,
            zone_aware: zone_aware(block),
        };
        load_balancer.algorithm = algorithm(block);
        check_algorithms(block);
        check_zone_aware(block, &load_balancer);
        load_balancer
    }
}

fn algorithm(block: &Block<'_>) -> Option<LoadBalancerAlgorithm> {
    let outer = OuterHostname::read(block);
    let least_request = block.optional("leastRequest").and_then(|field| {
        field.object(|block| LoadBalancerAlgorithm::LeastRequest {
            // CRD default: 2. Zero would find no host, ever.
            choice_count: block.u32("choiceCount", 1..=I32_MAX).unwrap_or(2),
            slow_start: slow_start(block),
        })
    });
    let round_robin = block.optional("roundRobin").and_then(|field| {
        field.object(|block| LoadBalancerAlgorithm::RoundRobin {
            slow_start: slow_start(block),
        })
    });
    let ring_hash = block
        .optional("ringHash")
        .and_then(|field| field.object(|block| ring_hash(block, &field, &outer)));
    let maglev = block.optional("maglev").and_then(|field| {
        field.object(|block| {
            let hashing = Hashing::decode(block, &outer);
            LoadBalancerAlgorithm::Maglev {
                use_hostname_for_hashing: hashing.use_hostname,
                hash_policies: hashing.policies,
            }
        })
    });
    let random = block
        .optional("random")
        .and_then(|field| field.object(|_| LoadBalancerAlgorithm::Random));
    if ring_hash.is_none() && maglev.is_none() {
        outer.warn_unused();
    }
    least_request
        .or(round_robin)
        .or(ring_hash)
        .or(maglev)
        .or(random)
}

fn check_algorithms(block: &Block<'_>) {
    let present = ALGORITHMS
        .iter()
        .filter(|name| block.optional(name).is_some())
        .count();
    let rule = format!(
        "exactly one of the fields in [{}] must be set",
        ALGORITHMS.join(" ")
    );
    if present > 1 {
        block.field.reject(rule);
    } else if present == 0 {
        // Allowed by an older schema, as long as some other field is set.
        if block.is_empty() {
            block.field.reject(rule);
        } else {
            block.field.advise(
                codes::OLDER_SPELLING,
                "`loadBalancer` without an algorithm is an older form".to_owned(),
                "add `roundRobin: {}`".to_owned(),
            );
        }
    }
}

fn check_zone_aware(block: &Block<'_>, load_balancer: &LoadBalancer) {
    let Some(field) = block.optional("zoneAware") else {
        return;
    };
    if load_balancer.locality_weighted {
        field.reject("localityType and zoneAware may not be set together");
    }
    let hashes = matches!(
        load_balancer.algorithm,
        Some(LoadBalancerAlgorithm::RingHash { .. } | LoadBalancerAlgorithm::Maglev { .. })
    );
    if hashes {
        field.reject("zoneAware may not be used with ringHash or maglev");
    }
}

fn ring_hash(
    block: &Block<'_>,
    field: &Field<'_>,
    outer: &OuterHostname<'_>,
) -> LoadBalancerAlgorithm {
    // Zero passes upstream's schema; a ring without entries finds no host.
    let size = |name| block.optional(name).and_then(|field| field.u64(1));
    let minimum = size("minimumRingSize");
    let maximum = size("maximumRingSize");
    if maximum.is_some_and(|maximum| maximum > MAX_RING) {
        field.reject(format!(
            "maximumRingSize must be less than or equal to {MAX_RING}"
        ));
    }
    let least = minimum.unwrap_or(DEFAULT_MIN_RING);
    let most = maximum.unwrap_or(MAX_RING);
    if least > most {
        field.reject(format!(
            "minimumRingSize ({least}) must be less than or equal to maximumRingSize ({most})"
        ));
    }
    let hashing = Hashing::decode(block, outer);
    LoadBalancerAlgorithm::RingHash {
        minimum_ring_size: minimum,
        maximum_ring_size: maximum,
        use_hostname_for_hashing: hashing.use_hostname,
        hash_policies: hashing.policies,
    }
}

fn slow_start(block: &Block<'_>) -> Option<SlowStart> {
    let written = block.aliased("slowStart", &["slowStartConfig"], |field| {
        field.object(|block| SlowStart {
            window: block.duration("window"),
            aggression: block
                .optional("aggression")
                .and_then(|field| aggression(&field)),
            min_weight_percent: block.percent("minWeightPercent"),
        })
    });
    written.map(|written| written.value)
}

/// A decimal number in a string, above zero.
fn aggression(field: &Field<'_>) -> Option<f64> {
    let text = field.string()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite());
    match number {
        None => field.reject_with("must be a decimal number", "write it as \"1.5\""),
        Some(number) if number <= 0.0 => field.reject("must be greater than 0"),
        Some(_) => return number,
    }
    None
}

fn zone_aware(block: &Block<'_>) -> Option<ZoneAware> {
    let field = block.optional("zoneAware")?;
    let prefer_local = field.object(|block| block.required("preferLocal"))??;
    prefer_local.object(|block| {
        let threshold = block.optional("minEndpointsThreshold");
        let force = block.optional("force");
        ZoneAware {
            // CRD defaults: 6, 100 and 1.
            min_endpoints_threshold: threshold.and_then(|field| field.u64(1)).unwrap_or(6),
            routing_enabled: block.percent("routingEnabled").unwrap_or(100),
            force_min_endpoints: force.and_then(|field| field.object(force_min_endpoints)),
        }
    })
}

fn force_min_endpoints(block: &Block<'_>) -> u32 {
    block
        .u32("minEndpointsInZoneThreshold", 1..=u32::MAX)
        .unwrap_or(1)
}
