// SPDX-License-Identifier: Apache-2.0
//! The hosts of `tests/vectors/hash_tables.json` against what Envoy 1.40 chose among them.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use serde_json::Value;
use sluicegate_snapshot::{Builder, Resource, ResourceType, Version};
use sluicegate_xds::{json, pb::envoy::config::cluster::v3::Cluster, prost::Message};
use xxhash_rust::xxh64::xxh64;

use super::LocalCluster;
use crate::{
    balance::Overrides,
    plan::{ClusterPlan, Compiler, Discovery, Endpoints},
    resolve::Resolved,
};

/// The cluster as a worker sees it. Names in it are addresses.
fn local(cluster: &Value) -> LocalCluster {
    let cluster: Cluster = json::from_str(&cluster.to_string()).unwrap();
    let mut snapshot = Builder::default();
    snapshot.add(Arc::new(Resource::new(
        ResourceType::Cluster,
        &cluster.name,
        cluster.encode_to_vec(),
        Version(0),
    )));
    let (plan, errors) = Compiler::default().compile(&snapshot.build(), &Resolved::default());
    assert_eq!(errors.len(), 0, "{errors:?}");
    let mut compiled: ClusterPlan = (**plan.clusters[0].as_ref().unwrap()).clone();
    if let Discovery::Dns(assignment, dns) = &compiled.config.discovery {
        let itself = |name: String| {
            let ip: IpAddr = name.parse().unwrap();
            (name.into(), vec![ip])
        };
        let names: HashMap<_, _> = Endpoints::names(assignment)
            .into_iter()
            .map(itself)
            .collect();
        let endpoints = Endpoints::resolve(assignment, &names, dns.single).unwrap();
        compiled.endpoints = Arc::new(endpoints);
    }
    LocalCluster::new(&compiled, Arc::default(), None, None, None)
}

/// Rows 54 and 59. A thousand keys over every set of hosts.
#[test]
fn keys_go_where_envoy_sends_them() {
    let cases: Value = serde_json::from_str(VECTORS).unwrap();
    for case in cases.as_array().unwrap() {
        let cluster = local(&case["cluster"]);
        let mut addresses = Vec::new();
        cluster.for_each_host(|host| addresses.push(host.address));
        let picks: String = (0..1000)
            .map(|key| {
                let hash = xxh64(format!("k{key}").as_bytes(), 0);
                let Some(host) = cluster.pick(Some(hash), &mut Overrides::default()) else {
                    return '-';
                };
                let at = addresses.iter().position(|one| *one == host.address);
                char::from(b'A' + u8::try_from(at.unwrap()).unwrap())
            })
            .collect();
        assert_eq!(case["picks"], *picks, "{}", case["cluster"]);
    }
}

const VECTORS: &str = include_str!("../../../tests/vectors/hash_tables.json");
