// SPDX-License-Identifier: Apache-2.0
//! Endpoints as Envoy dumps them.
//!
//! In: a load assignment as configured. Out: the normalised form that Envoy prints, since it prints
//! its host list and not what it received: empty submessages present, weights filled in, health
//! reduced to what the balancer makes of it.

use std::sync::Arc;

use serde_json::Value;
use sluicegate_xds::{
    pb::{
        envoy::config::{
            cluster::v3::Cluster,
            core::v3::HealthStatus,
            endpoint::v3::{
                ClusterLoadAssignment, LbEndpoint, LocalityLbEndpoints, lb_endpoint::HostIdentifier,
            },
        },
        google::protobuf::UInt32Value,
    },
    prost::{Message, Name},
};

use super::element::{message, object, text};

/// The element of an endpoint resource.
pub(super) fn element(name: &str, body: &[u8]) -> Value {
    match ClusterLoadAssignment::decode(body) {
        Ok(assignment) => show(name, assignment),
        // Says why, since it does not decode there either.
        Err(_) => wrap(message(&ClusterLoadAssignment::full_name(), name, body)),
    }
}

/// The element of the endpoints inside an encoded cluster, when there are any.
pub(super) fn inside_cluster(body: &[u8]) -> Option<Arc<str>> {
    let cluster = Cluster::decode(body).ok()?;
    let mut assignment = cluster.load_assignment?;
    assignment.cluster_name.clone_from(&cluster.name);
    Some(text(&show(&cluster.name, assignment)))
}

fn show(name: &str, mut assignment: ClusterLoadAssignment) -> Value {
    normalise(&mut assignment);
    let body = assignment.encode_to_vec();
    wrap(message(&ClusterLoadAssignment::full_name(), name, &body))
}

fn wrap(assignment: Value) -> Value {
    object([("endpoint_config", assignment)])
}

fn normalise(assignment: &mut ClusterLoadAssignment) {
    assignment.named_endpoints.clear();
    let policy = assignment.policy.get_or_insert_default();
    // Envoy default.
    policy
        .overprovisioning_factor
        .get_or_insert(UInt32Value { value: 140 });
    assignment.endpoints.iter_mut().for_each(locality);
}

fn locality(locality: &mut LocalityLbEndpoints) {
    let is_named = locality
        .locality
        .as_ref()
        .is_some_and(|locality| *locality != Default::default());
    locality.locality.get_or_insert_default();
    // Measured: an unnamed locality shows 0 whatever the assignment says.
    let weight = locality.load_balancing_weight.filter(|_| is_named);
    locality.load_balancing_weight = Some(weight.unwrap_or_default());
    locality.lb_endpoints.iter_mut().for_each(host);
}

fn host(host: &mut LbEndpoint) {
    if let Some(HostIdentifier::Endpoint(endpoint)) = &mut host.host_identifier {
        endpoint.health_check_config.get_or_insert_default();
    }
    let health = HealthStatus::try_from(host.health_status).unwrap_or(HealthStatus::Unknown);
    host.health_status = match health {
        HealthStatus::Unknown | HealthStatus::Healthy => HealthStatus::Healthy,
        HealthStatus::Degraded => HealthStatus::Degraded,
        // Measured: draining hosts are shown as unhealthy.
        HealthStatus::Unhealthy | HealthStatus::Draining | HealthStatus::Timeout => {
            HealthStatus::Unhealthy
        }
    } as i32;
    host.load_balancing_weight
        .get_or_insert(UInt32Value { value: 1 });
}
