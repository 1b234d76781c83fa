// SPDX-License-Identifier: Apache-2.0
//! Endpoints of DNS clusters.
//!
//! In: clusters whose endpoints are names. Out: the endpoints those names stand for, looked up again
//! at the cluster's refresh rate by the system's resolver, on the control runtime.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use sluicegate_xds::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use tokio::{
    net::lookup_host,
    sync::mpsc,
    task::JoinHandle,
    time::{Duration, sleep},
};

use crate::plan::{ClusterConfig, Discovery, Endpoints, Plan, Query};

/// What the names of each DNS cluster stand for.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    clusters: HashMap<Arc<str>, Arc<Endpoints>>,
}

/// News about one cluster; `None` when looking up failed.
pub(crate) type Answer = (Arc<str>, Option<Endpoints>);

/// Looks names up, one task per DNS cluster.
#[derive(Debug)]
pub(crate) struct Resolver {
    tasks: HashMap<Arc<str>, (Arc<ClusterConfig>, JoinHandle<()>)>,
    /// Clusters that have not been answered for yet.
    pending: HashSet<Arc<str>>,
    answers: mpsc::UnboundedSender<Answer>,
}

impl Resolved {
    /// The endpoints of a cluster, once they are known.
    pub(crate) fn endpoints(&self, cluster: &str) -> Option<Arc<Endpoints>> {
        self.clusters.get(cluster).cloned()
    }

    /// Takes news in. Says whether anything changed; a failed look-up changes nothing.
    pub(crate) fn update(&mut self, (cluster, endpoints): Answer) -> bool {
        let Some(endpoints) = endpoints else {
            return false;
        };
        if self
            .clusters
            .get(&cluster)
            .is_some_and(|old| old.same_hosts(&endpoints))
        {
            return false;
        }
        self.clusters.insert(cluster, Arc::new(endpoints));
        true
    }
}

impl Resolver {
    /// A resolver that reports to `answers`.
    pub(crate) fn new(answers: mpsc::UnboundedSender<Answer>) -> Self {
        Self {
            tasks: HashMap::new(),
            pending: HashSet::new(),
            answers,
        }
    }

    /// Starts and stops look-ups so that they match the plan.
    pub(crate) fn follow(&mut self, plan: &Plan) {
        let wanted: HashMap<_, _> = plan
            .clusters
            .iter()
            .flatten()
            .filter(|cluster| matches!(cluster.config.discovery, Discovery::Dns { .. }))
            .map(|cluster| (cluster.config.name.clone(), cluster.config.clone()))
            .collect();
        self.tasks.retain(|name, (config, task)| {
            let same = wanted.get(name).is_some_and(|new| Arc::ptr_eq(new, config));
            if !same {
                task.abort();
            }
            same
        });
        self.pending.retain(|name| wanted.contains_key(name));
        for (name, config) in wanted {
            if !self.tasks.contains_key(&name) {
                self.pending.insert(name.clone());
                let task = tokio::spawn(look_up(config.clone(), self.answers.clone()));
                self.tasks.insert(name, (config, task));
            }
        }
    }

    /// Notes that a cluster was answered for.
    pub(crate) fn answered(&mut self, cluster: &str) {
        self.pending.remove(cluster);
    }

    /// Whether a cluster was not answered for yet.
    pub(crate) fn awaits(&self, cluster: &str) -> bool {
        self.pending.contains(cluster)
    }
}

async fn look_up(config: Arc<ClusterConfig>, answers: mpsc::UnboundedSender<Answer>) {
    let Discovery::Dns {
        assignment,
        refresh,
        query,
    } = &config.discovery
    else {
        return;
    };
    loop {
        let found = all(assignment, *query).await;
        if answers.send((config.name.clone(), found)).is_err() {
            return;
        }
        sleep((*refresh).max(FASTEST)).await;
    }
}

/// Looks all names up; `None` when one of them failed.
async fn all(assignment: &ClusterLoadAssignment, query: Query) -> Option<Endpoints> {
    let mut names = HashMap::new();
    for (host, port) in Endpoints::names(assignment) {
        let addresses = match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::new(ip, port)],
            Err(_) => match lookup_host((host.as_str(), port)).await {
                Ok(addresses) => choose(addresses.collect(), query),
                Err(error) => {
                    tracing::warn!(host, %error, "look-up failed");
                    return None;
                }
            },
        };
        names.insert((host, port), addresses);
    }
    Endpoints::resolve(assignment, &names).ok()
}

/// Keeps the wanted family, sorted so that the same answer gives the same list.
fn choose(mut addresses: Vec<SocketAddr>, query: Query) -> Vec<SocketAddr> {
    let has_v4 = addresses.iter().any(SocketAddr::is_ipv4);
    let has_v6 = addresses.iter().any(SocketAddr::is_ipv6);
    let keep_v4 = match query.family {
        // AUTO and V6_ONLY, V4_ONLY, V4_PREFERRED, ALL, by number.
        0 => !has_v6,
        1 | 3 => has_v4,
        2 => false,
        _ => {
            addresses.sort_unstable();
            addresses.dedup();
            return addresses;
        }
    };
    addresses.retain(|address| address.is_ipv4() == keep_v4);
    if query.first_only {
        addresses.truncate(1);
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

/// Envoy's own lower limit on refresh rates is a millisecond; ours keeps a resolver usable.
const FASTEST: Duration = Duration::from_millis(50);
