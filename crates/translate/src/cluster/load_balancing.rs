// SPDX-License-Identifier: Apache-2.0
//! Load balancing of a cluster.
//!
//! In: `loadBalancer`. Out: `common_lb_config` and a typed `load_balancing_policy`, never the old
//! `lb_policy` enum.

use std::time::Duration;

use sluicegate_attach::{Backend, EffectivePolicy, Unit};
use sluicegate_resource::kgateway::backend_config_policy::{
    Cookie, HashPolicy, HashPolicyKind, LoadBalancer, LoadBalancerAlgorithm, SlowStart, ZoneAware,
};
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::{
            LoadBalancingPolicy, cluster::CommonLbConfig, load_balancing_policy::Policy,
        },
        core::v3::{RuntimeDouble, TypedExtensionConfig},
        route::v3::route_action::{self, hash_policy},
    },
    extensions::load_balancing_policies::{
        common::v3::{
            ConsistentHashingLbConfig, LocalityLbConfig, SlowStartConfig,
            locality_lb_config::{
                LocalityConfigSpecifier, LocalityWeightedLbConfig, ZoneAwareLbConfig,
                zone_aware_lb_config::ForceLocalZone,
            },
        },
        least_request::v3::LeastRequest,
        maglev::v3::Maglev,
        random::v3::Random,
        ring_hash::v3::RingHash,
        round_robin::v3::RoundRobin,
    },
};

use crate::pb;

/// Present, if only empty, whenever `loadBalancer` is: that replaces the Service's own mark.
pub(super) fn common_lb_config(policy: &EffectivePolicy) -> Option<CommonLbConfig> {
    let balancer = policy.load_balancer()?;
    Some(CommonLbConfig {
        healthy_panic_threshold: balancer.healthy_panic_threshold.and_then(pb::percent),
        update_merge_window: balancer.update_merge_window.and_then(pb::duration),
        close_connections_on_host_set_change: balancer
            .close_connections_on_host_set_change
            .unwrap_or_default(),
        ..CommonLbConfig::default()
    })
}

pub(super) fn load_balancing_policy(backend: &Backend) -> Option<LoadBalancingPolicy> {
    let balancer = backend.policy.load_balancer()?;
    let extension = typed_extension_config(backend, balancer)?;
    let policy = Policy {
        typed_extension_config: Some(extension),
    };
    Some(LoadBalancingPolicy {
        policies: vec![policy],
    })
}

fn typed_extension_config(
    backend: &Backend,
    balancer: &LoadBalancer,
) -> Option<TypedExtensionConfig> {
    let slow_start_config = |slow_start: &Option<SlowStart>| {
        slow_start
            .as_ref()
            .map(|config| self::slow_start_config(config, &runtime_key(backend)))
    };
    let locality_weighted = balancer
        .locality_weighted
        .then(LocalityWeightedLbConfig::default);
    let hostnames = |wanted: &Option<bool>| wanted.map(|on| on && backend.source.has_hostnames());
    Some(match balancer.algorithm.as_ref()? {
        LoadBalancerAlgorithm::LeastRequest {
            choice_count,
            slow_start,
        } => pb::extension(
            "envoy.load_balancing_policies.least_request",
            &LeastRequest {
                choice_count: pb::u32(*choice_count),
                slow_start_config: slow_start_config(slow_start),
                locality_lb_config: locality_lb_config(balancer.zone_aware.as_ref()),
                ..LeastRequest::default()
            },
        ),
        LoadBalancerAlgorithm::RoundRobin { slow_start } => pb::extension(
            "envoy.load_balancing_policies.round_robin",
            &RoundRobin {
                slow_start_config: slow_start_config(slow_start),
                locality_lb_config: locality_lb_config(balancer.zone_aware.as_ref()),
            },
        ),
        LoadBalancerAlgorithm::Random => pb::extension(
            "envoy.load_balancing_policies.random",
            &Random {
                locality_lb_config: locality_lb_config(balancer.zone_aware.as_ref()),
            },
        ),
        LoadBalancerAlgorithm::RingHash {
            minimum_ring_size,
            maximum_ring_size,
            use_hostname_for_hashing,
            hash_policies,
        } => pb::extension(
            "envoy.load_balancing_policies.ring_hash",
            &RingHash {
                minimum_ring_size: minimum_ring_size.and_then(pb::u64),
                maximum_ring_size: maximum_ring_size.and_then(pb::u64),
                consistent_hashing_lb_config: consistent_hashing_lb_config(
                    hostnames(use_hostname_for_hashing),
                    hash_policies,
                ),
                locality_weighted_lb_config: locality_weighted,
                ..RingHash::default()
            },
        ),
        LoadBalancerAlgorithm::Maglev {
            use_hostname_for_hashing,
            hash_policies,
        } => pb::extension(
            "envoy.load_balancing_policies.maglev",
            &Maglev {
                consistent_hashing_lb_config: consistent_hashing_lb_config(
                    hostnames(use_hostname_for_hashing),
                    hash_policies,
                ),
                locality_weighted_lb_config: locality_weighted,
                ..Maglev::default()
            },
        ),
    })
}

