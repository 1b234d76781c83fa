// SPDX-License-Identifier: Apache-2.0
//! Name resolution of a cluster as a BackendTrafficPolicy wants it.
//!
//! In: `dns`. Out: the DNS cluster extension, with what the backend's own policy put there.

use sluicegate_attach::Row;
use sluicegate_resource::envoygateway::backend_traffic_policy::LookupFamily;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::cluster::v3::{Cluster, cluster::ClusterDiscoveryType},
        extensions::clusters::{common::dns::v3::DnsLookupFamily, dns::v3::DnsCluster},
    },
};

use super::Context;
use crate::pb;

pub(super) fn cluster_type(cluster: &mut Cluster, context: &Context<'_>) {
    let Some(dns) = context.policy.spec.dns.as_ref().map(|it| it.value) else {
        return;
    };
    let Some(ClusterDiscoveryType::ClusterType(custom)) = &mut cluster.cluster_discovery_type
    else {
        return;
    };
    let packed = custom.typed_config.as_ref();
    let Some(mut config) = packed.and_then(any::unpack::<DnsCluster>) else {
        return;
    };
    if let Some(rate) = context.held(Row::DnsRefreshRate, dns.dns_refresh_rate) {
        config.dns_refresh_rate = pb::duration(rate);
    }
    if let Some(respect) = context.held(Row::RespectDnsTtl, dns.respect_dns_ttl) {
        config.respect_dns_ttl = respect;
    }
    if let Some(family) = context.held(Row::LookupFamily, dns.lookup_family) {
        config.dns_lookup_family = match family {
            LookupFamily::Ipv4 => DnsLookupFamily::V4Only,
            LookupFamily::Ipv4AndIpv6 => DnsLookupFamily::All,
            LookupFamily::Ipv4Preferred => DnsLookupFamily::V4Preferred,
            LookupFamily::Ipv6 => DnsLookupFamily::V6Only,
            LookupFamily::Ipv6Preferred => DnsLookupFamily::Auto,
        } as i32;
    }
    custom.typed_config = Some(any::pack(&config));
}
