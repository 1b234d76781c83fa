// SPDX-License-Identifier: Apache-2.0
//! Endpoints that a BackendTrafficPolicy makes different.
//!
//! In: `healthCheck.active.overrides`. Out: endpoints of the variant, where it needs its own.

use sluicegate_attach::{Backend, Row, TrafficPolicy, Weighed};
use sluicegate_xds::pb::envoy::config::{
    cluster::v3::Cluster,
    endpoint::v3::{
        ClusterLoadAssignment, LbEndpoint, endpoint::HealthCheckConfig, lb_endpoint::HostIdentifier,
    },
};

use crate::endpoint::cluster_load_assignment;

/// The assignment that takes the place of the base cluster's; inline endpoints change where they are.
pub(crate) fn endpoints_of_their_own(
    cluster: &mut Cluster,
    backend: &Backend,
    policy: &TrafficPolicy,
    weighed: &[Weighed],
) -> Option<ClusterLoadAssignment> {
    let holds = |it: &Weighed| it.row == Row::ActiveHealthCheck && it.is_in_force();
    let health = policy.spec.health_check.as_ref()?;
    let port = health.value.active.as_ref()?.value.port?;
    if !weighed.iter().any(holds) {
        return None;
    }
    if let Some(inline) = &mut cluster.load_assignment {
        probe_at(inline, port);
    }
    let mut own = cluster_load_assignment(backend)?;
    probe_at(&mut own, port);
    Some(own)
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
