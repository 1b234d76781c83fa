// SPDX-License-Identifier: Apache-2.0
//! Which endpoints a cluster waits for.
//!
//! In: an encoded Cluster. Out: the name of its ClusterLoadAssignment. Only the two fields that
//! matter are decoded.

use prost::Message;
use sluicegate_snapshot::Resource;

#[derive(Clone, PartialEq, Message)]
struct ClusterPart {
    #[prost(message, optional, tag = "3")]
    eds_cluster_config: Option<EdsClusterConfigPart>,
}

#[derive(Clone, PartialEq, Message)]
struct EdsClusterConfigPart {
    #[prost(string, tag = "2")]
    service_name: String,
}

/// The EDS name of `cluster`; `None` when its endpoints come another way.
pub(crate) fn endpoints_of(cluster: &Resource) -> Option<String> {
    // A body that does not decode waits for nothing.
    let part = ClusterPart::decode(cluster.body.clone()).ok()?;
    let service_name = part.eds_cluster_config?.service_name;
    Some(if service_name.is_empty() {
        cluster.name.to_string()
    } else {
        service_name
    })
}

#[cfg(test)]
mod tests {
    use sluicegate_snapshot::{ResourceType, Version};
    use sluicegate_xds::pb::envoy::config::cluster::v3::{Cluster, cluster::EdsClusterConfig};

    use super::*;

    fn named(service_name: Option<&str>) -> Option<String> {
        let cluster = Cluster {
            name: "c".into(),
            alt_stat_name: "other fields are skipped".into(),
            eds_cluster_config: service_name.map(|name| EdsClusterConfig {
                service_name: name.into(),
                ..EdsClusterConfig::default()
            }),
            ..Cluster::default()
        };
        let body = cluster.encode_to_vec();
        endpoints_of(&Resource::new(ResourceType::Cluster, "c", body, Version(0)))
    }

    #[test]
    fn is_the_service_name_or_the_cluster() {
        assert_eq!(named(None), None);
        assert_eq!(named(Some("")), Some("c".into()));
        assert_eq!(named(Some("base")), Some("base".into()));
    }
}
