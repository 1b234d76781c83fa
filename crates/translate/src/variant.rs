// SPDX-License-Identifier: Apache-2.0
//! Clusters that a BackendTrafficPolicy makes different from their backend's base cluster.
//!
//! In: a graph, and what the last round made. Out: the cluster name for every backend under every
//! policy in force, and the clusters behind those names. A policy that changes nothing about
//! connections to a backend leaves it at its base cluster; variants share the base's endpoints, unless
//! the policy says something about these.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sluicegate_attach::{
    Backend, BackendKey, Gateway, Graph, Identity, ResolvedBackend, TrafficPolicy, weigh,
};
use sluicegate_resource::{ObjectRef, gateway::Carried};
use sluicegate_snapshot::{Resource, ResourceType, Version};
use sluicegate_xds::{
    pb::envoy::config::{cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment},
    prost::Message,
};

use crate::{Options, Refused, build::checked, cluster, cluster::Difference, names};

type Key = (BackendKey, Identity);

/// Every backend under every policy in force.
#[derive(Debug, Clone, Default)]
pub struct Variants {
    made: BTreeMap<Key, Made>,
    names: BTreeMap<Key, String>,
    built: BTreeMap<String, Built>,
}

/// A cluster under its name.
#[derive(Debug, Clone)]
struct Built {
    cluster: Arc<Cluster>,
    /// The cluster, and endpoints where they are not those of the base cluster.
    resources: Vec<Arc<Resource>>,
    refused: Vec<Refused>,
}

#[derive(Debug, Clone)]
struct Made {
    backend: Arc<Backend>,
    policy: Arc<TrafficPolicy>,
    carried: Carried,
    /// `None` where it is the base cluster.
    cluster: Option<Arc<Cluster>>,
    /// Endpoints of its own.
    endpoints: Option<ClusterLoadAssignment>,
    /// Hash of the settings.
    hash: u64,
}

impl Variants {
    /// The variants of `graph`; what did not change since `before` is kept.
    pub(crate) fn of(graph: &Graph, before: &Self, options: &Options) -> Self {
        let mut variants = Self::default();
        for (key, (backend, policy, carried)) in used(graph) {
            let kept = before.made.get(&key).filter(|old| {
                Arc::ptr_eq(&old.backend, backend)
                    && Arc::ptr_eq(&old.policy, policy)
                    && old.carried == carried
            });
            let made = kept
                .cloned()
                .unwrap_or_else(|| make(backend, policy, carried, options));
            variants.made.insert(key, made);
        }
        variants.names = variants.name_all();
        variants.built = variants.build_all(&before.built);
        variants
    }

    /// The cluster of a backend under a policy.
    pub fn cluster(&self, backend: &BackendKey, policy: Option<&TrafficPolicy>) -> String {
        let name = policy.and_then(|policy| self.names.get(&(backend.clone(), policy.identity())));
        name.cloned().unwrap_or_else(|| names::cluster(backend))
    }

    /// The cluster of a backend of a rule; one that does not exist, where nothing may be sent there.
    pub(crate) fn destination(
        &self,
        backend: &ResolvedBackend,
        policy: Option<&TrafficPolicy>,
        graph: &Graph,
    ) -> String {
        let is_open = |key: &&BackendKey| {
            let backend = graph.backends.get(key);
            backend.is_some_and(|backend| backend.closed.is_none())
        };
        match backend.key.as_ref().filter(is_open) {
            Some(key) => self.cluster(key, policy),
            None => names::BLACKHOLE.to_owned(),
        }
    }

    /// The policy that a cluster is a variant for.
    pub fn policy(&self, cluster: &str) -> Option<&ObjectRef> {
        let mut names = self.names.iter();
        let found = names.find(|(_, name)| *name == cluster);
        found.map(|((_, (policy, ..)), _)| policy)
    }

    /// The clusters that the routes of `gateway` use beside base clusters, and what was held back.
    pub(crate) fn resources(
        &self,
        gateway: &Gateway,
        graph: &Graph,
        refused: &mut Vec<Refused>,
    ) -> Vec<Arc<Resource>> {
        let pairs = pairs(std::slice::from_ref(gateway), graph);
        let names: BTreeSet<&String> = pairs
            .filter_map(|(backend, policy, _)| self.names.get(&key(backend, policy)))
            .collect();
        let built = names.into_iter().filter_map(|name| self.built.get(name));
        built
            .flat_map(|built| {
                refused.extend(built.refused.iter().cloned());
                built.resources.clone()
            })
            .collect()
    }

    fn build_all(&self, before: &BTreeMap<String, Built>) -> BTreeMap<String, Built> {
        let named = self.names.iter().filter_map(|(key, name)| {
            let made = self.made.get(key)?;
            let cluster = made.cluster.as_ref()?;
            let kept = before
                .get(name)
                .filter(|old| Arc::ptr_eq(&old.cluster, cluster));
            let built = kept.cloned().unwrap_or_else(|| build(name, cluster, made));
            Some((name.clone(), built))
        });
        named.collect()
    }

