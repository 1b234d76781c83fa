// SPDX-License-Identifier: Apache-2.0
//! Endpoints of DNS clusters.
//!
//! In: clusters whose endpoints are names. Out: the endpoints those names stand for, looked up again
//! and again on the control runtime.

mod client;
mod schedule;
mod target;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use sluicegate_stats::Registry;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{
    plan::{ClusterConfig, Discovery, DnsConfig, Endpoints, Plan, ResolverConfig},
    stats::{DnsStats, ResolverStats},
};

use client::{Client, Outcome};
use target::Target;

pub(crate) use target::Answer;

/// What the names of each DNS cluster stand for.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    clusters: HashMap<Arc<str>, Arc<Endpoints>>,
}

/// Looks names up, one task per name and cluster.
pub(crate) struct Resolver {
    registry: Registry,
    clusters: HashMap<Arc<str>, Followed>,
    /// Clusters that have not been answered for yet.
    pending: HashSet<Arc<str>>,
    /// Clusters with the same settings ask through the same client.
    clients: HashMap<ResolverConfig, Arc<Client>>,
    resolved: Resolved,
    stats: Arc<ResolverStats>,
    answers: mpsc::UnboundedSender<Answer>,
    round: u64,
}

/// A cluster whose names are looked up.
struct Followed {
    config: Arc<ClusterConfig>,
    round: u64,
    /// What is known about the names; the order is that of the answer.
    names: HashMap<Arc<str>, Vec<IpAddr>>,
    tasks: Vec<JoinHandle<()>>,
    stats: Arc<DnsStats>,
}

impl Resolved {
    /// The endpoints of a cluster, once they are known.
    pub(crate) fn endpoints(&self, cluster: &str) -> Option<Arc<Endpoints>> {
        self.clusters.get(cluster).cloned()
    }
}

impl Resolver {
    /// A resolver that reports to `answers`.
    pub(crate) fn new(registry: Registry, answers: mpsc::UnboundedSender<Answer>) -> Self {
        let stats = Arc::<ResolverStats>::default();
        registry.register("dns.cares.", &stats);
        Self {
            registry,
            clusters: HashMap::new(),
            pending: HashSet::new(),
            clients: HashMap::new(),
            resolved: Resolved::default(),
            stats,
            answers,
            round: 0,
        }
    }

    /// What is known.
    pub(crate) fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    /// Starts and stops look-ups so that they match the plan. Says whether endpoints changed: what
    /// a cluster's names stand for outlives a change of its other settings.
    pub(crate) fn follow(&mut self, plan: &Plan) -> bool {
        let mut before = std::mem::take(&mut self.clusters);
        let mut changed = false;
        for cluster in plan.clusters.iter().flatten() {
            let config = &cluster.config;
            let Discovery::Dns(assignment, dns) = &config.discovery else {
                continue;
            };
            let followed = match before.remove(&config.name) {
                Some(same) if Arc::ptr_eq(&same.config, config) => same,
                old => {
                    let names = Endpoints::names(assignment);
                    let followed = self.begin(config, dns, names, old);
                    changed |= if followed.tasks.is_empty() {
                        self.forget(&config.name)
                    } else {
                        self.build(&followed)
                    };
                    followed
                }
            };
            self.clusters.insert(config.name.clone(), followed);
        }
        for name in before.keys() {
            self.forget(name);
            self.pending.remove(name);
        }
        self.clients
            .retain(|_, client| Arc::strong_count(client) > 1);
        changed
    }

    fn begin(
        &mut self,
        config: &Arc<ClusterConfig>,
        dns: &DnsConfig,
        names: BTreeSet<String>,
        old: Option<Followed>,
    ) -> Followed {
        self.round += 1;
        let (mut known, stats) = match old {
            Some(mut old) => (std::mem::take(&mut old.names), old.stats.clone()),
            None => {
                let stats = Arc::<DnsStats>::default();
                let prefix = format!("cluster.{}.", config.stat_name);
                self.registry.register(&prefix, &stats);
                (HashMap::new(), stats)
            }
        };
        known.retain(|name, _| names.contains(&**name));
        // Without a name there is nothing to wait for.
        if known.is_empty() && !names.is_empty() {
            self.pending.insert(config.name.clone());
        }
        let client = self
            .clients
            .entry(dns.resolver.clone())
            .or_insert_with(|| Arc::new(Client::new(&dns.resolver, self.stats.clone())))
            .clone();
        let start = |name: String| {
            let target = Target {
                cluster: config.name.clone(),
                round: self.round,
                name: name.into(),
                config: dns.clone(),
                client: client.clone(),
                stats: stats.clone(),
                answers: self.answers.clone(),
            };
            tokio::spawn(target.run())
        };
        Followed {
            config: config.clone(),
            round: self.round,
            names: known,
            tasks: names.into_iter().map(start).collect(),
            stats,
        }
    }

    /// Takes news in. Says whether endpoints changed.
    pub(crate) fn answered(&mut self, answer: Answer) -> bool {
        let Answer {
            cluster,
            round,
            name,
            outcome,
        } = answer;
        let Some(mut followed) = self.clusters.remove(&cluster) else {
            return false;
        };
        // What an older configuration asked for no longer counts.
        let changed = followed.round == round && {
            self.pending.remove(&cluster);
            if followed.learn(name, outcome) {
                self.build(&followed)
            } else {
                followed.names.values().all(Vec::is_empty) && self.forget(&cluster)
            }
        };
        self.clusters.insert(cluster, followed);
        changed
    }

    /// Whether a cluster was not answered for yet.
    pub(crate) fn awaits(&self, cluster: &str) -> bool {
        self.pending.contains(cluster)
    }

    /// Drops endpoints of names that the cluster does not have any more, once the first answer about
    /// the names that it has is there. Says whether there were any.
    fn forget(&mut self, cluster: &str) -> bool {
        let before = self.resolved.clusters.remove(cluster);
        before.is_some_and(|before| !before.endpoints.is_empty())
    }

    /// Makes the endpoints of a cluster of what is known about its names.
    fn build(&mut self, followed: &Followed) -> bool {
        let Discovery::Dns(assignment, dns) = &followed.config.discovery else {
            return false;
        };
        if followed.names.is_empty() {
            return false;
        }
        match Endpoints::resolve(assignment, &followed.names, dns.single) {
            Ok(endpoints) => {
                let name = followed.config.name.clone();
                self.resolved.clusters.insert(name, Arc::new(endpoints));
                true
            }
            Err(error) => {
                tracing::warn!(cluster = %followed.config.name, error, "no endpoints");
                false
            }
        }
    }
}

impl Followed {
    /// Says whether what a name stands for is something else now.
    fn learn(&mut self, name: Arc<str>, outcome: Outcome) -> bool {
        let Outcome::Completed(addresses) = outcome else {
            return false;
        };
        let Discovery::Dns(_, dns) = &self.config.discovery else {
            return false;
        };
        let same = self.names.get(&name).is_some_and(|known| {
            let set = |ips: &[IpAddr]| ips.iter().copied().collect::<BTreeSet<IpAddr>>();
            // The first address is the one that counts, or all of them in any order.
            if dns.single {
                *known == addresses.ips
            } else {
                set(known) == set(&addresses.ips)
            }
        });
        if same {
            self.stats.update_no_rebuild.inc();
            return false;
        }
        // Without addresses before and after, nothing was rebuilt either.
        let nothing = !self.names.contains_key(&name) && addresses.ips.is_empty();
        self.names.insert(name, addresses.ips);
        if nothing {
            self.stats.update_no_rebuild.inc();
        }
        !nothing
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
