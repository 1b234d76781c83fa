// SPDX-License-Identifier: Apache-2.0
//! Sockets of a process that is to be replaced.
//!
//! In: its listening sockets, and the first plan. Out: those that the plan needs, not before
//! requests can be answered; the others are closed without losing anybody, for the old process still
//! accepts on them.

use std::{net::SocketAddr, time::Duration};

use socket2::SockRef;
use tokio::time::Instant;

use crate::listen::{ListeningSocket, refuse_new};

/// What is left of the older process.
#[derive(Debug, Default)]
pub(super) struct Inheritance {
    sockets: Vec<ListeningSocket>,
    deadline: Option<Instant>,
}

impl Inheritance {
    /// The sockets of an older process; none, if there is no such process.
    pub(super) fn new(sockets: Vec<ListeningSocket>) -> Self {
        Self {
            sockets,
            ..Self::default()
        }
    }

    /// Sockets are to be opened, at the latest when [`PATIENCE`] is over.
    pub(super) fn wait(&mut self) {
        if !self.sockets.is_empty() {
            self.deadline
                .get_or_insert_with(|| Instant::now() + PATIENCE);
        }
    }

    /// The sockets of an address.
    pub(super) fn claim(
        &mut self,
        configured: SocketAddr,
        address: SocketAddr,
        ipv4_compat: bool,
    ) -> Vec<ListeningSocket> {
        let same = |one: &mut ListeningSocket| {
            let chosen = address.port() == 0 && one.configured == configured;
            let at = chosen && one.bound.ip() == address.ip() || one.bound == address;
            let v6 = SockRef::from(&one.socket).only_v6();
            at && (address.is_ipv4() || v6.is_ok_and(|only| only != ipv4_compat))
        };
        self.sockets.extract_if(.., same).collect()
    }

    /// Has new clients of all other sockets refused soon.
    pub(super) fn renounce(&mut self) {
        self.deadline = None;
        let sockets = std::mem::take(&mut self.sockets);
        for one in &sockets {
            if let Err(error) = refuse_new(&one.socket) {
                tracing::debug!(%error, address = %one.bound, "closed at once");
            }
        }
        if !sockets.is_empty() {
            tokio::spawn(async move {
                tokio::time::sleep(LAST_CALL).await;
                drop(sockets);
            });
        }
    }

    /// Ends when that time has come.
    pub(super) async fn patience(&self) {
        match self.deadline {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

/// Envoy default of `initial_fetch_timeout`.
const PATIENCE: Duration = Duration::from_secs(15);
/// As long as the older process, which sees these connections, goes on accepting.
const LAST_CALL: Duration = Duration::from_millis(100);
