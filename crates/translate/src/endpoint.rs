// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.endpoint.v3.ClusterLoadAssignment`.
//!
//! In: EndpointSlices, Static hosts, ServiceEntry endpoints. Out: endpoints by locality and
//! priority. A Service without endpoints gets an explicit empty assignment, so that Envoy drops old
//! ones instead of waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use sluicegate_attach::{Backend, BackendSource};
use sluicegate_resource::{
    Object,
    core::{Endpoint as SliceEndpoint, EndpointSlice, Service, ServicePort},
    istio::{ServiceEntry, ServiceEntryPort, WorkloadEndpoint},
    kgateway::{self, BackendType},
    value::IntOrString,
};
use sluicegate_xds::pb::envoy::config::{
    core::v3::{Address, Locality, SocketAddress, address, socket_address::PortSpecifier},
    endpoint::v3::{
        ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
        endpoint::HealthCheckConfig, lb_endpoint::HostIdentifier,
    },
};

use crate::{names, pb};

/// The EDS resource of a backend; `None` when its cluster has inline endpoints.
pub(crate) fn cluster_load_assignment(backend: &Backend) -> Option<ClusterLoadAssignment> {
    let endpoints = match &backend.source {
        BackendSource::Service {
            object,
            port,
            slices,
        } => from_slices(object, port, slices),
        // Workloads of a ServiceEntry's selector are not read from manifests.
        BackendSource::ServiceEntry { object, .. } if object.spec.has_workload_selector => {
            Vec::new()
        }
        _ => return None,
    };
    let cluster_name = names::cluster(&backend.key);
    Some(ClusterLoadAssignment {
        cluster_name,
        endpoints,
        ..ClusterLoadAssignment::default()
    })
}

/// The endpoints that stand in the cluster itself.
pub(crate) fn inline(backend: &Backend) -> ClusterLoadAssignment {
    let endpoints = match &backend.source {
        BackendSource::Backend { groups, .. } => groups
            .iter()
            .zip(0..)
            .map(|(members, priority)| LocalityLbEndpoints {
                lb_endpoints: members
                    .iter()
                    .flat_map(|member| static_hosts(member, backend))
                    .collect(),
                priority,
                ..LocalityLbEndpoints::default()
            })
            .collect(),
        BackendSource::ServiceEntry { object, host, port } => service_entry(object, host, port),
        BackendSource::Service { .. } => Vec::new(),
    };
    let cluster_name = names::cluster(&backend.key);
    ClusterLoadAssignment {
        cluster_name,
        endpoints,
        ..ClusterLoadAssignment::default()
    }
}

/// Ready endpoints of every slice by zone; each address once. When nothing is ready, endpoints that
/// still serve while they terminate are used, as kube-proxy does.
fn from_slices(
    service: &Object<Service>,
    port: &ServicePort,
    slices: &[Arc<Object<EndpointSlice>>],
) -> Vec<LocalityLbEndpoints> {
    let ready = by_zone(service, port, slices, |endpoint| endpoint.ready);
    let usable = if ready.is_empty() {
        by_zone(service, port, slices, |endpoint| {
            endpoint.serving && endpoint.terminating
        })
    } else {
        ready
    };
    usable
        .into_iter()
        .map(|(zone, lb_endpoints)| LocalityLbEndpoints {
            locality: (!zone.is_empty()).then(|| Locality {
                zone,
                ..Locality::default()
            }),
            load_balancing_weight: pb::u32(u32::try_from(lb_endpoints.len()).unwrap_or(u32::MAX)),
            lb_endpoints,
            ..LocalityLbEndpoints::default()
        })
        .collect()
}

fn by_zone(
    service: &Object<Service>,
    port: &ServicePort,
    slices: &[Arc<Object<EndpointSlice>>],
    usable: fn(&SliceEndpoint) -> bool,
) -> BTreeMap<String, Vec<LbEndpoint>> {
    let mut seen = BTreeSet::new();
    let mut zones: BTreeMap<String, Vec<LbEndpoint>> = BTreeMap::new();
    for slice in slices
        .iter()
        .filter(|slice| slice.spec.address_type != "FQDN")
    {
        let Some(number) = endpoint_port(service, port, &slice.spec) else {
            continue;
        };
        for endpoint in slice
            .spec
            .endpoints
            .iter()
            .filter(|endpoint| usable(endpoint))
        {
            // The addresses of one endpoint are alternatives; the API says to use the first.
            let Some(address) = endpoint.addresses.first() else {
                continue;
            };
            if seen.insert((address.clone(), number)) {
                let zone = endpoint.zone.clone().unwrap_or_default();
                zones
                    .entry(zone)
                    .or_default()
                    .push(lb_endpoint(address, number));
            }
        }
    }
    zones
}

