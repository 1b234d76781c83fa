// SPDX-License-Identifier: Apache-2.0
//! From hosts to picks: priority, panic, locality, balancer.
//!
//! In: endpoints with what is known about their health. Out: groups of hosts, each with its share of
//! the load and its balancer. Made again when endpoints or health change, not per request.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use super::{
    ClusterShared, Host, Zone,
    board::{HostHealth, Usable},
    zone::{Upstream, Zones},
};
use crate::{
    balance::{
        Availability, Balancer, HashTable, ListedHost, LocalityHosts, LocalityWeighted, Pick,
        Share, WeighedHost, normalise_hosts, normalise_localities, shares,
    },
    plan::{Balancing, Endpoint},
    stats::ClusterStats,
};

/// Hosts that are balanced among themselves, with their share of the load.
#[derive(Debug)]
pub(super) struct Group {
    priority: u32,
    degraded: bool,
    /// Share of the load.
    pub(super) percent: u32,
    /// Health does not count.
    pub(super) panic: bool,
    localities: Option<LocalityWeighted>,
    zones: Option<Zones>,
    /// One per locality if those count; with zones, then one of all hosts; else one.
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    /// Positions of hosts.
    members: Vec<usize>,
    balancer: Balancer,
}

/// What groups are made of.
pub(super) struct Source<'a> {
    /// How to balance.
    pub(super) balancing: &'a Balancing,
    /// Overprovisioning factor, percent.
    pub(super) factor: u32,
    /// Where we are ourselves.
    pub(super) zone: Option<&'a Zone>,
    /// The cluster's numbers.
    pub(super) stats: &'a ClusterStats,
    /// Keeps tables that workers share.
    pub(super) shared: &'a ClusterShared,
    /// The hosts, in the order of the assignment.
    pub(super) hosts: Vec<Member>,
    /// On the board's clock.
    pub(super) now: Duration,
}

/// One host.
pub(super) struct Member {
    endpoint: Arc<Endpoint>,
    usable: Usable,
    excluded: bool,
    healthy_since: Option<Duration>,
}

impl Member {
    /// As it stands now.
    pub(super) fn new(host: &Host) -> Self {
        let endpoint = host.endpoint.borrow().clone();
        let health: &HostHealth = &host.health;
        Self {
            usable: health.usable(endpoint.health),
            excluded: health.excluded(),
            healthy_since: health.healthy_since(),
            endpoint,
        }
    }
}

impl Group {
    /// A host of this group.
    pub(super) fn pick(
        &mut self,
        pick: Pick<'_>,
        stats: &ClusterStats,
        active: impl Fn(usize) -> u64,
    ) -> Option<usize> {
        let at = match (&mut self.localities, &self.zones) {
            (Some(localities), _) => localities.pick()?,
            (None, Some(zones)) => zones.pick(pick.rng, stats, self.lists.len() - 1)?,
            (None, None) => 0,
        };
        let List { members, balancer } = self.lists.get_mut(at)?;
        let position = balancer.pick(pick, |at| active(members[at]))?;
        members.get(position).copied()
    }
}

