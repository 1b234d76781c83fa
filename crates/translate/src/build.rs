// SPDX-License-Identifier: Apache-2.0
//! From graph to snapshots.
//!
//! In: a graph, and what the last round made. Out: snapshots, and the resources that were held back
//! because Envoy would refuse them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sluicegate_attach::{Backend, BackendKey, Graph, ListenAddress, Listener};
use sluicegate_resource::ObjectRef;
use sluicegate_snapshot::{Builder, Resource, ResourceType, Snapshot, Version};
use sluicegate_xds::{
    prost::{Message, Name},
    sorted,
    validate::violations,
};

use crate::{
    Options, cluster, endpoint, listener, names, route, secret, telemetry, variant::Variants,
};

/// A resource that was not emitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its name.
    pub name: String,
    /// The constraints it breaks.
    pub message: String,
}

/// The result of one round.
#[derive(Debug, Default)]
pub struct Translation {
    /// By Gateway.
    pub gateways: BTreeMap<ObjectRef, Arc<Snapshot>>,
    /// Every Gateway together, for one process that serves them all.
    pub all: Arc<Snapshot>,
    /// What was held back.
    pub refused: Vec<Refused>,
    /// Backends that had to be translated; the others came from the last round.
    pub translated_backends: usize,
    /// The cluster of each backend under each BackendTrafficPolicy.
    pub variants: Arc<Variants>,
}

/// Translates, and keeps what did not change.
#[derive(Debug, Default)]
pub struct Translator {
    options: Options,
    backends: BTreeMap<BackendKey, Translated>,
    variants: Arc<Variants>,
}

/// A backend's resources, with the backend they were made of.
#[derive(Debug, Clone)]
struct Translated {
    backend: Arc<Backend>,
    resources: Vec<Arc<Resource>>,
    refused: Vec<Refused>,
}

impl Translator {
    /// A translator with nothing remembered.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            backends: BTreeMap::new(),
            variants: Arc::default(),
        }
    }

    /// Translates `graph`.
    pub fn translate(&mut self, graph: &Graph) -> Translation {
        let mut translation = Translation::default();
        let mut backends = BTreeMap::new();
        for (key, backend) in &graph.backends {
            let kept = self
                .backends
                .remove(key)
                .filter(|old| Arc::ptr_eq(&old.backend, backend));
            let translated = kept.unwrap_or_else(|| {
                translation.translated_backends += 1;
                translate_backend(backend, &self.options)
            });
            backends.insert(key.clone(), translated);
        }
        self.backends = backends;
        self.variants = Arc::new(Variants::of(graph, &self.variants, &self.options));
        translation.variants = self.variants.clone();
        let context = (graph, &*self.variants);

        let mut refused: Vec<Refused> = self
            .backends
            .values()
            .flat_map(|backend| backend.refused.clone())
            .collect();
        let mut all = Builder::default();
        for gateway in &graph.gateways {
            let mut resources = self.variants.resources(gateway, graph, &mut refused);
            let listeners: Vec<&Listener> = gateway
                .listeners
                .iter()
                .filter(|listener| gateway.listens && listener.verdict.is_programmed())
                .collect();
            for (name, cluster) in telemetry::collectors(gateway) {
                let kind = ResourceType::Cluster;
                resources.extend(checked(kind, &name, &cluster, Version(0), &mut refused));
            }
            for at in addresses(&listeners) {
                let there: Vec<&Listener> = listeners
                    .iter()
                    .copied()
                    .filter(|listener| listener.at == at)
                    .collect();
                translate_address(at, &there, context, (&mut resources, &mut refused));
            }
            let mut builder = Builder::default();
            for resource in resources.iter().chain(self.backend_resources()) {
                builder.add(resource.clone());
            }
            resources.into_iter().for_each(|resource| all.add(resource));
            let snapshot = Arc::new(builder.build());
            translation
                .gateways
                .insert(gateway.object.reference().clone(), snapshot);
        }
        self.backend_resources()
            .for_each(|resource| all.add(resource.clone()));
        translation.all = Arc::new(all.build());
        translation.refused = refused;
        translation
    }

    fn backend_resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.backends
            .values()
            .flat_map(|translated| &translated.resources)
    }
}

fn addresses(listeners: &[&Listener]) -> BTreeSet<ListenAddress> {
    listeners.iter().map(|listener| listener.at).collect()
}

fn translate_backend(backend: &Arc<Backend>, options: &Options) -> Translated {
    let mut translated = Translated {
        backend: backend.clone(),
        resources: Vec::new(),
        refused: Vec::new(),
    };
    if backend.closed.is_some() {
        return translated;
    }
    let name = names::cluster(&backend.key);
    let cluster = cluster::cluster(backend, options);
    let Some(cluster) = checked(
        ResourceType::Cluster,
        &name,
        &cluster,
        Version(0),
        &mut translated.refused,
    ) else {
        return translated;
    };
    let version = cluster.version;
    translated.resources.push(cluster);
    if let Some(assignment) = endpoint::cluster_load_assignment(backend) {
        // Envoy re-warms a changed cluster and waits for endpoints, so they change version with it.
        let resource = checked(
            ResourceType::Endpoint,
            &name,
            &assignment,
            version,
            &mut translated.refused,
        );
        translated.resources.extend(resource);
    }
    translated
}

fn translate_address(
    at: ListenAddress,
    listeners: &[&Listener],
    (graph, variants): (&Graph, &Variants),
    (resources, refused): (&mut Vec<Arc<Resource>>, &mut Vec<Refused>),
) {
    let context = (graph, variants);
    for configuration in route::route_configurations(at, listeners, context) {
        let name = configuration.name.clone();
        let kind = ResourceType::Route;
        let hosts = configuration.virtual_hosts.iter();
        let mut routes = hosts.flat_map(|host| &host.routes);
        // One entry has one order.
        let body = if routes.any(|route| route.typed_per_filter_config.len() > 1) {
            sorted::encode(&configuration)
        } else {
            configuration.encode_to_vec()
        };
        resources.extend(checked_body(kind, &name, body, Version(0), refused));
    }
    for (name, message) in secret::secrets(listeners) {
        resources.extend(checked(
            ResourceType::Secret,
            &name,
            &message,
            Version(0),
            refused,
        ));
    }
    let name = names::listener(at);
    let message = listener::listener(at, listeners, context);
    resources.extend(checked(
        ResourceType::Listener,
        &name,
        &message,
        Version(0),
        refused,
    ));
}

/// Encodes a message, unless it breaks a constraint of Envoy's API.
pub(crate) fn checked<M: Message + Name>(
    resource_type: ResourceType,
    name: &str,
    message: &M,
    depends_on: Version,
    refused: &mut Vec<Refused>,
) -> Option<Arc<Resource>> {
    let body = message.encode_to_vec();
    checked_body(resource_type, name, body, depends_on, refused)
}

/// The same for a message that is encoded.
fn checked_body(
    resource_type: ResourceType,
    name: &str,
    body: Vec<u8>,
    depends_on: Version,
    refused: &mut Vec<Refused>,
) -> Option<Arc<Resource>> {
    let problem = match violations(resource_type.message_name(), &body) {
        Ok(found) if found.is_empty() => None,
        Ok(found) => Some(
            found
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
        ),
        Err(error) => Some(error.to_string()),
    };
    match problem {
        None => Some(Arc::new(Resource::new(
            resource_type,
            name,
            body,
            depends_on,
        ))),
        Some(message) => {
            refused.push(Refused {
                resource_type,
                name: name.to_owned(),
                message,
            });
            None
        }
    }
}
