// SPDX-License-Identifier: Apache-2.0
//! Backends that GRPCRoutes call.
//!
//! In: the store. Out: what their backendRefs and mirrors name. gRPC needs HTTP/2, so a backend
//! that does not say that it speaks it has a second cluster for these routes.

use std::collections::BTreeSet;

use sluicegate_resource::{
    ObjectRef, Store,
    gateway::{BackendRef, Filter},
};

use crate::BackendKey;

/// Backends that a GRPCRoute names, whether it may use them or not.
#[derive(Debug, Default)]
pub(crate) struct Called {
    /// Objects with a port; 0 for a Backend.
    objects: BTreeSet<(ObjectRef, u16)>,
    /// Hosts with a port.
    hosts: BTreeSet<(String, u16)>,
}

impl Called {
    pub(crate) fn contains(&self, key: &BackendKey) -> bool {
        match &key.host {
            Some(host) => self.hosts.contains(&(host.to_string(), key.port)),
            None => self.objects.contains(&(key.object.clone(), key.port)),
        }
    }
}

/// The backends of the store's GRPCRoutes.
pub(crate) fn called(store: &Store) -> Called {
    let mut called = Called::default();
    for (object, route) in &store.routes {
        if &*object.kind != "GRPCRoute" {
            continue;
        }
        for rule in &route.spec.rules {
            let mirrors = rule.filters.iter().filter_map(|filter| match filter {
                Filter::RequestMirror(mirror) => Some(&mirror.backend_ref),
                _ => None,
            });
            for reference in rule.backend_refs.iter().chain(mirrors) {
                called.add(reference, &object.namespace);
            }
        }
    }
    called
}

impl Called {
    fn add(&mut self, reference: &BackendRef, own: &str) {
        let BackendRef {
            group, kind, name, ..
        } = reference;
        let port = reference.port.unwrap_or_default();
        if kind == "Hostname" {
            self.hosts.insert((name.clone(), port));
            return;
        }
        let namespace = reference.namespace.as_deref().unwrap_or(own);
        let port = if kind == "Backend" { 0 } else { port };
        let object = ObjectRef::new(group, kind, namespace, name);
        self.objects.insert((object, port));
    }
}