impl Source<'_> {
    /// Groups that take load: healthy hosts of each priority first, then degraded ones. Balancers
    /// of `old` go on where they were.
    pub(super) fn groups(&self, old: Vec<Group>, rng: &mut Rng) -> Vec<Group> {
        self.sharing(&self.shares(&self.levels()), old, rng)
    }

    /// The share of each priority.
    pub(super) fn shares(&self, levels: &[Availability]) -> Vec<Share> {
        shares(levels, self.factor, self.balancing.panic_threshold)
    }

    /// The same with these shares.
    pub(super) fn sharing(
        &self,
        shares: &[Share],
        mut old: Vec<Group>,
        rng: &mut Rng,
    ) -> Vec<Group> {
        let numbered = || (0..).zip(shares);
        let healthy = numbered()
            .filter(|(_, share)| share.healthy > 0)
            .map(|(priority, share)| (priority, share.healthy, share.panic, false));
        let degraded = numbered()
            .filter(|(_, share)| share.degraded > 0)
            .map(|(priority, share)| (priority, share.degraded, false, true));
        healthy
            .chain(degraded)
            .map(|(priority, percent, panic, degraded)| {
                let before = old
                    .iter()
                    .position(|group| group.priority == priority && group.degraded == degraded)
                    .map(|at| old.swap_remove(at));
                let group = Group {
                    priority,
                    degraded,
                    percent,
                    panic,
                    localities: None,
                    zones: None,
                    lists: before.map_or_else(Vec::new, |group| group.lists),
                };
                self.fill(group, rng)
            })
            .collect()
    }

    /// Host counts of each priority.
    pub(super) fn levels(&self) -> Vec<Availability> {
        let hosts = &self.hosts;
        let count = hosts.iter().map(|host| host.endpoint.priority as usize + 1);
        let mut levels = vec![Availability::default(); count.max().unwrap_or(0)];
        for host in hosts {
            let level = &mut levels[host.endpoint.priority as usize];
            level.total += 1;
            level.excluded += u32::from(host.excluded);
            level.healthy += u32::from(host.usable == Usable::Healthy);
            level.degraded += u32::from(host.usable == Usable::Degraded);
        }
        levels
    }

    fn fill(&self, mut group: Group, rng: &mut Rng) -> Group {
        // Tables know no degraded hosts: their share goes by the same table.
        let wanted = if group.degraded && !self.balancing.hashes() {
            Usable::Degraded
        } else {
            Usable::Healthy
        };
        let panic = group.panic;
        let fits = |member: &Member| panic || member.usable == wanted;
        let mut before = std::mem::take(&mut group.lists).into_iter();
        if self.balancing.hashes() {
            let list = self.hashed(&group, &fits, before.next(), rng);
            group.lists.push(list);
            return group;
        }
        let localities = self.localities(group.priority);
        if self.balancing.locality_weighted && !group.panic {
            let counts: Vec<LocalityHosts> = localities
                .iter()
                .map(|(_, members)| self.count(members, &fits))
                .collect();
            group.localities = LocalityWeighted::new(&counts, self.factor, rng.usize(..1 << 16));
        }
        let filter = |members: &[usize]| -> Vec<usize> {
            let fitting = members.iter().filter(|at| fits(&self.hosts[**at]));
            fitting.copied().collect()
        };
        if let (Some(zone), false, 0) = (self.zone, group.panic, group.priority) {
            group.zones = self.zones(zone, &localities);
        }
        let mut lists: Vec<Vec<usize>> = Vec::new();
        if group.localities.is_some() || group.zones.is_some() {
            lists.extend(localities.iter().map(|(_, members)| filter(members)));
        }
        if group.localities.is_none() {
            let all: Vec<usize> = self.at(group.priority).collect();
            lists.push(filter(&all));
        }
        for members in lists {
            let list = self.list(members, None, before.next(), rng);
            group.lists.push(list);
        }
        group
    }

    /// Zone aware routing, where localities come with the own one first; none where zones do not
    /// matter.
    fn zones(&self, zone: &Zone, localities: &[(u32, Vec<usize>)]) -> Option<Zones> {
        if self.balancing.locality_weighted {
            return None;
        }
        let healthy = |members: &[usize]| -> Vec<&Endpoint> {
            let members = members.iter().map(|at| &self.hosts[*at]);
            let healthy = members.filter(|host| host.usable == Usable::Healthy);
            healthy.map(|host| &*host.endpoint).collect()
        };
        let healthy = localities.iter().map(|(_, members)| healthy(members));
        let first = localities.first().and_then(|(_, members)| members.first());
        let upstream = Upstream {
            has_local: first.is_some_and(|at| self.is_local(*at)),
            healthy: healthy.collect(),
        };
        Zones::new(zone, self.balancing, &upstream, self.stats)
    }

    fn is_local(&self, at: usize) -> bool {
        let own = self.zone.map(|zone| &*zone.locality);
        own.is_some() && self.hosts[at].endpoint.locality.as_ref() == own
    }

    fn hashed(
        &self,
        group: &Group,
        fits: &dyn Fn(&Member) -> bool,
        before: Option<List>,
        rng: &mut Rng,
    ) -> List {
        let Group {
            priority, panic, ..
        } = *group;
        let (mut members, weights) = if self.balancing.locality_weighted {
            let localities = self.localities(priority).into_iter().map(|(weight, all)| {
                let fitting = all.into_iter().filter(|at| fits(&self.hosts[*at]));
                (weight, fitting.collect::<Vec<usize>>())
            });
            // An empty locality must not take a share with it.
            let taking: Vec<_> = localities
                .filter(|(weight, members)| *weight > 0 && !members.is_empty())
                .collect();
            let weighed: Vec<(u32, Vec<WeighedHost>)> = taking
                .iter()
                .map(|(weight, members)| (*weight, self.weighed(members)))
                .collect();
            let members: Vec<usize> = taking
                .into_iter()
                .flat_map(|(_, members)| members)
                .collect();
            (members, normalise_localities(&weighed))
        } else {
            let members: Vec<usize> = self
                .at(priority)
                .filter(|at| fits(&self.hosts[*at]))
                .collect();
            let weighed = self.weighed(&members);
            (members, normalise_hosts(&weighed))
        };
        if weights.is_empty() {
            members.clear();
        }
        let policy = self.balancing.policy;
        let table = self.shared.tables.share(priority, panic, |before| {
            HashTable::of(policy, weights, before)
        });
        self.list(members, table, before, rng)
    }

    fn list(
        &self,
        members: Vec<usize>,
        table: Option<HashTable>,
        before: Option<List>,
        rng: &mut Rng,
    ) -> List {
        let listed: Arc<[ListedHost]> = members
            .iter()
            .zip(self.weighed(&members))
            .map(|(at, host)| ListedHost {
                host,
                healthy_since: self.hosts[*at].healthy_since,
            })
            .collect();
        let balancer = match before {
            Some(List { mut balancer, .. }) => {
                balancer.update(listed, table, self.now);
                balancer
            }
            None => {
                let seed = rng.usize(..1 << 16);
                Balancer::new(self.balancing.policy, listed, table, seed, self.now)
            }
        };
        List { members, balancer }
    }

    fn weighed(&self, members: &[usize]) -> Vec<WeighedHost> {
        members
            .iter()
            .map(|at| {
                let endpoint = &self.hosts[*at].endpoint;
                WeighedHost {
                    key: endpoint.hash_key(self.balancing.use_hostname),
                    weight: endpoint.weight,
                }
            })
            .collect()
    }

    /// Positions of the hosts of a priority.
    fn at(&self, priority: u32) -> impl Iterator<Item = usize> {
        let hosts = self.hosts.iter().enumerate();
        hosts
            .filter(move |(_, host)| host.endpoint.priority == priority)
            .map(|(at, _)| at)
    }

    /// Localities of a priority in Envoy's order, with weight and positions.
    fn localities(&self, priority: u32) -> Vec<(u32, Vec<usize>)> {
        let mut found: Vec<(&Option<Locality>, u32, Vec<usize>)> = Vec::new();
        for at in self.at(priority) {
            let endpoint = &self.hosts[at].endpoint;
            match found.iter_mut().find(|one| *one.0 == endpoint.locality) {
                Some(one) => one.2.push(at),
                None => found.push((&endpoint.locality, endpoint.locality_weight, vec![at])),
            }
        }
        let key = |locality: &Option<Locality>| {
            let locality = locality.clone().unwrap_or_default();
            (locality.region, locality.zone, locality.sub_zone)
        };
        // The own locality comes first.
        found.sort_by_cached_key(|one| (!self.is_local(one.2[0]), key(one.0)));
        let weighed = found
            .into_iter()
            .map(|(_, weight, members)| (weight, members));
        weighed.collect()
    }

    fn count(&self, members: &[usize], fits: &dyn Fn(&Member) -> bool) -> LocalityHosts {
        let hosts = || members.iter().map(|at| &self.hosts[*at]);
        let first = members.first().map(|at| &self.hosts[*at].endpoint);
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        LocalityHosts {
            weight: first.map_or(0, |endpoint| endpoint.locality_weight),
            eligible: number(hosts().filter(|host| fits(host)).count()),
            total: number(hosts().filter(|host| !host.excluded).count()),
        }
    }
}
