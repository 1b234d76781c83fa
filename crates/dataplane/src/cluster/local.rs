// SPDX-License-Identifier: Apache-2.0
//! A cluster on one worker.
//!
//! In: a compiled cluster, and endpoint changes. Out: hosts, picked by priority and balancer. Made
//! at the first request to the cluster.

use std::{cell::RefCell, collections::HashMap, net::SocketAddr, rc::Rc, sync::Arc};

use super::{ClusterShared, Host};
use crate::{
    balance::{Availability, RoundRobin, shares},
    plan::{ClusterConfig, ClusterPlan, Endpoints, Health},
    stats::{ClusterStats, SslStats},
};

/// A cluster on one worker.
#[derive(Debug)]
pub(crate) struct LocalCluster {
    /// Its settings.
    pub(crate) config: Arc<ClusterConfig>,
    /// Its budgets, shared with the other workers.
    pub(crate) shared: Arc<ClusterShared>,
    /// Its numbers on this worker.
    pub(crate) stats: Arc<ClusterStats>,
    ssl_stats: Option<Arc<SslStats>>,
    members: RefCell<Members>,
}

/// The hosts and how load is spread over them.
#[derive(Debug, Default)]
struct Members {
    endpoints: Arc<Endpoints>,
    hosts: Vec<Rc<Host>>,
    groups: Vec<Group>,
}

/// Hosts that are balanced among themselves, with their share of the load.
#[derive(Debug)]
struct Group {
    percent: u32,
    panic: bool,
    /// Positions in `Members::hosts`.
    members: Vec<usize>,
    balancer: RoundRobin,
}

impl LocalCluster {
    /// A cluster whose hosts have no connections yet.
    pub(crate) fn new(
        plan: &ClusterPlan,
        stats: Arc<ClusterStats>,
        ssl_stats: Option<Arc<SslStats>>,
    ) -> Self {
        let cluster = Self {
            config: plan.config.clone(),
            shared: plan.shared.clone(),
            stats,
            ssl_stats,
            members: RefCell::default(),
        };
        cluster.update(&plan.endpoints);
        cluster
    }

    /// Takes over new endpoints. Hosts that stay keep their connections.
    pub(crate) fn update(&self, endpoints: &Arc<Endpoints>) {
        let mut members = self.members.borrow_mut();
        if Arc::ptr_eq(&members.endpoints, endpoints) && !members.hosts.is_empty() {
            return;
        }
        let mut before: HashMap<SocketAddr, Rc<Host>> = members
            .hosts
            .drain(..)
            .map(|host| (host.address, host))
            .collect();
        members.endpoints = endpoints.clone();
        for endpoint in &endpoints.endpoints {
            let host = match before.remove(&endpoint.address) {
                Some(host) => {
                    *host.endpoint.borrow_mut() = endpoint.clone();
                    host
                }
                None => Rc::new(Host::new(
                    endpoint.clone(),
                    self.config.clone(),
                    self.shared.clone(),
                    self.stats.clone(),
                    self.ssl_stats.clone(),
                )),
            };
            members.hosts.push(host);
        }
        before.values().for_each(|host| host.retire());
        members.groups = groups(endpoints);
    }

    /// The next host, by priority, then round robin.
    pub(crate) fn pick(&self) -> Option<Rc<Host>> {
        let mut members = self.members.borrow_mut();
        let members = &mut *members;
        let group = match members.groups.as_mut_slice() {
            [only] => only,
            groups => {
                let mut at = fastrand::u32(..100);
                groups.iter_mut().find(|group| {
                    let hit = at < group.percent;
                    at = at.saturating_sub(group.percent);
                    hit
                })?
            }
        };
        if group.panic {
            self.stats.lb_healthy_panic.inc();
        }
        let position = group.balancer.pick()?;
        members.hosts.get(*group.members.get(position)?).cloned()
    }

    /// Hosts with their pools.
    pub(crate) fn for_each_host(&self, mut visit: impl FnMut(&Rc<Host>)) {
        self.members.borrow().hosts.iter().for_each(&mut visit);
    }

    /// Takes the cluster out of use.
    pub(crate) fn retire(&self) {
        self.for_each_host(|host| host.retire());
    }
}

/// Groups that take load: healthy hosts of each priority first, then degraded ones.
fn groups(endpoints: &Endpoints) -> Vec<Group> {
    let all = &endpoints.endpoints;
    let levels = all
        .iter()
        .map(|e| e.priority as usize + 1)
        .max()
        .unwrap_or(0);
    let mut counts = vec![Availability::default(); levels];
    for endpoint in all {
        let level = &mut counts[endpoint.priority as usize];
        level.total += 1;
        level.healthy += u32::from(endpoint.health == Health::Healthy);
        level.degraded += u32::from(endpoint.health == Health::Degraded);
    }
    let shares = shares(&counts, endpoints.overprovisioning, PANIC_THRESHOLD);
    let members = |priority: usize, fits: &dyn Fn(Health) -> bool| -> Vec<usize> {
        let at_level = |(_, e): &(usize, &Arc<crate::plan::Endpoint>)| {
            e.priority as usize == priority && fits(e.health)
        };
        all.iter()
            .enumerate()
            .filter(at_level)
            .map(|(at, _)| at)
            .collect()
    };
    let group = |percent: u32, panic: bool, members: Vec<usize>| {
        let weights: Vec<u32> = members.iter().map(|at| all[*at].weight).collect();
        Group {
            percent,
            panic,
            members,
            balancer: RoundRobin::new(&weights, fastrand::usize(..1 << 16)),
        }
    };
    let mut groups = Vec::new();
    for (priority, share) in shares.iter().enumerate() {
        if share.healthy > 0 {
            let fits = |health| share.panic || health == Health::Healthy;
            groups.push(group(share.healthy, share.panic, members(priority, &fits)));
        }
    }
    for (priority, share) in shares.iter().enumerate() {
        if share.degraded > 0 {
            let fits = |health| health == Health::Degraded;
            groups.push(group(share.degraded, false, members(priority, &fits)));
        }
    }
    groups
}

/// Envoy default, percent.
const PANIC_THRESHOLD: u32 = 50;