/// `<policy>.<namespace>.slowStart.aggression`, as kgateway names it.
fn runtime_key(backend: &Backend) -> String {
    let winner = backend.policy.winner(Unit::LoadBalancer);
    winner.map_or_else(String::new, |winner| {
        let metadata = &winner.policy.metadata;
        format!(
            "{}.{}.slowStart.aggression",
            metadata.name(),
            metadata.namespace()
        )
    })
}

fn slow_start_config(slow_start: &SlowStart, runtime_key: &str) -> SlowStartConfig {
    SlowStartConfig {
        slow_start_window: slow_start.window.and_then(pb::duration),
        aggression: slow_start.aggression.map(|aggression| RuntimeDouble {
            default_value: aggression,
            runtime_key: runtime_key.to_owned(),
        }),
        min_weight_percent: slow_start.min_weight_percent.and_then(pb::percent),
    }
}

/// Always present for the algorithms that know localities.
pub(super) fn locality_lb_config(zone_aware: Option<&ZoneAware>) -> Option<LocalityLbConfig> {
    let specifier = match zone_aware {
        None => LocalityConfigSpecifier::LocalityWeightedLbConfig(LocalityWeightedLbConfig {}),
        Some(zone) => LocalityConfigSpecifier::ZoneAwareLbConfig(ZoneAwareLbConfig {
            routing_enabled: pb::percent(zone.routing_enabled),
            min_cluster_size: pb::u64(zone.min_endpoints_threshold),
            force_local_zone: zone.force_min_endpoints.map(|least| ForceLocalZone {
                min_size: pb::u32(least),
            }),
            ..ZoneAwareLbConfig::default()
        }),
    };
    Some(LocalityLbConfig {
        locality_config_specifier: Some(specifier),
    })
}

fn consistent_hashing_lb_config(
    use_hostname_for_hashing: Option<bool>,
    policies: &[HashPolicy],
) -> Option<ConsistentHashingLbConfig> {
    if use_hostname_for_hashing.is_none() && policies.is_empty() {
        return None;
    }
    Some(ConsistentHashingLbConfig {
        use_hostname_for_hashing: use_hostname_for_hashing.unwrap_or_default(),
        hash_policy: policies.iter().map(hash_policy).collect(),
        ..ConsistentHashingLbConfig::default()
    })
}

fn hash_policy(policy: &HashPolicy) -> route_action::HashPolicy {
    use hash_policy::PolicySpecifier;
    let specifier = match &policy.kind {
        HashPolicyKind::Header(name) => PolicySpecifier::Header(hash_policy::Header {
            header_name: name.clone(),
            ..hash_policy::Header::default()
        }),
        HashPolicyKind::Cookie(cookie) => PolicySpecifier::Cookie(hash_cookie(cookie)),
        HashPolicyKind::SourceIp => {
            PolicySpecifier::ConnectionProperties(hash_policy::ConnectionProperties {
                source_ip: true,
            })
        }
    };
    route_action::HashPolicy {
        terminal: policy.terminal.unwrap_or_default(),
        policy_specifier: Some(specifier),
    }
}

fn hash_cookie(cookie: &Cookie) -> hash_policy::Cookie {
    let attribute = |(name, value): &(String, String)| hash_policy::CookieAttribute {
        name: name.clone(),
        value: value.clone(),
    };
    hash_policy::Cookie {
        name: cookie.name.clone(),
        ttl: cookie.ttl.and_then(|ttl: Duration| pb::duration(ttl)),
        path: cookie.path.clone().unwrap_or_default(),
        attributes: cookie.attributes.iter().map(attribute).collect(),
    }
}
