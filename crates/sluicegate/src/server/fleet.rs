// SPDX-License-Identifier: Apache-2.0
//! The fleet: Envoys that take their configuration from this process.
//!
//! In: rounds. Out: the snapshot of each Gateway, served over ADS.

use std::{fmt, sync::Arc};

use sluicegate_ads::{Catalog, GatewayName, Publisher, StartError};
use sluicegate_snapshot::{Builder, Snapshot};
use sluicegate_stats::Registry;

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

/// Starts the ADS server, if one is asked for.
pub(super) async fn start(
    config: &Config,
    registry: &Registry,
) -> Result<(Option<Fleet>, Option<sluicegate_ads::Server>), Failure> {
    let Some(options) = &config.ads else {
        return Ok((None, None));
    };
    let (publisher, subscriber) = sluicegate_ads::channel();
    let server = sluicegate_ads::Server::start(options.clone(), subscriber, registry);
    let server = server.await.map_err(|error| match error {
        // What was asked for does not fit together.
        StartError::Tls(sluicegate_ads::TlsError::Plain(_)) => Failure::Usage(error.to_string()),
        other => Failure::Environment(other.into()),
    })?;
    let tamper = config.tamper.clone();
    Ok((Some(Fleet { publisher, tamper }), Some(server)))
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
