// SPDX-License-Identifier: Apache-2.0
//! What the workers share about one cluster.
//!
//! In: requests and connections coming and going. Out: circuit breaker verdicts, valid across all
//! workers, and host numbers for the admin API.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use super::{HealthBoard, Tables};
use crate::{
    plan::{Priority, Thresholds},
    stats::{BreakerStats, HostStats},
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

/// The budgets of one priority.
#[derive(Debug)]
pub(crate) struct Budgets {
    /// Connections.
    pub(crate) connections: Budget,
    /// Requests that wait for a connection.
    pub(crate) pending: Budget,
    /// Requests on a connection.
    pub(crate) requests: Budget,
    /// Gauges.
    pub(crate) stats: Arc<BreakerStats>,
}

/// A counted limit.
#[derive(Debug)]
pub(crate) struct Budget {
    used: AtomicU32,
    limit: u32,
}

impl Budget {
    fn new(limit: u32) -> Self {
        Self {
            used: AtomicU32::new(0),
            limit,
        }
    }

    /// Takes one, unless the limit is reached.
    pub(crate) fn try_take(&self) -> bool {
        let before = self.used.fetch_add(1, Relaxed);
        let fits = before < self.limit;
        if !fits {
            self.used.fetch_sub(1, Relaxed);
        }
        fits
    }

    /// Takes one even beyond the limit.
    pub(crate) fn take(&self) {
        self.used.fetch_add(1, Relaxed);
    }

    /// Gives one back.
    pub(crate) fn give(&self) {
        self.used.fetch_sub(1, Relaxed);
    }

    /// 1 when the limit is reached.
    pub(crate) fn open(&self) -> i64 {
        i64::from(self.used.load(Relaxed) >= self.limit)
    }
}

impl ClusterShared {
    /// Fresh budgets.
    pub(crate) fn new(thresholds: [Thresholds; 2], health: Arc<HealthBoard>) -> Self {
        Self {
            budgets: thresholds.map(|limits| Budgets {
                connections: Budget::new(limits.connections),
                pending: Budget::new(limits.pending),
                requests: Budget::new(limits.requests),
                stats: Arc::default(),
            }),
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
