// SPDX-License-Identifier: Apache-2.0
//! Access logs of connections: those of listeners, and of proxies of bytes.
//!
//! In: what became of a connection. Out: its line.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use tokio::time::Instant;

use super::{AccessLogs, Kind};
use crate::{
    cluster::Host,
    route::{Facts, Protocol, Upstream, Wire},
    tls::TlsFacts,
};

/// What is known of a connection when it is over.
#[derive(Default)]
pub(crate) struct Account {
    /// Since when there is a connection.
    pub(crate) since: Option<Instant>,
    /// Which one it is.
    pub(crate) number: u64,
    /// The client.
    pub(crate) peer: Option<SocketAddr>,
    /// Our end.
    pub(crate) local: Option<SocketAddr>,
    /// What it spoke, if that was HTTP.
    pub(crate) protocol: Option<Protocol>,
    /// What its TLS came to.
    pub(crate) tls: Option<Arc<TlsFacts>>,
    /// The name that it asked for, where TLS did not end here.
    pub(crate) server_name: Option<Box<str>>,
    /// Why TLS failed.
    pub(crate) tls_failure: &'static str,
    /// Why it ended before its time.
    pub(crate) termination: &'static str,
    /// Bytes from the client, without TLS.
    pub(crate) received: u64,
    /// Bytes to the client, without TLS.
    pub(crate) sent: u64,
    /// The cluster that was picked.
    pub(crate) cluster: Option<Arc<str>>,
    /// The host that was picked.
    pub(crate) host: Option<Rc<Host>>,
    /// Our end of a connection to it that was there; `Some(None)` where that is not kept.
    pub(crate) upstream: Option<Option<SocketAddr>>,
    /// How many connections to hosts were tried.
    pub(crate) attempts: u32,
    /// Why there is no connection to the host.
    pub(crate) transport_failure: &'static str,
    /// `%RESPONSE_FLAGS%`.
    pub(crate) flags: &'static str,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: &'static str,
}

impl Account {
    /// Logs the connection.
    pub(crate) fn write(&self, logs: &AccessLogs, kind: Kind) {
        if logs.is_empty() {
            return;
        }
        let tls = self.tls.as_deref();
        let name = tls.and_then(|tls| tls.server_name.as_deref());
        let endpoint = self
            .host
            .as_ref()
            .map(|host| host.endpoint.borrow().clone());
        // Requests have counts of their own.
        let wire = match self.protocol {
            Some(_) => Wire::default(),
            None => Wire {
                received: self.received,
                sent: self.sent,
            },
        };
        logs.write(
            &Facts {
                client: self.peer,
                peer: self.peer,
                local: self.local,
                protocol: self.protocol,
                age: self.since.map_or_else(Default::default, |at| at.elapsed()),
                connection: Some(self.number),
                server_name: name.or(self.server_name.as_deref()),
                tls_version: tls.and_then(|tls| tls.version),
                tls_failure: Some(self.tls_failure),
                cluster: self.cluster.as_deref(),
                host: self.host.as_ref().map(|host| host.address),
                host_name: endpoint.as_ref().map(|endpoint| endpoint.hostname.as_str()),
                upstream: self.upstream.map(|local| Upstream {
                    local,
                    protocol: None,
                }),
                attempts: self.attempts,
                transport_failure: self.transport_failure,
                termination: self.termination,
                downstream_wire: Some(wire),
                upstream_wire: Some(Wire {
                    received: wire.sent,
                    sent: wire.received,
                }),
                received: self.received,
                sent: self.sent,
                flags: self.flags,
                details: self.details,
                ..Facts::default()
            },
            kind,
        );
    }
}