/// The slice's port: the first one of a single-port Service, else by Service port name, else by
/// named target port, else by number on an unnamed port (spec 3.4).
fn endpoint_port(
    service: &Object<Service>,
    port: &ServicePort,
    slice: &EndpointSlice,
) -> Option<u16> {
    let named = |name: &str| {
        slice
            .ports
            .iter()
            .find(|candidate| candidate.name == name)?
            .port
    };
    if let [only] = service.spec.ports.as_slice()
        && let [first, ..] = slice.ports.as_slice()
        && only.port == port.port
    {
        return first.port;
    }
    let by_name = || (!port.name.is_empty()).then(|| named(&port.name)).flatten();
    let by_target = || match &port.target_port {
        IntOrString::String(name) => named(name),
        IntOrString::Int(number) => {
            let unnamed = slice
                .ports
                .iter()
                .filter(|candidate| candidate.name.is_empty());
            let ports: Vec<u16> = unnamed.filter_map(|candidate| candidate.port).collect();
            ports
                .into_iter()
                .find(|candidate| i32::from(*candidate) == *number)
        }
    };
    by_name().or_else(by_target)
}

/// Hosts of a Static Backend. Their name also goes to health checks, unless the check names a host
/// itself: Envoy would let the endpoint's name win.
fn static_hosts(member: &Object<kgateway::Backend>, backend: &Backend) -> Vec<LbEndpoint> {
    let BackendType::Static { hosts, .. } = &member.spec.backend_type else {
        return Vec::new();
    };
    let explicit = health_check_names_host(backend);
    let endpoint = |host: &kgateway::StaticHost| {
        let hostname = if explicit {
            String::new()
        } else {
            host.host.clone()
        };
        with_hostname(&host.host, host.port, &host.host, Some(hostname))
    };
    hosts.iter().map(endpoint).collect()
}

fn health_check_names_host(backend: &Backend) -> bool {
    use sluicegate_resource::kgateway::backend_config_policy::HealthChecker;
    backend
        .policy
        .health_check()
        .is_some_and(|check| match &check.checker {
            HealthChecker::Http { host, .. } => host.is_some(),
            HealthChecker::Grpc { authority, .. } => authority.is_some(),
        })
}

fn service_entry(
    entry: &Object<ServiceEntry>,
    host: &str,
    port: &ServiceEntryPort,
) -> Vec<LocalityLbEndpoints> {
    let resolved = entry.spec.resolution.starts_with("DNS");
    if entry.spec.endpoints.is_empty() && resolved {
        let endpoint = with_hostname(host, port.target_port, host, None);
        return vec![LocalityLbEndpoints {
            lb_endpoints: vec![endpoint],
            ..LocalityLbEndpoints::default()
        }];
    }
    let mut localities: BTreeMap<String, Vec<LbEndpoint>> = BTreeMap::new();
    for endpoint in &entry.spec.endpoints {
        if !resolved && endpoint.address.parse::<IpAddr>().is_err() {
            continue;
        }
        let number = endpoint
            .ports
            .get(&port.name)
            .copied()
            .unwrap_or(port.target_port);
        let made = workload(endpoint, number);
        localities
            .entry(endpoint.locality.clone().unwrap_or_default())
            .or_default()
            .push(made);
    }
    localities
        .into_iter()
        .map(|(locality, lb_endpoints)| LocalityLbEndpoints {
            load_balancing_weight: pb::u32(total_weight(&lb_endpoints)),
            locality: parse_locality(&locality),
            lb_endpoints,
            ..LocalityLbEndpoints::default()
        })
        .collect()
}

fn workload(endpoint: &WorkloadEndpoint, port: u16) -> LbEndpoint {
    let mut made = with_hostname(&endpoint.address, port, &endpoint.address, None);
    made.load_balancing_weight = (endpoint.weight > 0)
        .then(|| pb::u32(endpoint.weight))
        .flatten();
    made
}

fn total_weight(endpoints: &[LbEndpoint]) -> u32 {
    endpoints
        .iter()
        .map(|endpoint| {
            endpoint
                .load_balancing_weight
                .as_ref()
                .map_or(1, |weight| weight.value)
        })
        .fold(0, u32::saturating_add)
}

/// `region/zone/subzone`.
fn parse_locality(text: &str) -> Option<Locality> {
    let mut parts = text.split('/').map(str::to_owned);
    let region = parts.next().filter(|region| !region.is_empty())?;
    Some(Locality {
        region,
        zone: parts.next().unwrap_or_default(),
        sub_zone: parts.next().unwrap_or_default(),
    })
}

/// An endpoint without a name.
pub(crate) fn lb_endpoint(address: &str, port: u16) -> LbEndpoint {
    with_hostname(address, port, "", None)
}

/// An endpoint; a name is only worth telling where it is not the address.
fn with_hostname(
    address: &str,
    port: u16,
    hostname: &str,
    health_check: Option<String>,
) -> LbEndpoint {
    let endpoint = Endpoint {
        address: Some(socket_address(address, port)),
        hostname: hostname.to_owned(),
        health_check_config: health_check
            .filter(|hostname| !hostname.is_empty())
            .map(|hostname| HealthCheckConfig {
                hostname,
                ..HealthCheckConfig::default()
            }),
        ..Endpoint::default()
    };
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(endpoint)),
        ..LbEndpoint::default()
    }
}

/// A TCP address.
pub(crate) fn socket_address(address: &str, port: u16) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: address.to_owned(),
            port_specifier: Some(PortSpecifier::PortValue(u32::from(port))),
            ..SocketAddress::default()
        })),
    }
}
