// SPDX-License-Identifier: Apache-2.0
//! Compiling a snapshot, incrementally.
//!
//! In: a snapshot, and what the last one was compiled to. Out: a plan and what went wrong. A
//! resource that does not compile keeps its last good version, if it had one; nothing else suffers.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, OnceLock, Weak, atomic::AtomicBool},
};

use sluicegate_snapshot::{Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::{
    pb::envoy::{
        config::{
            cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment, listener::v3::Listener,
            route::v3::RouteConfiguration,
        },
        extensions::transport_sockets::tls::v3::Secret,
    },
    prost::Message,
};

use super::{ClusterConfig, ClusterPlan, Discovery, Endpoints, ListenerPlan, Plan, route};
use crate::{
    cluster::{ClusterId, ClusterShared, HealthBoard},
    log::LogFiles,
    report::ResourceError,
    resolve::Resolved,
    route::RouteTable,
    tls::Certificate,
    trace::{Collector, Tracer},
};

/// Compiles snapshots; keeps what can be used again.
#[derive(Debug, Default)]
pub(crate) struct Compiler {
    names: Names,
    /// Whether there ever was traffic, by name of cluster.
    traffic: HashMap<Arc<str>, Arc<AtomicBool>>,
    clusters: BTreeMap<Arc<str>, Cached<Built>>,
    endpoints: BTreeMap<Arc<str>, Cached<Arc<Endpoints>>>,
    routes: BTreeMap<Arc<str>, Cached<Arc<RouteTable>>>,
    secrets: BTreeMap<Arc<str>, Cached<Option<Certificate>>>,
    listeners: BTreeMap<Arc<str>, Cached<Arc<ListenerPlan>>>,
    /// The endpoints of clusters whose endpoints are not known: the same ones every time.
    nothing: Arc<Endpoints>,
    /// Where access logs go; without it they are not opened.
    files: Option<Arc<LogFiles>>,
}

/// Numbers for cluster names, and tracers for collectors. Numbers are never used twice, so that a
/// compiled route stays valid when clusters come and go.
#[derive(Debug, Default)]
pub(crate) struct Names {
    ids: HashMap<Arc<str>, ClusterId>,
    tracers: Vec<Weak<Tracer>>,
}

impl Names {
    /// The number of `name`.
    pub(crate) fn id(&mut self, name: &str) -> ClusterId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = ClusterId::new(self.ids.len());
        self.ids.insert(name.into(), id);
        id
    }

    /// The tracer for this collector: the one that others have, as long as they do.
    pub(crate) fn tracer(&mut self, collector: Collector) -> Arc<Tracer> {
        self.tracers.retain(|known| known.strong_count() > 0);
        let known = self.tracers.iter().filter_map(Weak::upgrade);
        let mut same = known.filter(|known| known.collector == collector);
        if let Some(known) = same.next() {
            return known;
        }
        drop(same);
        let tracer = Arc::new(Tracer::new(collector));
        self.tracers.push(Arc::downgrade(&tracer));
        tracer
    }
}

#[derive(Debug)]
struct Cached<T> {
    version: Version,
    value: Option<T>,
    error: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Built {
    pub(super) config: Arc<ClusterConfig>,
    shared: Arc<ClusterShared>,
    /// Endpoints that the cluster itself names.
    inline: Option<Arc<Endpoints>>,
}

impl Compiler {
    /// One that opens access logs.
    pub(crate) fn logging_to(files: Arc<LogFiles>) -> Self {
        Self {
            files: Some(files),
            ..Self::default()
        }
    }

    /// Compiles `snapshot`. `resolved` answers for DNS clusters.
    pub(crate) fn compile(
        &mut self,
        snapshot: &Snapshot,
        resolved: &Resolved,
    ) -> (Plan, Vec<ResourceError>) {
        let names = &mut self.names;
        let traffic = &mut self.traffic;
        let mut errors = Vec::new();
        refresh(
            &mut self.clusters,
            snapshot.resources(ResourceType::Cluster),
            NOTHING_ELSE,
            &mut errors,
            |resource| build_cluster(resource, names, traffic),
        );
        traffic.retain(|name, _| self.clusters.contains_key(name));
        refresh(
            &mut self.endpoints,
            snapshot.resources(ResourceType::Endpoint),
            NOTHING_ELSE,
            &mut errors,
            |resource| {
                let assignment = decode::<ClusterLoadAssignment>(resource)?;
                Endpoints::compile(&assignment).map(Arc::new)
            },
        );
        refresh(
            &mut self.routes,
            snapshot.resources(ResourceType::Route),
            NOTHING_ELSE,
            &mut errors,
            |resource| {
                let config = decode::<RouteConfiguration>(resource)?;
                route::compile(&config, names).map(Arc::new)
            },
        );
        let resources = snapshot.resources(ResourceType::Secret);
        refresh(
            &mut self.secrets,
            resources,
            NOTHING_ELSE,
            &mut errors,
            |resource| Certificate::of_secret(&decode::<Secret>(resource)?),
        );
        // A listener holds the certificates that it names. Its own version stays, so that new ones
        // disturb no connection.
        let held = fingerprint(resources);
        let secrets = certificates(&self.secrets);
        refresh(
            &mut self.listeners,
            snapshot.resources(ResourceType::Listener),
            held,
            &mut errors,
            |resource| {
                let listener = decode::<Listener>(resource)?;
                let version = resource.version;
                let plan = ListenerPlan::compile(&listener, version, &secrets, names)?;
                if let Some(files) = &self.files {
                    plan.open_logs(files)?;
                }
                Ok(Arc::new(plan))
            },
        );
        errors.extend(self.missing_secrets());
        (self.plan(resolved), errors)
    }

