// SPDX-License-Identifier: Apache-2.0
//! A cluster on one worker.
//!
//! In: a compiled cluster, changes of endpoints and of health. Out: hosts, picked by priority,
//! locality and balancer. Made at the first request to the cluster.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;

use super::{
    Admission, ClusterShared, Host, Zone,
    groups::{Group, Member, Source},
};
use crate::{
    balance::{Overrides, Pick, PreviousPriorities},
    plan::{ClusterConfig, ClusterPlan, Endpoints},
    retry::select_host,
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
    /// Who is turned away, where the cluster does that.
    pub(crate) admission: Option<Admission>,
    members: RefCell<Members>,
    /// Where we are ourselves.
    zone: RefCell<Option<Zone>>,
    /// The generations of the health boards that `members` stands for: its own, the zone's.
    generation: Cell<[u64; 2]>,
}

/// How the host of a retry is looked for.
pub(crate) struct Again<'a> {
    /// Further selections that try to avoid hosts which were tried.
    pub(crate) max_attempts: u32,
    /// Hosts that the request itself names, less those that were taken.
    pub(crate) overrides: &'a mut Overrides,
    /// Priorities that were tried; they are avoided first.
    pub(crate) priorities: Option<&'a mut PreviousPriorities>,
}

/// The hosts and how load is spread over them.
#[derive(Debug, Default)]
struct Members {
    endpoints: Arc<Endpoints>,
    hosts: Vec<Rc<Host>>,
    groups: Vec<Group>,
    rng: Rng,
}

