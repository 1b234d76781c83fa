// SPDX-License-Identifier: Apache-2.0
//! What the parts of a running gateway share with those that show it.
//!
//! In: handles of the parts. Out: facts for status and the admin API.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use sluicegate_dataplane::DataPlane;
use sluicegate_snapshot::Subscriber;
use sluicegate_stats::Registry;
use sluicegate_status::{Addresses, ObjectStatus, Runtime};
use sluicegate_xds::pb::envoy::{
    admin::v3::Listeners,
    config::core::v3::{Address, address, socket_address::PortSpecifier},
};
use sluicegate_xds_client::Client;

use super::{Logs, control::Rounds, fleet};
use crate::pipeline::{self, Round};

pub(super) struct Shared {
    pub(super) rounds: Rounds,
    pub(super) data_plane: DataPlane,
    pub(super) subscriber: Subscriber,
    pub(super) registry: Registry,
    pub(super) logs: Logs,
    pub(super) options: pipeline::Options,
    pub(super) started: Instant,
    pub(super) ads: Option<sluicegate_ads::Server>,
    /// Takes resources from a management server, when there is one.
    pub(super) client: Option<Arc<Client>>,
    /// What the data plane of this process carries out.
    pub(super) enforced: Subscriber,
    /// Whether that is what is published.
    pub(super) carries_traffic: bool,
}

impl Shared {
    /// The status of every object, with what the data plane reports.
    pub(super) fn statuses(&self) -> Vec<ObjectStatus> {
        let round = self.rounds.load();
        self.statuses_of(&round, &self.runtime(&round))
    }

    /// The status of every object of a round.
    pub(super) fn statuses_of(&self, round: &Round, runtime: &Runtime) -> Vec<ObjectStatus> {
        let options = sluicegate_status::Options {
            controller_names: self.options.attach.controller_names.clone(),
            ..sluicegate_status::Options::default()
        };
        sluicegate_status::statuses(&round.store, &round.graph, &options, Some(runtime))
    }

    /// What only the running planes know.
    pub(super) fn runtime(&self, round: &Round) -> Runtime {
        let report = self.data_plane.reports();
        let bind_errors = report.binds.iter().map(|error| {
            (
                error.address.port(),
                format!("binding {}: {}", error.address, error.message),
            )
        });
        let refused = self
            .ads
            .as_ref()
            .map(|server| fleet::refused(server.ledger(), round));
        let refused = refused.unwrap_or_default();
        Runtime {
            bind_errors: bind_errors.collect(),
            addresses: self.addresses(),
            refused_backends: refused.backends,
            refused_ports: refused.ports,
            refused_traffic_policies: refused.traffic_policies,
        }
    }
}

impl Shared {
    fn addresses(&self) -> Addresses {
        if let (Some(server), false) = (&self.ads, self.carries_traffic) {
            return Addresses::Fleet(fleet::addresses(server.ledger()));
        }
        let mut addresses: Vec<String> = addresses(&self.data_plane.listeners())
            .iter()
            .map(|address| address.ip().to_string())
            .collect();
        addresses.sort();
        addresses.dedup();
        Addresses::DataPlane(addresses)
    }
}

/// The socket addresses in an answer of `/listeners`.
pub(super) fn addresses(listeners: &Listeners) -> Vec<SocketAddr> {
    let statuses = listeners.listener_statuses.iter();
    statuses
        .filter_map(|status| socket_address(status.local_address.as_ref()?))
        .collect()
}

fn socket_address(address: &Address) -> Option<SocketAddr> {
    let Some(address::Address::SocketAddress(socket)) = &address.address else {
        return None;
    };
    let Some(PortSpecifier::PortValue(port)) = socket.port_specifier else {
        return None;
    };
    Some(SocketAddr::new(
        socket.address.parse().ok()?,
        u16::try_from(port).ok()?,
    ))
}
