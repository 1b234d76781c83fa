// SPDX-License-Identifier: Apache-2.0
//! What the workers share about one cluster.
//!
//! In: requests and connections coming and going. Out: circuit breaker verdicts, valid across all
//! workers, and host numbers for the admin API.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{HealthBoard, Tables, budgets::Budgets};
use crate::{
    plan::{Priority, Thresholds},
    stats::HostStats,
};

/// Shared state of one cluster configuration.
#[derive(Debug)]
pub(crate) struct ClusterShared {
    budgets: [Budgets; 2],
    hosts: Mutex<HashMap<SocketAddr, Vec<Arc<HostStats>>>>,
    /// Health of the hosts.
    pub(crate) health: Arc<HealthBoard>,
    /// Rings and Maglev tables.
    pub(crate) tables: Tables,
}

impl ClusterShared {
    /// Fresh budgets.
    pub(crate) fn new(thresholds: [Thresholds; 2], health: Arc<HealthBoard>) -> Self {
        Self {
            budgets: thresholds.map(Budgets::new),
            hosts: Mutex::default(),
            health,
            tables: Tables::default(),
        }
    }

    /// The budgets of a priority.
    pub(crate) fn budgets(&self, priority: Priority) -> &Budgets {
        &self.budgets[priority as usize]
    }

    /// New cells for a host on one worker.
    pub(crate) fn host_stats(&self, address: SocketAddr) -> Arc<HostStats> {
        let stats = Arc::<HostStats>::default();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(address).or_default().push(stats.clone());
        stats
    }

    /// All workers' cells of a host.
    pub(crate) fn stats_of(&self, address: SocketAddr) -> Vec<Arc<HostStats>> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.get(&address).cloned().unwrap_or_default()
    }

    /// Connections of a host on all workers, with those being made.
    pub(crate) fn connections_of(&self, address: SocketAddr) -> i64 {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = hosts.get(&address).into_iter().flatten();
        workers.map(|stats| stats.cx_active.get()).sum()
    }

    /// Forgets a host's cells on one worker.
    pub(crate) fn forget(&self, address: SocketAddr, stats: &Arc<HostStats>) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = hosts.get_mut(&address) {
            list.retain(|other| !Arc::ptr_eq(other, stats));
            if list.is_empty() {
                hosts.remove(&address);
            }
        }
    }
}
