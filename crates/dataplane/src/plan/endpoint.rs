// SPDX-License-Identifier: Apache-2.0
//! Endpoints of a cluster.
//!
//! In: a ClusterLoadAssignment. Out: its endpoints in order, by priority.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use sluicegate_xds::pb::envoy::config::{
    core::v3::{HealthStatus, Locality},
    endpoint::v3::{
        ClusterLoadAssignment, Endpoint as ProtoEndpoint, LbEndpoint, LocalityLbEndpoints,
        lb_endpoint::HostIdentifier,
    },
};
use sluicegate_xds::pb::google::protobuf::value::Kind;

use super::value::{host_and_port, number, socket_address};

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
    /// Where to connect to when that fails: the other addresses of a logical host.
    pub(crate) more_addresses: Vec<SocketAddr>,
    /// Its hostname, if it has one. Of a name that was looked up: that name.
    pub(crate) hostname: String,
    /// Its weight.
    pub(crate) weight: u32,
    /// Its priority; 0 is used first.
    pub(crate) priority: u32,
    /// Its health as the control plane sees it.
    pub(crate) health: Health,
    /// Where it runs.
    pub(crate) locality: Option<Locality>,
    /// Weight of that locality; 0 without one.
    pub(crate) locality_weight: u32,
    /// `hash_key` of the metadata `envoy.lb`.
    pub(crate) hash_key: Option<Arc<str>>,
    /// `health_check_config`.
    pub(crate) checked: Checked,
}

/// Where an endpoint is.
struct Located<'a> {
    hostname: &'a str,
    address: SocketAddr,
    more: Vec<SocketAddr>,
}

/// `health_check_config` of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Another port to check; 0 is the endpoint's own.
    pub(crate) port: u16,
    /// Another address to check.
    pub(crate) address: Option<SocketAddr>,
    /// Another hostname to ask for.
    pub(crate) hostname: String,
    /// Not checked at all.
    pub(crate) disabled: bool,
}

impl Endpoint {
    /// What hashing balancers hash.
    pub(crate) fn hash_key(&self, use_hostname: bool) -> Arc<str> {
        match &self.hash_key {
            Some(key) => key.clone(),
            None if use_hostname && !self.hostname.is_empty() => self.hostname.as_str().into(),
            None => self.address.to_string().into(),
        }
    }

    /// Where health checks connect to.
    pub(crate) fn check_address(&self) -> SocketAddr {
        let mut address = self.checked.address.unwrap_or(self.address);
        if self.checked.port != 0 {
            address.set_port(self.checked.port);
        }
        address
    }
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
    /// Compiles an assignment of addresses.
    pub(super) fn compile(assignment: &ClusterLoadAssignment) -> Result<Self, String> {
        Self::build(assignment, |host| {
            Ok(vec![Located {
                hostname: &host.hostname,
                address: socket_address(host.address.as_ref())?,
                more: Vec::new(),
            }])
        })
    }

    /// The names in an assignment of names.
    pub(crate) fn names(assignment: &ClusterLoadAssignment) -> BTreeSet<String> {
        let groups = assignment.endpoints.iter();
        groups
            .flat_map(|group| &group.lb_endpoints)
            .filter_map(|endpoint| match endpoint.host_identifier.as_ref()? {
                HostIdentifier::Endpoint(host) => host_and_port(host.address.as_ref()).ok(),
                HostIdentifier::EndpointName(_) => None,
            })
            .map(|(host, _)| host.to_owned())
            .collect()
    }

    /// Compiles an assignment of names, given what they stand for. With `single`, one host stands
    /// for all addresses of a name.
    pub(crate) fn resolve(
        assignment: &ClusterLoadAssignment,
        names: &HashMap<Arc<str>, Vec<IpAddr>>,
        single: bool,
    ) -> Result<Self, String> {
        Self::build(assignment, |host| {
            let (name, port) = host_and_port(host.address.as_ref())?;
            let hostname = match host.hostname.as_str() {
                "" => name,
                hostname => hostname,
            };
            let mut located: Vec<Located<'_>> = Vec::new();
            for ip in names.get(name).into_iter().flatten() {
                let address = SocketAddr::new(*ip, port);
                if located.iter().any(|known| known.address == address) {
                    continue;
                }
                match located.first_mut() {
                    Some(first) if single => first.more.push(address),
                    _ => located.push(Located {
                        hostname,
                        address,
                        more: Vec::new(),
                    }),
                }
            }
            Ok(located)
        })
    }

    fn build(
        assignment: &ClusterLoadAssignment,
        find: impl Fn(&ProtoEndpoint) -> Result<Vec<Located<'_>>, String>,
    ) -> Result<Self, String> {
        let policy = assignment.policy.as_ref();
        let mut endpoints = Vec::new();
        for group in &assignment.endpoints {
            if group.priority > LOWEST_PRIORITY {
                return Err(format!(
                    "priority {} is above {LOWEST_PRIORITY}",
                    group.priority
                ));
            }
            for endpoint in &group.lb_endpoints {
                let Some(HostIdentifier::Endpoint(host)) = &endpoint.host_identifier else {
                    return Err("an endpoint without an address".to_owned());
                };
                for located in find(host)? {
                    endpoints.push(Arc::new(one(endpoint, host, located, group)));
                }
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

fn one(
    endpoint: &LbEndpoint,
    host: &ProtoEndpoint,
    located: Located<'_>,
    group: &LocalityLbEndpoints,
) -> Endpoint {
    Endpoint {
        address: located.address,
        more_addresses: located.more,
        hostname: located.hostname.to_owned(),
        weight: number(endpoint.load_balancing_weight.as_ref())
            .unwrap_or(1)
            .max(1),
        priority: group.priority,
        health: Health::of(endpoint.health_status()),
        locality: group.locality.clone(),
        // Without a name it has no weight either.
        locality_weight: number(group.load_balancing_weight.as_ref())
            .filter(|_| group.locality.is_some())
            .unwrap_or(0),
        hash_key: hash_key(endpoint),
        checked: checked(host),
    }
}

fn hash_key(endpoint: &LbEndpoint) -> Option<Arc<str>> {
    let fields = endpoint
        .metadata
        .as_ref()?
        .filter_metadata
        .get("envoy.lb")?;
    match fields.fields.get("hash_key")?.kind.as_ref()? {
        Kind::StringValue(key) if !key.is_empty() => Some(key.as_str().into()),
        _ => None,
    }
}

fn checked(host: &ProtoEndpoint) -> Checked {
    let Some(config) = &host.health_check_config else {
        return Checked::default();
    };
    Checked {
        port: u16::try_from(config.port_value).unwrap_or(0),
        address: socket_address(config.address.as_ref()).ok(),
        hostname: config.hostname.clone(),
        disabled: config.disable_active_health_check,
    }
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

/// Envoy refuses more.
const LOWEST_PRIORITY: u32 = 128;
