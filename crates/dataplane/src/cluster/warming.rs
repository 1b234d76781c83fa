// SPDX-License-Identifier: Apache-2.0
//! Clusters that warm up while others serve.
//!
//! In: the clusters that a snapshot asks for. Out: the ones to use: a cluster with new settings
//! takes over when its names are resolved and its hosts were checked once; until then the one
//! before it serves. Hosts that were removed stay as long as active checks find them healthy.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use super::Flag;
use crate::plan::{ClusterPlan, Discovery, Endpoint, Endpoints, Health, Plan};

/// All clusters, by name.
#[derive(Debug, Default)]
pub(crate) struct Warming {
    slots: BTreeMap<Arc<str>, Slot>,
}

#[derive(Debug, Default)]
struct Slot {
    serving: Option<Arc<ClusterPlan>>,
    warming: Option<Arc<ClusterPlan>>,
}

impl Warming {
    /// Takes over what is asked for.
    pub(crate) fn follow(&mut self, target: &Plan) {
        let mut old = std::mem::take(&mut self.slots);
        for cluster in target.clusters.iter().flatten() {
            let name = cluster.config.name.clone();
            let slot = old.remove(&name).unwrap_or_default();
            self.slots.insert(name, slot.follow(cluster));
        }
    }

    /// Those that serve and those that warm up.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ClusterPlan>> {
        let slots = self.slots.values();
        slots.flat_map(|slot| slot.serving.iter().chain(&slot.warming))
    }

    /// Lets serve what is warm. Whether there was anything.
    pub(crate) fn promote(&mut self, is_warm: impl Fn(&ClusterPlan) -> bool) -> bool {
        let mut any = false;
        for slot in self.slots.values_mut() {
            if slot.warming.as_ref().is_some_and(|one| is_warm(one)) {
                slot.serving = slot.warming.take();
                any = true;
            }
            if let Some(serving) = &slot.serving {
                serving.shared.health.serve();
            }
        }
        any
    }

    /// `target` with the clusters that serve.
    pub(crate) fn plan(&self, target: &Plan) -> Plan {
        let mut clusters = vec![None; target.clusters.len()];
        for cluster in self.slots.values().filter_map(|slot| slot.serving.as_ref()) {
            clusters[cluster.config.id.index()] = Some(cluster.clone());
        }
        Plan {
            clusters,
            listeners: target.listeners.clone(),
            routes: target.routes.clone(),
            by_name: OnceLock::new(),
        }
    }

    /// Names of those that warm up.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        let warming = |(name, slot): (_, &Slot)| slot.warming.is_some().then_some(name);
        self.slots.iter().filter_map(warming)
    }
}

impl Slot {
    fn follow(self, target: &Arc<ClusterPlan>) -> Self {
        let same = |one: &Arc<ClusterPlan>| Arc::ptr_eq(&one.config, &target.config);
        match self.serving {
            Some(serving) if same(&serving) => Self {
                serving: Some(with_kept(&serving, target)),
                warming: None,
            },
            serving => Self {
                serving: serving.map(|one| with_endpoints_of(one, target)),
                warming: Some(match self.warming {
                    Some(before) if same(&before) => with_kept(&before, target),
                    _ => target.clone(),
                }),
            },
        }
    }
}

/// Endpoints of an assignment concern the cluster before as well, if it is the same assignment.
fn with_endpoints_of(serving: Arc<ClusterPlan>, target: &ClusterPlan) -> Arc<ClusterPlan> {
    match (&serving.config.discovery, &target.config.discovery) {
        (Discovery::Eds(old), Discovery::Eds(new)) if old == new => {
            let next = ClusterPlan {
                endpoints: target.endpoints.clone(),
                ..ClusterPlan::clone(&serving)
            };
            with_kept(&serving, &Arc::new(next))
        }
        _ => serving,
    }
}

/// `next` with the hosts of `before` that stay in spite of their removal.
fn with_kept(before: &ClusterPlan, next: &Arc<ClusterPlan>) -> Arc<ClusterPlan> {
    if !next.config.host_set.keeps_healthy {
        return next.clone();
    }
    let board = &next.shared.health;
    let listed: Vec<SocketAddr> = addresses(&next.endpoints).collect();
    for address in &listed {
        if let Some(host) = board.known(*address) {
            host.set(Flag::PendingDynamicRemoval, false);
        }
    }
    let stays = |endpoint: &&Arc<Endpoint>| {
        let healthy = board
            .known(endpoint.address)
            .filter(|host| !host.has(Flag::FailedActiveHc));
        let stays = !listed.contains(&endpoint.address)
            && !endpoint.checked.disabled
            && endpoint.health != Health::Unhealthy;
        healthy.filter(|_| stays).is_some_and(|host| {
            host.set(Flag::PendingDynamicRemoval, true);
            true
        })
    };
    let all = &before.endpoints.endpoints;
    let kept: Vec<Arc<Endpoint>> = all.iter().filter(stays).cloned().collect();
    if kept.is_empty() {
        return next.clone();
    }
    let merged = next.endpoints.endpoints.iter().chain(&kept).cloned();
    let merged: Vec<Arc<Endpoint>> = merged.collect();
    let same = merged.len() == all.len() && merged.iter().zip(all).all(|(a, b)| Arc::ptr_eq(a, b));
    let endpoints = if same {
        before.endpoints.clone()
    } else {
        Arc::new(Endpoints {
            endpoints: merged,
            overprovisioning: next.endpoints.overprovisioning,
        })
    };
    Arc::new(ClusterPlan {
        endpoints,
        ..ClusterPlan::clone(next)
    })
}

fn addresses(endpoints: &Endpoints) -> impl Iterator<Item = SocketAddr> {
    endpoints.endpoints.iter().map(|one| one.address)
}