    /// A policy that comes to different things on one backend, as when it is merged with different
    /// parents, has a name for each.
    fn name_all(&self) -> BTreeMap<Key, String> {
        let mut hashes: BTreeMap<(&BackendKey, &ObjectRef), BTreeSet<u64>> = BTreeMap::new();
        let variants = || self.made.iter().filter(|(_, made)| made.cluster.is_some());
        for ((backend, (policy, ..)), made) in variants() {
            hashes
                .entry((backend, policy))
                .or_default()
                .insert(made.hash);
        }
        let name = |(key, made): (&Key, &Made)| {
            let (backend, (policy, ..)) = key;
            let several = hashes
                .get(&(backend, policy))
                .is_some_and(|hashes| hashes.len() > 1);
            let name = names::variant(backend, policy, several.then_some(made.hash));
            (key.clone(), name)
        };
        variants().map(name).collect()
    }
}

fn build(name: &str, cluster: &Arc<Cluster>, made: &Made) -> Built {
    let named = Cluster {
        name: name.to_owned(),
        ..Cluster::clone(cluster)
    };
    let mut refused = Vec::new();
    let kind = ResourceType::Cluster;
    let cluster_resource = checked(kind, name, &named, Version(0), &mut refused);
    // As for base clusters: a changed cluster waits for endpoints.
    let version = cluster_resource.as_ref().map(|resource| resource.version);
    let endpoints = made.endpoints.as_ref().zip(version);
    let endpoints = endpoints.and_then(|(endpoints, version)| {
        let endpoints = ClusterLoadAssignment {
            cluster_name: name.to_owned(),
            ..endpoints.clone()
        };
        let kind = ResourceType::Endpoint;
        checked(kind, name, &endpoints, version, &mut refused)
    });
    Built {
        cluster: cluster.clone(),
        resources: cluster_resource.into_iter().chain(endpoints).collect(),
        refused,
    }
}

/// A backend, the policy in force there, and what comes by it.
type Use<'g> = (&'g Arc<Backend>, &'g Arc<TrafficPolicy>, Carried);

/// Every backend of a rule with the policy in force there.
fn pairs<'g>(gateways: &'g [Gateway], graph: &'g Graph) -> impl Iterator<Item = Use<'g>> {
    let listeners = gateways.iter().flat_map(|gateway| &gateway.listeners);
    let routes = listeners.flat_map(|listener| &listener.routes);
    let rules = routes.flat_map(|route| {
        let carried = route.route.spec.carried;
        let rules = route.rules.iter().zip(&route.traffic);
        rules.map(move |(rule, traffic)| (rule, traffic, carried))
    });
    rules.flat_map(|(rule, traffic, carried)| {
        let backends = rule.backends.iter().filter_map(|it| it.key.as_ref());
        let backends = backends.filter_map(|key| graph.backends.get(key));
        backends.filter_map(move |backend| Some((backend, &traffic.as_ref()?.policy, carried)))
    })
}

/// Every backend and policy once. Where requests and connections go by the same policy, the settings
/// of requests are there, which do nothing to connections: one cluster, whoever comes first.
fn used(graph: &Graph) -> BTreeMap<Key, Use<'_>> {
    let mut used: BTreeMap<Key, Use<'_>> = BTreeMap::new();
    for (backend, policy, carried) in pairs(&graph.gateways, graph) {
        let class = match carried.is_requests() {
            true => Carried::Http,
            false => Carried::Tcp,
        };
        let known = used.entry(key(backend, policy));
        let known = known.or_insert((backend, policy, class));
        if class == Carried::Http {
            known.2 = class;
        }
    }
    used
}

fn key(backend: &Backend, policy: &TrafficPolicy) -> Key {
    (backend.key.clone(), policy.identity())
}

fn make(
    backend: &Arc<Backend>,
    policy: &Arc<TrafficPolicy>,
    carried: Carried,
    options: &Options,
) -> Made {
    let weighed = weigh(policy, backend, carried);
    let base = cluster::cluster(backend, options);
    let mut variant = base.clone();
    cluster::apply_traffic(&mut variant, backend, policy, &weighed);
    let difference = Difference::of(backend, policy, &weighed);
    let endpoints = difference.endpoints(&mut variant, backend);
    let differs = variant != base || endpoints.is_some();
    if let (Some(eds), None) = (&mut variant.eds_cluster_config, &endpoints) {
        eds.service_name.clone_from(&base.name);
    }
    let mut body = variant.encode_to_vec();
    // Endpoints move, what is different about them does not.
    body.extend(format!("{difference:?}").bytes());
    let hash = Resource::new(ResourceType::Cluster, &base.name, body, Version(0)).version;
    Made {
        backend: backend.clone(),
        policy: policy.clone(),
        carried,
        cluster: differs.then(|| Arc::new(variant)),
        endpoints,
        hash: hash.0,
    }
}
