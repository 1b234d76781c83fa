// SPDX-License-Identifier: Apache-2.0
//! A host on one worker: an endpoint with its connection pool and its numbers.
//!
//! In: an endpoint. Out: something to check connections out of.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    sync::Arc,
};

use super::{ClusterShared, HostHealth};
use crate::{
    plan::{ClusterConfig, Endpoint},
    pool::Pool,
    stats::{ClusterStats, HostStats, SslStats},
};

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// The endpoint as last configured.
    pub(crate) endpoint: RefCell<Arc<Endpoint>>,
    /// The cluster it belongs to.
    pub(crate) config: Arc<ClusterConfig>,
    /// The cluster's budgets.
    pub(crate) shared: Arc<ClusterShared>,
    /// The cluster's numbers on this worker.
    pub(crate) cluster_stats: Arc<ClusterStats>,
    /// The cluster's TLS numbers on this worker, if it has TLS.
    pub(crate) ssl_stats: Option<Arc<SslStats>>,
    /// Its own numbers on this worker.
    pub(crate) stats: Arc<HostStats>,
    /// Its health, shared with the other workers.
    pub(crate) health: Arc<HostHealth>,
    /// Its connections.
    pub(crate) pool: Pool,
    /// Removed from the configuration: connections are not kept any more.
    pub(crate) removed: Cell<bool>,
}

impl Host {
    /// A host without connections.
    pub(crate) fn new(
        endpoint: Arc<Endpoint>,
        config: Arc<ClusterConfig>,
        shared: Arc<ClusterShared>,
        cluster_stats: Arc<ClusterStats>,
        ssl_stats: Option<Arc<SslStats>>,
    ) -> Self {
        Self {
            address: endpoint.address,
            stats: shared.host_stats(endpoint.address),
            health: shared.health.host(endpoint.address),
            endpoint: RefCell::new(endpoint),
            config,
            shared,
            cluster_stats,
            ssl_stats,
            pool: Pool::default(),
            removed: Cell::new(false),
        }
    }

    /// Takes the host out of use: idle connections close now, busy ones when they are done.
    pub(crate) fn retire(&self) {
        self.removed.set(true);
        self.pool.close_idle();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shared.forget(self.address, &self.stats);
    }
}
