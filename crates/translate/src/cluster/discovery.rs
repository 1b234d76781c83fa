// SPDX-License-Identifier: Apache-2.0
//! How a cluster finds its endpoints.
//!
//! In: what the backend is made of, and its `dns` settings. Out: EDS over ADS, an inline list, or
//! the DNS cluster extension.

use std::net::IpAddr;

use sluicegate_attach::{Backend, BackendSource};
use sluicegate_resource::kgateway::BackendType;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::cluster::v3::{
            Cluster,
            cluster::{ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig},
        },
        extensions::clusters::{common::dns::v3::DnsLookupFamily, dns::v3::DnsCluster},
    },
};

use crate::{endpoint, pb};

/// Sets the cluster's type and, unless it is EDS, its inline endpoints.
pub(super) fn discover(cluster: &mut Cluster, backend: &Backend) {
    let discovery = match &backend.source {
        BackendSource::Service { .. } => eds(cluster),
        BackendSource::ServiceEntry { object, .. } if object.spec.has_workload_selector => {
            eds(cluster)
        }
        _ => {
            cluster.load_assignment = Some(endpoint::inline(backend));
            if is_dns(backend) {
                ClusterDiscoveryType::ClusterType(dns(backend))
            } else {
                ClusterDiscoveryType::Type(DiscoveryType::Static as i32)
            }
        }
    };
    cluster.cluster_discovery_type = Some(discovery);
}

fn eds(cluster: &mut Cluster) -> ClusterDiscoveryType {
    cluster.eds_cluster_config = Some(EdsClusterConfig {
        eds_config: pb::ads(),
        ..EdsClusterConfig::default()
    });
    ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)
}

fn dns(backend: &Backend) -> CustomClusterType {
    let policy = &backend.policy;
    let config = DnsCluster {
        dns_refresh_rate: policy.dns_refresh_rate().copied().and_then(pb::duration),
        dns_jitter: policy.dns_jitter().copied().and_then(pb::duration),
        respect_dns_ttl: policy.dns_respect_ttl().copied().unwrap_or_default(),
        // kgateway's default family.
        dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
        all_addresses_in_single_endpoint: all_addresses_in_single_endpoint(backend),
        ..DnsCluster::default()
    };
    CustomClusterType {
        name: "envoy.clusters.dns".into(),
        typed_config: Some(any::pack(&config)),
    }
}

fn is_dns(backend: &Backend) -> bool {
    match &backend.source {
        BackendSource::Service { .. } => false,
        BackendSource::Backend { groups, .. } => {
            groups
                .iter()
                .flatten()
                .any(|member| match &member.spec.backend_type {
                    BackendType::Static { hosts, .. } => hosts
                        .iter()
                        .any(|host| host.host.parse::<IpAddr>().is_err()),
                    _ => false,
                })
        }
        BackendSource::ServiceEntry { object, .. } => object.spec.resolution.starts_with("DNS"),
    }
}

fn all_addresses_in_single_endpoint(backend: &Backend) -> bool {
    match &backend.source {
        // Envoy refuses the form for more than one name.
        BackendSource::ServiceEntry { object, .. } => {
            object.spec.resolution == "DNS_ROUND_ROBIN" && object.spec.endpoints.len() <= 1
        }
        _ => false,
    }
}

/// Whether hosts can be hashed by name: only where each resolved address keeps its name.
pub(super) fn has_hostnames(backend: &Backend) -> bool {
    is_dns(backend) && !all_addresses_in_single_endpoint(backend)
}
