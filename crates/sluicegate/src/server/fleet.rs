// SPDX-License-Identifier: Apache-2.0
//! The fleet: Envoys that take their configuration from this process.
//!
//! In: rounds. Out: the snapshot of each Gateway, served over ADS, and what Envoys say to it in terms
//! of the manifests.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
    net::SocketAddr,
    sync::Arc,
};

use sluicegate_ads::{Catalog, GatewayName, Ledger, Publisher, StartError};
use sluicegate_attach::BackendKey;
use sluicegate_resource::ObjectRef;
use sluicegate_snapshot::{Builder, ResourceType, Snapshot};
use sluicegate_stats::Registry;
use sluicegate_translate::{names, secret_names};

use super::Config;
use crate::{failure::Failure, pipeline::Round};

/// Changes a snapshot on its way to Envoys.
#[derive(Clone)]
pub struct Tamper(pub Arc<dyn Fn(&Snapshot) -> Snapshot + Send + Sync>);

impl fmt::Debug for Tamper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tamper")
    }
}

/// The way of rounds to the ADS server.
pub(super) struct Fleet {
    publisher: Publisher,
    tamper: Option<Tamper>,
}

impl Fleet {
    pub(super) fn publish(&self, round: &Round) {
        let gateways = round
            .translation
            .gateways
            .iter()
            .map(|(gateway, snapshot)| {
                let name = GatewayName {
                    namespace: gateway.namespace.to_string(),
                    name: gateway.name.to_string(),
                };
                let snapshot = match &self.tamper {
                    Some(Tamper(change)) => Arc::new(change(snapshot)),
                    None => snapshot.clone(),
                };
                (name, snapshot)
            });
        self.publisher.publish(gateways.collect::<Catalog>());
    }
}

/// Starts the ADS server, if one is asked for. A process that `replaces` another one waits for its
/// address.
pub(super) async fn start(
    config: &Config,
    registry: &Registry,
    replaces: bool,
) -> Result<(Option<Fleet>, Option<sluicegate_ads::Server>), Failure> {
    let Some(options) = &config.ads else {
        return Ok((None, None));
    };
    let (publisher, subscriber) = sluicegate_ads::channel();
    let options = sluicegate_ads::Options {
        wait_for_address: replaces,
        ..options.clone()
    };
    let server = sluicegate_ads::Server::start(options, subscriber, registry);
    let server = server.await.map_err(|error| match error {
        // What was asked for does not fit together.
        StartError::Tls(sluicegate_ads::TlsError::Plain(_)) => Failure::Usage(error.to_string()),
        other => Failure::Environment(other.into()),
    })?;
    let tamper = config.tamper.clone();
    Ok((Some(Fleet { publisher, tamper }), Some(server)))
}

/// What connected Envoys refuse, in their words.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// By backend.
    pub(super) backends: BTreeMap<BackendKey, String>,
    /// By port of a Gateway.
    pub(super) ports: BTreeMap<(ObjectRef, u16), String>,
    /// By the BackendTrafficPolicy whose cluster it is.
    pub(super) traffic_policies: BTreeMap<ObjectRef, String>,
}

/// Turns refusals of resources into refusals of what they were made of.
pub(super) fn refused(ledger: &Ledger, round: &Round) -> Refused {
    let mut refused = Refused::default();
    let Refused {
        backends,
        ports,
        traffic_policies,
    } = &mut refused;
    let refusals = ledger.refusals();
    if refusals.is_empty() {
        return refused;
    }
    let keys = round.graph.backends.keys();
    let clusters: BTreeMap<String, &BackendKey> =
        keys.map(|key| (names::cluster(key), key)).collect();
    for refusal in refusals {
        let words = format!(
            "Envoy {} refuses {} {}: {}",
            refusal.node,
            kind(refusal.resource_type),
            refusal.name,
            refusal.text.trim()
        );
        match refusal.resource_type {
            ResourceType::Cluster | ResourceType::Endpoint => {
                if let Some(key) = clusters.get(&*refusal.name) {
                    add(backends.entry((*key).clone()), &words);
                } else if let Some(policy) = round.translation.variants.policy(&refusal.name) {
                    add(traffic_policies.entry(policy.clone()), &words);
                }
            }
            ResourceType::Listener | ResourceType::Route => {
                if let Some(at) = names::listen_address(&refusal.name) {
                    let gateway = reference(&refusal.gateway);
                    add(ports.entry((gateway, at.port)), &words);
                }
            }
            ResourceType::Secret => {
                let gateway = reference(&refusal.gateway);
                for port in ports_of(round, &gateway, &refusal.name) {
                    add(ports.entry((gateway.clone(), port)), &words);
                }
            }
        }
    }
    refused
}

/// The ports of a Gateway whose listeners show the certificate of a secret.
fn ports_of(round: &Round, gateway: &ObjectRef, secret: &str) -> BTreeSet<u16> {
    let gateways = round.graph.gateways.iter();
    let listeners = gateways
        .filter(|it| it.object.reference() == gateway)
        .flat_map(|it| &it.listeners);
    listeners
        .filter(|it| secret_names(it).any(|name| name == secret))
        .map(|it| it.at.port)
        .collect()
}

/// Several Envoys say the same; each is told.
fn add<K: Ord>(entry: Entry<'_, K, String>, words: &str) {
    let told = entry.or_default();
    if !told.is_empty() {
        told.push_str("; ");
    }
    told.push_str(words);
}

fn kind(resource_type: ResourceType) -> &'static str {
    resource_type
        .message_name()
        .rsplit('.')
        .next()
        .unwrap_or_default()
}

/// Where connected Envoys are, by the Gateway that they serve.
pub(super) fn addresses(ledger: &Ledger) -> BTreeMap<ObjectRef, Vec<String>> {
    let mut gateways: BTreeMap<ObjectRef, Vec<String>> = BTreeMap::new();
    for node in ledger.nodes() {
        let peer = node.peer.parse::<SocketAddr>();
        if let (true, Ok(peer)) = (node.is_connected(), peer) {
            let addresses = gateways.entry(reference(&node.gateway)).or_default();
            addresses.push(peer.ip().to_canonical().to_string());
        }
    }
    for addresses in gateways.values_mut() {
        addresses.sort();
        addresses.dedup();
    }
    gateways
}

fn reference(gateway: &GatewayName) -> ObjectRef {
    let group = "gateway.networking.k8s.io";
    ObjectRef::new(group, "Gateway", &gateway.namespace, &gateway.name)
}

/// A snapshot of nothing, for a data plane that carries no traffic. It stays for as long as the
/// publisher does.
pub(super) fn idle() -> (
    sluicegate_snapshot::Publisher,
    sluicegate_snapshot::Subscriber,
) {
    let (publisher, subscriber) = sluicegate_snapshot::channel();
    publisher.publish(Arc::new(Builder::default().build()));
    (publisher, subscriber)
}
