// SPDX-License-Identifier: Apache-2.0
//! Which backends a target of a policy means.
//!
//! In: the store, and targets by name or by labels. Out: the objects that are meant, each with its
//! backends.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_resource::{
    Metadata, Object, ObjectRef, Store,
    core::Service,
    istio::ServiceEntry,
    kgateway::backend_config_policy::{LabelTarget, NamedTarget, TargetKind},
};

use crate::BackendKey;

/// A target object with its backends.
pub(crate) type Target = (ObjectRef, Vec<BackendKey>);

/// Every object that a policy may target.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    services: BTreeMap<ObjectRef, Vec<BackendKey>>,
    backends: BTreeMap<ObjectRef, Vec<BackendKey>>,
    service_entries: BTreeMap<ObjectRef, Vec<BackendKey>>,
    /// By namespace and host.
    hostnames: BTreeMap<(Arc<str>, Arc<str>), Vec<Target>>,
}

impl Targets {
    /// Reads the store.
    pub(crate) fn index(store: &Store) -> Self {
        let mut index = Self::default();
        for service in store.services.values() {
            let keys = service_keys(service);
            if is_global(&service.metadata) {
                index.add_hostname(service.reference(), &global_hostname(service), keys.clone());
            }
            index.services.insert(service.reference().clone(), keys);
        }
        for backend in store.backends.values() {
            let object = backend.reference().clone();
            let key = BackendKey {
                object: object.clone(),
                host: None,
                port: 0,
                grpc: false,
            };
            index.backends.insert(object, vec![key]);
        }
        for entry in store.service_entries.values() {
            let mut all = Vec::new();
            for host in &entry.spec.hosts {
                let keys = service_entry_keys(entry, host);
                index.add_hostname(entry.reference(), host, keys.clone());
                all.extend(keys);
            }
            index.service_entries.insert(entry.reference().clone(), all);
        }
        index
    }

    /// The objects that `target` names in `namespace`; none when it is missing.
    pub(crate) fn named(&self, namespace: &str, target: &NamedTarget) -> Vec<Target> {
        let find = |objects: &BTreeMap<ObjectRef, Vec<BackendKey>>, group, kind| {
            let reference = ObjectRef::new(group, kind, namespace, &target.name);
            objects
                .get_key_value(&reference)
                .map(clone_pair)
                .into_iter()
                .collect()
        };
        match target.kind {
            TargetKind::Service => find(&self.services, "", "Service"),
            TargetKind::Backend => find(&self.backends, "gateway.kgateway.dev", "Backend"),
            TargetKind::Hostname => self
                .hostnames
                .get(&(namespace.into(), target.name.as_str().into()))
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// The objects in `namespace` (in all, when `None`) whose labels match.
    pub(crate) fn selected(
        &self,
        store: &Store,
        namespace: Option<&str>,
        target: &LabelTarget,
    ) -> Vec<Target> {
        let matches = |metadata: &Metadata| {
            namespace.is_none_or(|namespace| namespace == metadata.namespace())
                && !target.match_labels.is_empty()
                && target
                    .match_labels
                    .iter()
                    .all(|(key, value)| metadata.labels.get(key) == Some(value))
        };
        let services = || store.services.values().map(|object| &object.metadata);
        let of = |objects: &BTreeMap<_, _>, metadata: &Metadata| {
            objects.get_key_value(&metadata.reference).map(clone_pair)
        };
        match target.kind {
            TargetKind::Service => services()
                .filter(|metadata| matches(metadata))
                .filter_map(|metadata| of(&self.services, metadata))
                .collect(),
            TargetKind::Backend => store
                .backends
                .values()
                .filter(|object| matches(&object.metadata))
                .filter_map(|object| of(&self.backends, &object.metadata))
                .collect(),
            TargetKind::Hostname => services()
                .filter(|metadata| is_global(metadata) && matches(metadata))
                .filter_map(|metadata| of(&self.services, metadata))
                .chain(
                    store
                        .service_entries
                        .values()
                        .filter(|object| matches(&object.metadata))
                        .filter_map(|object| of(&self.service_entries, &object.metadata)),
                )
                .collect(),
        }
    }

    fn add_hostname(&mut self, object: &ObjectRef, host: &str, keys: Vec<BackendKey>) {
        self.hostnames
            .entry((object.namespace.clone(), host.into()))
            .or_default()
            .push((object.clone(), keys));
    }
}

/// The backends of a Service: one per TCP port. An ExternalName Service has none.
pub(crate) fn service_keys(service: &Object<Service>) -> Vec<BackendKey> {
    if service.spec.service_type == "ExternalName" {
        return Vec::new();
    }
    let tcp = service
        .spec
        .ports
        .iter()
        .filter(|port| port.protocol == "TCP");
    tcp.map(|port| BackendKey {
        object: service.reference().clone(),
        host: None,
        port: port.port,
        grpc: false,
    })
    .collect()
}

/// The backends of one host of a ServiceEntry: one per port; none without resolution.
pub(crate) fn service_entry_keys(entry: &Object<ServiceEntry>, host: &str) -> Vec<BackendKey> {
    if entry.spec.resolution == "NONE" {
        return Vec::new();
    }
    let key = |number| BackendKey {
        object: entry.reference().clone(),
        host: Some(host.into()),
        port: number,
        grpc: false,
    };
    entry
        .spec
        .ports
        .iter()
        .map(|port| key(port.number))
        .collect()
}

/// A Service that Solo's Istio would expose on every cluster (seed 001; design decision 4).
fn is_global(metadata: &Metadata) -> bool {
    metadata
        .labels
        .get("solo.io/service-scope")
        .is_some_and(|scope| scope == "global")
}

fn global_hostname(service: &Object<Service>) -> String {
    format!(
        "{}.{}.mesh.internal",
        service.metadata.name(),
        service.metadata.namespace()
    )
}

fn clone_pair((object, keys): (&ObjectRef, &Vec<BackendKey>)) -> Target {
    (object.clone(), keys.clone())
}
