// SPDX-License-Identifier: Apache-2.0
//! Load balancing of a cluster as a BackendTrafficPolicy wants it.
//!
//! In: `loadBalancer`. Out: a typed `load_balancing_policy` for the cluster, and what the route
//! hashes.

use sluicegate_attach::{Row, TrafficPolicy};
use sluicegate_resource::envoygateway::backend_traffic_policy::{
    ConsistentHash, HashInput, LoadBalancer, LoadBalancerAlgorithm, PreferLocal,
};
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::{Cluster, LoadBalancingPolicy, load_balancing_policy::Policy},
        core::v3::TypedExtensionConfig,
        route::v3::route_action::{
            HashPolicy,
            hash_policy::{
                ConnectionProperties, Cookie, CookieAttribute, Header, PolicySpecifier,
                QueryParameter,
            },
        },
    },
    extensions::load_balancing_policies::{
        common::v3::{
            LocalityLbConfig, SlowStartConfig,
            locality_lb_config::{
                LocalityConfigSpecifier, LocalityWeightedLbConfig, ZoneAwareLbConfig,
                zone_aware_lb_config::ForceLocalZone,
            },
        },
        least_request::v3::LeastRequest,
        maglev::v3::Maglev,
        override_host::v3::{OverrideHost, override_host::OverrideHostSource},
        random::v3::Random,
        round_robin::v3::RoundRobin,
    },
};

use super::Context;
use crate::{cluster::load_balancing::locality_lb_config, pb};

pub(super) fn load_balancing_policy(cluster: &mut Cluster, context: &Context<'_>) {
    let balancer = context.policy.spec.load_balancer.as_ref();
    let Some(balancer) = context.held(Row::LoadBalancer, balancer) else {
        return;
    };
    let Some(extension) = typed_extension_config(&balancer.value, context) else {
        return;
    };
    let extension = match balancer.value.endpoint_override.as_slice() {
        [] => extension,
        headers => override_host(headers, extension),
    };
    // Envoy refuses a locality field there beside the policy, which has its own.
    if let Some(common) = &mut cluster.common_lb_config {
        common.locality_config_specifier = None;
    }
    cluster.load_balancing_policy = Some(LoadBalancingPolicy {
        policies: vec![Policy {
            typed_extension_config: Some(extension),
        }],
    });
}

/// `fallback` balances requests that name no endpoint.
fn override_host(headers: &[String], fallback: TypedExtensionConfig) -> TypedExtensionConfig {
    let sources = headers.iter().map(|header| OverrideHostSource {
        header: header.clone(),
        ..OverrideHostSource::default()
    });
    let fallback = Policy {
        typed_extension_config: Some(fallback),
    };
    let policy = OverrideHost {
        override_host_sources: sources.collect(),
        fallback_policy: Some(LoadBalancingPolicy {
            policies: vec![fallback],
        }),
        ..OverrideHost::default()
    };
    pb::extension("envoy.load_balancing_policies.override_host", &policy)
}

fn typed_extension_config(
    balancer: &LoadBalancer,
    context: &Context<'_>,
) -> Option<TypedExtensionConfig> {
    let slow_start_config = balancer.slow_start.map(|window| SlowStartConfig {
        slow_start_window: pb::duration(window),
        ..SlowStartConfig::default()
    });
    // Zones belong to the backend: its own policy's word stays.
    let own = context.backend.policy.load_balancer();
    let own = own.and_then(|it| it.zone_aware.as_ref());
    let zone_aware = context.held(Row::ZoneAware, balancer.zone_aware.as_ref());
    let local = zone_aware.and_then(|zone_aware| zone_aware.prefer_local);
    let weighted = zone_aware.is_some_and(|it| !it.weighted_zones.is_empty());
    let locality_lb_config = match local {
        Some(local) => prefer_local(local),
        None => locality_lb_config(own),
    };
    Some(match &balancer.algorithm {
        // Not in force: load reports of endpoints are not read.
        LoadBalancerAlgorithm::BackendUtilization(_) => return None,
        LoadBalancerAlgorithm::ConsistentHash(hash) => pb::extension(
            "envoy.load_balancing_policies.maglev",
            &Maglev {
                table_size: hash.as_ref().and_then(table_size),
                locality_weighted_lb_config: weighted.then_some(LocalityWeightedLbConfig {}),
                ..Maglev::default()
            },
        ),
        LoadBalancerAlgorithm::LeastRequest => pb::extension(
            "envoy.load_balancing_policies.least_request",
            &LeastRequest {
                slow_start_config,
                locality_lb_config,
                ..LeastRequest::default()
            },
        ),
        LoadBalancerAlgorithm::Random => pb::extension(
            "envoy.load_balancing_policies.random",
            &Random { locality_lb_config },
        ),
        LoadBalancerAlgorithm::RoundRobin => pb::extension(
            "envoy.load_balancing_policies.round_robin",
            &RoundRobin {
                slow_start_config,
                locality_lb_config,
            },
        ),
    })
}

/// What is not written is Envoy's default.
fn prefer_local(local: PreferLocal) -> Option<LocalityLbConfig> {
    let force = |least: Option<u32>| ForceLocalZone {
        // Envoy Gateway's default.
        min_size: pb::u32(least.unwrap_or(1)),
    };
    let zone_aware = ZoneAwareLbConfig {
        routing_enabled: local.percentage_enabled.and_then(pb::percent),
        min_cluster_size: local.min_endpoints_threshold.and_then(pb::u64),
        force_local_zone: local.force.map(force),
        ..ZoneAwareLbConfig::default()
    };
    Some(LocalityLbConfig {
        locality_config_specifier: Some(LocalityConfigSpecifier::ZoneAwareLbConfig(zone_aware)),
    })
}

fn table_size(hash: &ConsistentHash) -> Option<sluicegate_xds::pb::google::protobuf::UInt64Value> {
    pb::u64(u64::from(hash.table_size?))
}

/// `RouteAction.hash_policy`: several entries are combined.
pub(crate) fn hash_policies(policy: &TrafficPolicy) -> Vec<HashPolicy> {
    let balancer = policy.spec.load_balancer.as_ref();
    let Some(LoadBalancerAlgorithm::ConsistentHash(Some(hash))) =
        balancer.map(|it| &it.value.algorithm)
    else {
        return Vec::new();
    };
    let specifiers: Vec<PolicySpecifier> = match &hash.input {
        HashInput::Cookie(cookie) => {
            let attributes = cookie.attributes.iter();
            vec![PolicySpecifier::Cookie(Cookie {
                name: cookie.name.clone(),
                ttl: cookie.ttl.and_then(pb::duration),
                path: cookie.path.clone().unwrap_or_default(),
                attributes: attributes
                    .map(|(name, value)| CookieAttribute {
                        name: name.clone(),
                        value: value.clone(),
                    })
                    .collect(),
            })]
        }
        HashInput::Headers(names) => names
            .iter()
            .map(|name| {
                PolicySpecifier::Header(Header {
                    header_name: name.clone(),
                    ..Header::default()
                })
            })
            .collect(),
        HashInput::QueryParams(names) => names
            .iter()
            .map(|name| PolicySpecifier::QueryParameter(QueryParameter { name: name.clone() }))
            .collect(),
        HashInput::SourceIp => vec![PolicySpecifier::ConnectionProperties(
            ConnectionProperties { source_ip: true },
        )],
    };
    let policies = specifiers.into_iter().map(|specifier| HashPolicy {
        policy_specifier: Some(specifier),
        ..HashPolicy::default()
    });
    policies.collect()
}