impl LocalCluster {
    /// A cluster whose hosts have no connections yet.
    pub(crate) fn new(
        plan: &ClusterPlan,
        stats: Arc<ClusterStats>,
        ssl_stats: Option<Arc<SslStats>>,
        admission: Option<Admission>,
        zone: Option<Zone>,
    ) -> Self {
        let cluster = Self {
            config: plan.config.clone(),
            shared: plan.shared.clone(),
            stats,
            ssl_stats,
            admission,
            members: RefCell::default(),
            zone: RefCell::new(zone.filter(|zone| zone.local.config.id != plan.config.id)),
            generation: Cell::default(),
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
        members.endpoints = endpoints.clone();
        self.assemble(&mut members, self.config.host_set.close_connections);
        self.regroup(&mut members);
    }

    /// Takes over where we are ourselves.
    pub(crate) fn set_zone(&self, zone: Option<&Zone>) {
        let zone = zone.filter(|zone| zone.local.config.id != self.config.id);
        let same = match (&*self.zone.borrow(), zone) {
            (Some(old), Some(new)) => old.same(new),
            (old, new) => old.is_none() && new.is_none(),
        };
        if !same {
            *self.zone.borrow_mut() = zone.cloned();
            self.regroup(&mut self.members.borrow_mut());
        }
    }

    /// Makes hosts of the endpoints. Those that stay keep their connections, unless `anew`.
    fn assemble(&self, members: &mut Members, anew: bool) {
        let mut before: HashMap<SocketAddr, Rc<Host>> = members
            .hosts
            .drain(..)
            .map(|host| (host.address, host))
            .collect();
        for endpoint in &members.endpoints.endpoints {
            let kept = (!anew).then(|| before.remove(&endpoint.address)).flatten();
            let host = match kept {
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
    }

    /// Takes over changes of health. Costs an atomic load when there are none. Connections to hosts
    /// that failed are closed.
    pub(crate) fn refresh(&self) {
        if self.generation.get() == self.generations() {
            return;
        }
        let mut members = self.members.borrow_mut();
        if self.config.host_set.close_connections {
            self.assemble(&mut members, true);
        }
        self.regroup(&mut members);
        let failed = members.hosts.iter().filter(|host| host.health.failed());
        failed.for_each(|host| host.pool.close_idle());
    }

    fn generations(&self) -> [u64; 2] {
        let zone = self.zone.borrow();
        let zone = zone.as_ref().map_or(0, Zone::generation);
        [self.shared.health.generation(), zone]
    }

    fn regroup(&self, members: &mut Members) {
        self.generation.set(self.generations());
        let zone = self.zone.borrow();
        let source = self.source(members, zone.as_ref());
        let old = std::mem::take(&mut members.groups);
        members.groups = source.groups(old, &mut members.rng);
    }

    fn source<'a>(&'a self, members: &Members, zone: Option<&'a Zone>) -> Source<'a> {
        Source {
            balancing: &self.config.balancing,
            factor: members.endpoints.overprovisioning,
            zone,
            stats: &self.stats,
            shared: &self.shared,
            hosts: members.hosts.iter().map(|host| Member::new(host)).collect(),
            now: self.shared.health.now(),
        }
    }

    /// A host for a request with this hash: by priority, then by the balancer.
    pub(crate) fn pick(&self, hash: Option<u64>, overrides: &mut Overrides) -> Option<Rc<Host>> {
        self.overriding(overrides).or_else(|| self.select(hash, 0))
    }

    /// A host for a retry, if possible none of those that were `tried`.
    pub(crate) fn pick_again(
        &self,
        hash: Option<u64>,
        again: Again<'_>,
        tried: impl Fn(&Rc<Host>) -> bool,
    ) -> Option<Rc<Host>> {
        let Again {
            max_attempts,
            overrides,
            mut priorities,
        } = again;
        // All selections go by one hash.
        let hashes = self.config.balancing.hashes();
        let hash = hashes.then(|| hash.unwrap_or_else(|| self.members.borrow_mut().rng.u64(..)));
        let select = |attempt| {
            let named = self.overriding(overrides);
            let other = || self.elsewhere(hash, attempt, priorities.as_deref_mut()?);
            let usual = || self.select(hash, attempt);
            named.or_else(other).or_else(usual)
        };
        select_host(max_attempts, select, tried)
    }

    /// The next host that the request itself names, whatever its health, as in Envoy.
    fn overriding(&self, overrides: &mut Overrides) -> Option<Rc<Host>> {
        if overrides.is_empty() {
            return None;
        }
        self.refresh();
        self.shared.health.note_traffic();
        let members = self.members.borrow();
        let find = |address| members.hosts.iter().find(|host| host.address == address);
        overrides.by_ref().find_map(find).cloned()
    }

    /// A host of a priority that was not tried yet; none where the usual load holds.
    fn elsewhere(
        &self,
        hash: Option<u64>,
        attempt: u32,
        priorities: &mut PreviousPriorities,
    ) -> Option<Rc<Host>> {
        self.refresh();
        let mut members = self.members.borrow_mut();
        let mut rng = members.rng.fork();
        let zone = self.zone.borrow();
        let source = self.source(&members, zone.as_ref());
        let levels = source.levels();
        let usual = source.shares(&levels);
        let shares = priorities.shares(&levels, &usual, source.factor)?;
        let mut groups = source.sharing(shares, Vec::new(), &mut rng);
        self.shared.health.note_traffic();
        self.choose(&members.hosts, &mut groups, &mut rng, (hash, attempt))
    }

    fn select(&self, hash: Option<u64>, attempt: u32) -> Option<Rc<Host>> {
        self.refresh();
        self.shared.health.note_traffic();
        let mut members = self.members.borrow_mut();
        let Members {
            hosts, groups, rng, ..
        } = &mut *members;
        self.choose(hosts, groups, rng, (hash, attempt))
    }

    fn choose(
        &self,
        hosts: &[Rc<Host>],
        groups: &mut [Group],
        rng: &mut Rng,
        (hash, attempt): (Option<u64>, u32),
    ) -> Option<Rc<Host>> {
        let balancing = &self.config.balancing;
        // Hashed requests choose their priority by the hash, and what has none draws one for both.
        let hash = balancing
            .hashes()
            .then(|| hash.unwrap_or_else(|| rng.u64(..)));
        let group = match groups {
            [only] => only,
            groups => {
                let drawn = hash.unwrap_or_else(|| rng.u64(..)) % 100;
                let mut at = u32::try_from(drawn).unwrap_or(0);
                groups.iter_mut().find(|group| {
                    let hit = at < group.percent;
                    at = at.saturating_sub(group.percent);
                    hit
                })?
            }
        };
        if group.panic {
            self.stats.lb_healthy_panic.inc();
            if balancing.zone_aware.fail_traffic_on_panic && hash.is_none() {
                return None;
            }
        }
        let now = match balancing.slow_start() {
            Some(_) => self.shared.health.now(),
            None => Duration::ZERO,
        };
        let pick = Pick {
            hash,
            attempt,
            now,
            rng,
        };
        let position = group.pick(pick, &self.stats, |at| hosts[at].health.active_requests())?;
        hosts.get(position).cloned()
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

#[cfg(test)]
mod tests;
