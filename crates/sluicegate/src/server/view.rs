// SPDX-License-Identifier: Apache-2.0
//! What the parts of a running gateway share with those that show it.
//!
//! In: handles of the parts. Out: facts for status and the admin API.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use sluicegate_dataplane::{DataPlane, State};
use sluicegate_snapshot::Subscriber;
use sluicegate_stats::Registry;
use sluicegate_status::{Addresses, ObjectStatus, Runtime};
use sluicegate_translate::names;
use sluicegate_xds::pb::envoy::{
    admin::v3::Listeners,
    config::core::v3::{Address, address, socket_address::PortSpecifier},
};
use sluicegate_xds_client::Client;

use super::{Logs, addressing::Assigner, control::Rounds, fleet};
use crate::{
    operator::numbers::Samples,
    pipeline::{self, Round},
};

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
    /// Numbers of clusters some seconds ago.
    pub(super) samples: Samples,
    /// The round before an API server has shown everything.
    pub(super) nothing: Option<Arc<Round>>,
    /// Gives Gateways their addresses, if the data plane's are not theirs.
    pub(super) assigner: Option<Assigner>,
}

impl Shared {
    /// Whether this process does its work: a data plane that carries nothing is live at once, but
    /// Envoys would be sent away as long as an API server has not shown everything.
    pub(super) fn state(&self) -> State {
        let rounds = self.rounds.load();
        match &self.nothing {
            Some(nothing) if Arc::ptr_eq(nothing, &rounds) => State::PreInitializing,
            _ => self.data_plane.state(),
        }
    }

    /// The status of every object, with what the data plane reports.
    pub(super) fn statuses(&self) -> Vec<ObjectStatus> {
        let round = self.rounds.load();
        self.statuses_of(&round, &self.runtime(&round))
    }

    /// The status of every policy, with what the data plane reports.
    pub(super) fn policy_statuses(&self, round: &Round) -> Vec<ObjectStatus> {
        let options = self.status_options();
        round
            .status(&options, Some(&self.runtime(round)))
            .policies()
    }

    /// The status of every object of a round.
    pub(super) fn statuses_of(&self, round: &Round, runtime: &Runtime) -> Vec<ObjectStatus> {
        let options = self.status_options();
        round.status(&options, Some(runtime)).statuses()
    }

    fn status_options(&self) -> sluicegate_status::Options {
        sluicegate_status::Options {
            controller_names: self.options.attach.controller_names.clone(),
            ..sluicegate_status::Options::default()
        }
    }

    /// What only the running planes know.
    pub(super) fn runtime(&self, round: &Round) -> Runtime {
        let report = self.data_plane.reports();
        let bind_errors = report.binds.iter().filter_map(|error| {
            let at = names::listen_address(&error.listener)?;
            let message = format!("binding {}: {}", error.address, error.message);
            Some((at, message))
        });
        let refused = self
            .ads
            .as_ref()
            .map(|server| fleet::refused(server.ledger(), round));
        let refused = refused.unwrap_or_default();
        Runtime {
            bind_errors: bind_errors.collect(),
            addresses: self.addresses(round),
            refused_backends: refused.backends,
            refused_ports: refused.ports,
            refused_traffic_policies: refused.traffic_policies,
        }
    }
}

impl Shared {
    fn addresses(&self, round: &Round) -> Addresses {
        if let Some(assigner) = &self.assigner {
            return Addresses::Assigned(assigner.assignments(round));
        }
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
