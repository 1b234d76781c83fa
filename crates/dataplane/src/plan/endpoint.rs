// SPDX-License-Identifier: Apache-2.0
//! Endpoints of a cluster.
//!
//! In: a ClusterLoadAssignment. Out: its endpoints in order, by priority.

use std::{net::SocketAddr, sync::Arc};

use sluicegate_xds::pb::envoy::config::{
    core::v3::{HealthStatus, Locality},
    endpoint::v3::{ClusterLoadAssignment, LbEndpoint, lb_endpoint::HostIdentifier},
};

use super::value::{number, socket_address};

/// The endpoints, in the order of the assignment.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    /// All of them.
    pub(crate) endpoints: Vec<Arc<Endpoint>>,
    /// Overprovisioning factor in percent.
    pub(crate) overprovisioning: u32,
}

/// One endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Where to connect to.
    pub(crate) address: SocketAddr,
    /// Its hostname, if it has one.
    pub(crate) hostname: String,
    /// Its weight.
    pub(crate) weight: u32,
    /// Its priority; 0 is used first.
    pub(crate) priority: u32,
    /// Its health as the control plane sees it.
    pub(crate) health: Health,
    /// Where it runs.
    pub(crate) locality: Option<Locality>,
}

/// Health as the control plane sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Used after the healthy ones.
    Degraded,
    /// Being shut down: not used.
    Draining,
    /// Used. An unknown state counts as healthy.
    Healthy,
    /// Not used.
    Unhealthy,
}

impl Endpoints {
    /// Compiles an assignment.
    pub(super) fn compile(assignment: &ClusterLoadAssignment) -> Result<Self, String> {
        let policy = assignment.policy.as_ref();
        let mut endpoints = Vec::new();
        for group in &assignment.endpoints {
            for endpoint in &group.lb_endpoints {
                let compiled = compile(endpoint, group.priority, group.locality.clone())?;
                endpoints.push(Arc::new(compiled));
            }
        }
        Ok(Self {
            endpoints,
            // Envoy default.
            overprovisioning: policy
                .and_then(|policy| number(policy.overprovisioning_factor.as_ref()))
                .unwrap_or(140),
        })
    }
}

fn compile(
    endpoint: &LbEndpoint,
    priority: u32,
    locality: Option<Locality>,
) -> Result<Endpoint, String> {
    let Some(HostIdentifier::Endpoint(host)) = &endpoint.host_identifier else {
        return Err("an endpoint without an address".to_owned());
    };
    Ok(Endpoint {
        address: socket_address(host.address.as_ref())?,
        hostname: host.hostname.clone(),
        weight: number(endpoint.load_balancing_weight.as_ref()).unwrap_or(1),
        priority,
        health: Health::of(endpoint.health_status()),
        locality,
    })
}

impl Health {
    fn of(status: HealthStatus) -> Self {
        match status {
            HealthStatus::Unknown | HealthStatus::Healthy => Self::Healthy,
            HealthStatus::Unhealthy | HealthStatus::Timeout => Self::Unhealthy,
            HealthStatus::Draining => Self::Draining,
            HealthStatus::Degraded => Self::Degraded,
        }
    }
}
