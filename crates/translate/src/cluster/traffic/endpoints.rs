// SPDX-License-Identifier: Apache-2.0
//! Endpoints that a BackendTrafficPolicy makes different.
//!
//! In: `healthCheck.active.overrides`, `loadBalancer.zoneAware.weightedZones`, `routingType`. Out:
//! endpoints of the variant, where it needs its own.

use std::net::IpAddr;

use sluicegate_attach::{Backend, BackendSource, Row, TrafficPolicy, Weighed};
use sluicegate_resource::envoygateway::backend_traffic_policy::{RoutingType, WeightedZone};
use sluicegate_xds::pb::envoy::config::{
    cluster::v3::Cluster,
    endpoint::v3::{
        ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints, endpoint::HealthCheckConfig,
        lb_endpoint::HostIdentifier,
    },
};

use crate::{
    endpoint::{cluster_load_assignment, lb_endpoint},
    pb,
};

/// What is different about them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where requests go instead of to endpoints.
    service: Option<(IpAddr, u16)>,
    /// Zones with weights; others weigh 1. Empty: by number of endpoints.
    zones: Vec<WeightedZone>,
    /// The port of probes.
    probe_port: Option<u16>,
}

impl Difference {
    /// What `policy` asks for and may.
    pub(crate) fn of(backend: &Backend, policy: &TrafficPolicy, weighed: &[Weighed]) -> Self {
        let holds = |row| weighed.iter().any(|it| it.row == row && it.is_in_force());
        let spec = &policy.spec;
        let health = spec.health_check.as_ref();
        let active = health.and_then(|it| it.value.active.as_ref());
        let balancer = spec.load_balancer.as_ref();
        let zones = balancer.and_then(|it| it.value.zone_aware.as_ref());
        let routing = spec.routing_type.as_ref().map(|it| it.value);
        let service = match &backend.source {
            BackendSource::Service { port, .. } if routing == Some(RoutingType::Service) => {
                backend.source.cluster_ip().map(|ip| (ip, port.port))
            }
            _ => None,
        };
        Self {
            service: service.filter(|_| holds(Row::RoutingType)),
            zones: zones
                .filter(|_| holds(Row::ZoneAware))
                .map(|zones| zones.weighted_zones.clone())
                .unwrap_or_default(),
            probe_port: active
                .and_then(|it| it.value.port)
                .filter(|_| holds(Row::ActiveHealthCheck)),
        }
    }

    /// The assignment that takes the place of the base cluster's; inline endpoints change where
    /// they are.
    pub(crate) fn endpoints(
        &self,
        cluster: &mut Cluster,
        backend: &Backend,
    ) -> Option<ClusterLoadAssignment> {
        if *self == Self::default() {
            return None;
        }
        if let Some(inline) = &mut cluster.load_assignment {
            self.apply(inline);
        }
        let mut own = cluster_load_assignment(backend)?;
        self.apply(&mut own);
        Some(own)
    }

    fn apply(&self, assignment: &mut ClusterLoadAssignment) {
        if let Some((address, port)) = self.service {
            assignment.endpoints = vec![LocalityLbEndpoints {
                lb_endpoints: vec![lb_endpoint(&address.to_string(), port)],
                load_balancing_weight: pb::u32(1),
                ..LocalityLbEndpoints::default()
            }];
        } else if !self.zones.is_empty() {
            for locality in &mut assignment.endpoints {
                let zone = locality.locality.as_ref().map_or("", |it| &it.zone);
                let mut listed = self.zones.iter();
                let weight = listed.find(|it| it.zone == zone).map_or(1, |it| it.weight);
                // Without a weight, Envoy sends nothing there; it refuses a weight of 0.
                locality.load_balancing_weight = (weight > 0).then(|| pb::u32(weight)).flatten();
            }
        }
        if let Some(port) = self.probe_port {
            probe_at(assignment, port);
        }
    }
}

/// Probes go to `port` of every endpoint.
fn probe_at(assignment: &mut ClusterLoadAssignment, port: u16) {
    let localities = assignment.endpoints.iter_mut();
    for endpoint in localities.flat_map(|locality| &mut locality.lb_endpoints) {
        set(endpoint, port);
    }
}

fn set(endpoint: &mut LbEndpoint, port: u16) {
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
        let config = &mut endpoint.health_check_config;
        let config = config.get_or_insert_with(HealthCheckConfig::default);
        config.port_value = u32::from(port);
    }
}
