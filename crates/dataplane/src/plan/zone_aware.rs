// SPDX-License-Identifier: Apache-2.0
//! Zone aware routing of a cluster.
//!
//! In: `zone_aware_lb_config`, in the cluster or in its load balancing policy. Out: the same with
//! Envoy's defaults filled in; they hold without the message, too.

use sluicegate_xds::pb::{
    envoy::{
        config::cluster::v3::cluster::common_lb_config::ZoneAwareLbConfig as Old,
        extensions::load_balancing_policies::common::v3::locality_lb_config::{
            ZoneAwareLbConfig, zone_aware_lb_config::LocalityBasis,
        },
        r#type::v3::Percent,
    },
    google::protobuf::UInt64Value,
};

use super::value::number;

/// The settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZoneAwareConfig {
    /// `routing_enabled`: of a hundred requests so many look at zones.
    pub(crate) routing_enabled: u32,
    /// `min_cluster_size`: fewer healthy hosts are not told apart by zone.
    pub(crate) min_cluster_size: u64,
    /// `fail_traffic_on_panic`: no host in place of any host.
    pub(crate) fail_traffic_on_panic: bool,
    /// `force_local_zone`: all stays in the own zone if it has so many healthy hosts.
    pub(crate) force_local_zone: Option<u32>,
    /// `locality_basis` is HEALTHY_HOSTS_WEIGHT: shares go by weights, not by numbers of hosts.
    pub(crate) by_weight: bool,
}

impl Default for ZoneAwareConfig {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            routing_enabled: 100,
            min_cluster_size: 6,
            fail_traffic_on_panic: false,
            force_local_zone: None,
            by_weight: false,
        }
    }
}

impl ZoneAwareConfig {
    /// Of a load balancing policy.
    #[expect(deprecated, reason = "control planes still send this field")]
    pub(super) fn compile(config: &ZoneAwareLbConfig) -> Self {
        let forced = config.force_local_zone.as_ref();
        let forced = forced.map(|force| number(force.min_size.as_ref()).unwrap_or(1));
        let old = config.force_locality_direct_routing.then_some(1);
        Self {
            force_local_zone: forced.or(old),
            by_weight: config.locality_basis() == LocalityBasis::HealthyHostsWeight,
            ..Self::common(
                config.routing_enabled.as_ref(),
                config.min_cluster_size.as_ref(),
                config.fail_traffic_on_panic,
            )
        }
    }

    /// Of `common_lb_config`.
    pub(super) fn old(config: &Old) -> Self {
        Self::common(
            config.routing_enabled.as_ref(),
            config.min_cluster_size.as_ref(),
            config.fail_traffic_on_panic,
        )
    }

    /// What is not enforced in a process that does not know where it runs.
    pub(super) fn needs_zone(&self) -> Option<&'static str> {
        let only_panic = Self {
            fail_traffic_on_panic: true,
            ..Self::default()
        };
        (*self != only_panic).then_some(NEEDS_ZONE)
    }

    fn common(enabled: Option<&Percent>, size: Option<&UInt64Value>, fail: bool) -> Self {
        let default = Self::default();
        Self {
            routing_enabled: enabled
                .map_or(default.routing_enabled, super::balancing::whole_percent),
            min_cluster_size: size.map_or(default.min_cluster_size, |size| size.value),
            fail_traffic_on_panic: fail,
            ..default
        }
    }
}

/// Listed as not enforced where `Options::zone` is not set.
pub(crate) const NEEDS_ZONE: &str = "zone_aware_lb_config";
