// SPDX-License-Identifier: Apache-2.0
//! Our ADS in a thread of the test.
//!
//! In: resources. Out: a server for one Envoy, and what that Envoy said to them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use sluicegate_ads::{Catalog, Ledger, Options, Publisher, Server, channel};
use sluicegate_snapshot::{ResourceType, Snapshot};
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::config::cluster::v3::Cluster;
use tokio::sync::oneshot;

use super::{Resources, marker};

/// The Gateway of every test.
pub(super) const GATEWAY: &str = "default/peer";

/// A server; it ends when this is dropped.
pub(super) struct Ads {
    publisher: Publisher,
    address: SocketAddr,
    ledger: Ledger,
    published: AtomicU64,
    /// A cluster of the bootstrap: only its endpoints are served.
    without: Option<String>,
    _stop: oneshot::Sender<()>,
}

impl Ads {
    pub(super) fn start(without: Option<String>) -> Self {
        let (publisher, subscriber) = channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (to, from) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let options = Options {
                    address: SocketAddr::from(([127, 0, 0, 1], 0)),
                    tls: None,
                    wait_for_address: false,
                };
                let registry = Registry::default();
                let server = Server::start(options, subscriber, &registry);
                let server = server.await.unwrap();
                to.send((server.address(), server.ledger().clone()))
                    .unwrap();
                let _ = stopped.await;
            });
        });
        let (address, ledger) = from.recv().unwrap();
        Self {
            publisher,
            address,
            ledger,
            published: AtomicU64::new(0),
            without,
            _stop: stop,
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn publish(&self, resources: &Resources) -> Arc<Snapshot> {
        let number = self.published.fetch_add(1, SeqCst) + 1;
        let mut resources = resources.clone();
        let without = self.without.as_ref();
        let is_served = |it: &mut Cluster| Some(&it.name) != without;
        let taken: Vec<Cluster> = resources
            .clusters
            .extract_if(.., |it| !is_served(it))
            .collect();
        let endpoints = taken.into_iter().filter_map(|it| it.load_assignment);
        resources.endpoints.extend(endpoints);
        let snapshot = resources.snapshot_with(marker(number));
        let catalog = Catalog::from([(GATEWAY.parse().unwrap(), snapshot.clone())]);
        self.publisher.publish(catalog);
        snapshot
    }

    /// Changes whenever something was sent or answered.
    pub(super) fn progress(&self) -> String {
        let nodes = self.ledger.nodes();
        let types = nodes.iter().map(|node| &node.types);
        let times = types
            .flatten()
            .map(|it| (it.names, &it.sent, &it.accepted, it.nacks));
        format!("{:?}", times.collect::<Vec<_>>())
    }

    /// What Envoy refuses.
    pub(super) fn refusals(&self) -> Vec<(ResourceType, String)> {
        let refusals = self.ledger.refusals().into_iter();
        refusals
            .map(|it| (it.resource_type, it.name.to_string()))
            .collect()
    }
}
