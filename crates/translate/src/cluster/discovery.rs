// SPDX-License-Identifier: Apache-2.0
//! How a cluster finds its endpoints.
//!
//! In: what the backend is made of, and its `dns` settings. Out: EDS over ADS, an inline list, or
//! the DNS cluster extension.

use std::net::IpAddr;

use sluicegate_attach::{Backend, BackendSource};
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{
                    ClusterDiscoveryType, CustomClusterType, DiscoveryType, EdsClusterConfig,
                },
            },
            endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints},
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
            if backend.source.resolves_names() {
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
    dns_cluster(&DnsCluster {
        dns_refresh_rate: policy.dns_refresh_rate().copied().and_then(pb::duration),
        dns_jitter: policy.dns_jitter().copied().and_then(pb::duration),
        respect_dns_ttl: policy.dns_respect_ttl().copied().unwrap_or_default(),
        // kgateway's default family.
        dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
        all_addresses_in_single_endpoint: backend.source.is_one_endpoint(),
        ..DnsCluster::default()
    })
}

fn dns_cluster(config: &DnsCluster) -> CustomClusterType {
    CustomClusterType {
        name: "envoy.clusters.dns".into(),
        typed_config: Some(any::pack(config)),
    }
}

/// A cluster of one host that no manifest has.
pub(super) fn single_host(name: &str, host: &str, port: u16) -> Cluster {
    let discovery = match host.parse::<IpAddr>() {
        Ok(_) => ClusterDiscoveryType::Type(DiscoveryType::Static as i32),
        Err(_) => ClusterDiscoveryType::ClusterType(dns_cluster(&DnsCluster {
            dns_lookup_family: DnsLookupFamily::V4Preferred as i32,
            ..DnsCluster::default()
        })),
    };
    Cluster {
        name: name.to_owned(),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![endpoint::lb_endpoint(host, port)],
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        }),
        cluster_discovery_type: Some(discovery),
        ..Cluster::default()
    }
}