    /// Secrets that listeners name and that do not exist: the chains with them serve nobody.
    fn missing_secrets(&self) -> impl Iterator<Item = ResourceError> {
        let listeners = self.listeners.values();
        let listeners = listeners.filter_map(|cached| cached.value.as_ref());
        listeners.flat_map(|listener| {
            listener.chains.missing.iter().map(|secret| ResourceError {
                resource_type: ResourceType::Secret,
                name: secret.as_str().into(),
                message: format!(
                    "does not exist: listener {} closes the handshakes that it is for",
                    listener.name
                ),
            })
        })
    }

    /// The plan of what was compiled last, with the names as they are resolved now.
    pub(crate) fn plan(&self, resolved: &Resolved) -> Plan {
        let mut clusters = vec![None; self.names.ids.len()];
        for built in self
            .clusters
            .values()
            .filter_map(|cached| cached.value.as_ref())
        {
            clusters[built.config.id.index()] = Some(Arc::new(ClusterPlan {
                config: built.config.clone(),
                shared: built.shared.clone(),
                endpoints: self.endpoints_of(built, resolved),
            }));
        }
        Plan {
            clusters,
            by_name: OnceLock::new(),
            routes: self
                .routes
                .iter()
                .filter_map(|(name, cached)| Some((name.clone(), cached.value.clone()?)))
                .collect(),
            listeners: self
                .listeners
                .values()
                .filter_map(|cached| cached.value.clone())
                .collect(),
        }
    }

    fn endpoints_of(&self, built: &Built, resolved: &Resolved) -> Arc<Endpoints> {
        let found = match &built.config.discovery {
            Discovery::Dns(..) => resolved.endpoints(&built.config.name),
            Discovery::Eds(name) => self
                .endpoints
                .get(name.as_str())
                .and_then(|cached| cached.value.clone()),
            Discovery::Static(_) => built.inline.clone(),
        };
        found.unwrap_or_else(|| self.nothing.clone())
    }
}

fn certificates(
    cache: &BTreeMap<Arc<str>, Cached<Option<Certificate>>>,
) -> HashMap<Arc<str>, Certificate> {
    let usable = |(name, cached): (&Arc<str>, &Cached<Option<Certificate>>)| {
        Some((name.clone(), cached.value.clone()??))
    };
    cache.iter().filter_map(usable).collect()
}

/// A number that changes with any of `resources`; [`NOTHING_ELSE`] when there are none.
fn fingerprint(resources: &BTreeMap<Arc<str>, Arc<Resource>>) -> u64 {
    if resources.is_empty() {
        return NOTHING_ELSE;
    }
    let mut hasher = DefaultHasher::new();
    for (name, resource) in resources {
        (name, resource.version).hash(&mut hasher);
    }
    hasher.finish()
}

/// Brings `cache` in line with `resources`, which depend on what `also` is a fingerprint of.
fn refresh<T>(
    cache: &mut BTreeMap<Arc<str>, Cached<T>>,
    resources: &BTreeMap<Arc<str>, Arc<Resource>>,
    also: u64,
    errors: &mut Vec<ResourceError>,
    mut compile: impl FnMut(&Resource) -> Result<T, String>,
) {
    cache.retain(|name, _| resources.contains_key(name));
    for (name, resource) in resources {
        let known = cache.get(name).map(|cached| cached.version);
        let version = Version(resource.version.0 ^ also);
        if known != Some(version) {
            let (value, error) = match compile(resource) {
                Ok(value) => (Some(value), None),
                Err(error) => (
                    cache.remove(name).and_then(|cached| cached.value),
                    Some(error),
                ),
            };
            let cached = Cached {
                version,
                value,
                error,
            };
            cache.insert(name.clone(), cached);
        }
        if let Some(error) = cache.get(name).and_then(|cached| cached.error.as_ref()) {
            errors.push(ResourceError {
                resource_type: resource.resource_type,
                name: name.clone(),
                message: error.clone(),
            });
        }
    }
}

pub(super) fn build_cluster(
    resource: &Resource,
    names: &mut Names,
    traffic: &mut HashMap<Arc<str>, Arc<AtomicBool>>,
) -> Result<Built, String> {
    let cluster = decode::<Cluster>(resource)?;
    let config = ClusterConfig::compile(names.id(&resource.name), &cluster)?;
    let inline = match &config.discovery {
        Discovery::Static(assignment) => Some(Arc::new(Endpoints::compile(assignment)?)),
        _ => None,
    };
    let traffic = traffic.entry(resource.name.clone()).or_default().clone();
    let board = HealthBoard::new(traffic, config.host_set.update_merge_window);
    Ok(Built {
        shared: Arc::new(ClusterShared::new(config.breakers, Arc::new(board))),
        config: Arc::new(config),
        inline,
    })
}

pub(super) fn decode<M: Message + Default>(resource: &Resource) -> Result<M, String> {
    M::decode(resource.body.clone()).map_err(|error| format!("does not decode: {error}"))
}

/// The fingerprint of no resources.
const NOTHING_ELSE: u64 = 0;
