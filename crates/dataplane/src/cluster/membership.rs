// SPDX-License-Identifier: Apache-2.0
//! Numbers about clusters that do not come from traffic: membership and circuit breaker gauges.
//!
//! In: plans, on the control side. Out: groups in the registry.

use std::{collections::HashMap, sync::Arc};

use sluicegate_stats::Registry;

use super::{ClusterShared, Usable};
use crate::{
    balance::Policy,
    plan::{ClusterPlan, Discovery, Endpoints, Plan, Priority},
    stats::{ManagerStats, MembershipStats},
};

/// Follows plans.
pub(crate) struct Membership {
    registry: Registry,
    clusters: HashMap<Arc<str>, Followed>,
    manager: Arc<ManagerStats>,
}

struct Followed {
    shared: Arc<ClusterShared>,
    endpoints: Arc<Endpoints>,
    /// Its endpoints are names.
    looked_up: bool,
    stats: Arc<MembershipStats>,
}

impl Membership {
    /// Follows nothing yet.
    pub(crate) fn new(registry: Registry) -> Self {
        let manager = Arc::<ManagerStats>::default();
        registry.register("", &manager);
        Self {
            registry,
            clusters: HashMap::new(),
            manager,
        }
    }

    /// A snapshot came; of it, resources were `refused` or not.
    pub(crate) fn updated(&self, refused: bool) {
        let manager = &self.manager;
        manager.cds_update_attempt.inc();
        if refused {
            manager.cds_update_rejected.inc();
        } else {
            manager.cds_update_success.inc();
        }
    }

    /// Brings the numbers in line with a plan; `warming` clusters are not in it yet.
    pub(crate) fn follow(&mut self, plan: &Plan, warming: usize) {
        let before = self.clusters.len();
        let mut old = std::mem::take(&mut self.clusters);
        let mut added = 0;
        for cluster in plan.clusters.iter().flatten() {
            let name = cluster.config.name.clone();
            let followed = match old.remove(&name) {
                Some(followed) => self.update(followed, cluster),
                None => {
                    added += 1;
                    self.begin(cluster)
                }
            };
            self.clusters.insert(name, followed);
        }
        let manager = &self.manager;
        manager.cluster_added.add(added);
        manager.cluster_removed.add(old.len() as u64);
        manager.active_clusters.set(to_gauge(self.clusters.len()));
        manager.warming_clusters.set(to_gauge(warming));
        manager.listeners_active.set(to_gauge(plan.listeners.len()));
        tracing::debug!(before, after = self.clusters.len(), "clusters");
    }

    /// Health of a cluster's hosts may have changed.
    pub(crate) fn recount(&self, cluster: &str) {
        if let Some(followed) = self.clusters.get(cluster) {
            followed.count_health();
        }
    }

    fn begin(&self, cluster: &ClusterPlan) -> Followed {
        let stats = Arc::<MembershipStats>::default();
        let prefix = format!("cluster.{}.", cluster.config.stat_name);
        self.registry.register(&prefix, &stats);
        self.register_shared(&prefix, cluster);
        let followed = Followed {
            shared: cluster.shared.clone(),
            endpoints: cluster.endpoints.clone(),
            looked_up: matches!(cluster.config.discovery, Discovery::Dns(..)),
            stats,
        };
        if !cluster.endpoints.endpoints.is_empty() {
            followed.stats.membership_change.inc();
        }
        followed.count();
        followed
    }

    fn update(&self, mut followed: Followed, cluster: &ClusterPlan) -> Followed {
        if !Arc::ptr_eq(&followed.shared, &cluster.shared) {
            let prefix = format!("cluster.{}.", cluster.config.stat_name);
            self.register_shared(&prefix, cluster);
            followed.shared = cluster.shared.clone();
            self.manager.cluster_modified.inc();
        }
        if !Arc::ptr_eq(&followed.endpoints, &cluster.endpoints) {
            followed.stats.membership_change.inc();
            followed.endpoints = cluster.endpoints.clone();
            followed.count();
        }
        followed
    }

    fn register_shared(&self, prefix: &str, cluster: &ClusterPlan) {
        let shared = &cluster.shared;
        let tables = &shared.tables;
        match cluster.config.balancing.policy {
            Policy::RingHash(_) => {
                let prefix = format!("{prefix}ring_hash_lb.");
                self.registry.register(&prefix, &tables.ring);
            }
            Policy::Maglev(_) => {
                let prefix = format!("{prefix}maglev_lb.");
                self.registry.register(&prefix, &tables.maglev);
            }
            Policy::LeastRequest(..) | Policy::Random | Policy::RoundRobin(_) => {}
        }
        for (priority, name) in [(Priority::Default, "default"), (Priority::High, "high")] {
            let prefix = format!("{prefix}circuit_breakers.{name}.");
            let budgets = shared.budgets(priority);
            self.registry.register(&prefix, &budgets.stats);
            if let Some(remaining) = &budgets.remaining {
                self.registry.register(&prefix, remaining);
            }
        }
    }
}

impl Followed {
    fn count(&self) {
        let all = &self.endpoints.endpoints;
        let stats = &self.stats;
        stats.membership_total.set(to_gauge(all.len()));
        self.count_health();
        if self.looked_up {
            // Its resolver counts the updates.
            return;
        }
        stats.update_attempt.inc();
        stats.update_success.inc();
        if all.is_empty() {
            stats.update_empty.inc();
        }
    }
}

impl Followed {
    fn count_health(&self) {
        let board = &self.shared.health;
        let (mut healthy, mut degraded, mut excluded) = (0, 0, 0);
        for endpoint in &self.endpoints.endpoints {
            let host = board.host(endpoint.address);
            match host.usable(endpoint.health) {
                Usable::Degraded => degraded += 1,
                Usable::Healthy => healthy += 1,
                Usable::No => {}
            }
            excluded += i64::from(host.excluded());
        }
        self.stats.membership_healthy.set(healthy);
        self.stats.membership_degraded.set(degraded);
        self.stats.membership_excluded.set(excluded);
    }
}

fn to_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
