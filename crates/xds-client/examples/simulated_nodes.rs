// SPDX-License-Identifier: Apache-2.0
//! Nodes of a fleet without proxies behind them, for `bench/fleet.py`.
//!
//! In: `simulated_nodes BOOTSTRAP COUNT`: a bootstrap of `sluicegate bootstrap`, whose node and
//! server are taken. Out: streams that accept everything, until the process is killed; a line for
//! each snapshot that a node has.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use sluicegate_snapshot::{ResourceType, Snapshot};
use sluicegate_xds::{
    json,
    pb::envoy::config::{
        bootstrap::v3::Bootstrap, core::v3::Node, core::v3::api_config_source::ApiType,
    },
};
use sluicegate_xds_client::{Client, Judge, Options, Server, Variant};

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().context("no bootstrap")?;
    let count: usize = arguments.next().context("no count")?.parse()?;
    let bootstrap: Bootstrap = json::from_str(&std::fs::read_to_string(path)?)?;
    let dynamic = bootstrap.dynamic_resources.context("nothing is dynamic")?;
    let variant = match dynamic.ads_config.context("no ADS")?.api_type() {
        ApiType::DeltaGrpc => Variant::Delta,
        _ => Variant::StateOfTheWorld,
    };
    let clusters = bootstrap.static_resources.unwrap_or_default().clusters;
    let server = Server::of_cluster(clusters.first().context("no server")?)?;
    let node = bootstrap.node.context("no node")?;
    let mut nodes = Vec::new();
    for number in 0..count {
        let (publisher, mut subscriber) = sluicegate_snapshot::channel();
        let id = format!("{}-{number}", node.id);
        let options = Options {
            server: server.clone(),
            node: Node { id, ..node.clone() },
            node_in_every_request: true,
            variant,
            static_resources: Arc::new(Snapshot::default()),
            judge: Judge(Arc::new(|_| Ok(()))),
            initial_fetch_timeout: Duration::from_secs(300),
        };
        nodes.push(Client::start(options, publisher, &Default::default()));
        tokio::spawn(async move {
            while let Some(snapshot) = subscriber.changed().await {
                let count = |kind| snapshot.resources(kind).len();
                println!(
                    "{number} {} {}",
                    count(ResourceType::Cluster),
                    count(ResourceType::Endpoint)
                );
            }
        });
    }
    std::future::pending().await
}
