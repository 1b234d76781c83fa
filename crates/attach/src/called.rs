// SPDX-License-Identifier: Apache-2.0
//! Backends that routes name, by what comes to them.
//!
//! In: the store. Out: what backendRefs and mirrors name, whether they may or not. gRPC needs HTTP/2,
//! so a backend that does not say that it speaks it has a second cluster for GRPCRoutes and for spans. Where only
//! connections come, what is said of requests does nothing.

use std::collections::BTreeSet;

use sluicegate_resource::{
    ObjectRef, Store,
    gateway::{BackendRef, Carried, Filter},
    telemetry::{Collector, GatewayTracing},
};

use crate::BackendKey;

/// Backends that routes name.
#[derive(Debug, Default)]
pub(crate) struct Called {
    grpc: Names,
    /// HTTPRoutes; not GRPCRoutes.
    http: Names,
    /// TCPRoutes and TLSRoutes.
    connections: Names,
}

impl Called {
    /// Whether a GRPCRoute names it, or a collector of spans is it.
    pub(crate) fn by_grpc(&self, key: &BackendKey) -> bool {
        self.grpc.contains(key)
    }

    /// Whether TCPRoutes or TLSRoutes name it, and no other route.
    pub(crate) fn by_connections_only(&self, key: &BackendKey) -> bool {
        let requests = self.grpc.contains(key) || self.http.contains(key);
        self.connections.contains(key) && !requests
    }
}

#[derive(Debug, Default)]
struct Names {
    /// Objects with a port; 0 for a Backend.
    objects: BTreeSet<(ObjectRef, u16)>,
    /// Hosts with a port.
    hosts: BTreeSet<(String, u16)>,
}

/// The backends of the store's routes.
pub(crate) fn called(store: &Store) -> Called {
    let mut called = Called::default();
    for (object, route) in &store.routes {
        let names = match route.spec.carried {
            Carried::Grpc => &mut called.grpc,
            Carried::Http => &mut called.http,
            Carried::Tcp | Carried::Tls => &mut called.connections,
            Carried::Udp => continue,
        };
        for rule in &route.spec.rules {
            let mirrors = rule.filters.iter().filter_map(|filter| match filter {
                Filter::RequestMirror(mirror) => Some(&mirror.backend_ref),
                _ => None,
            });
            for reference in rule.backend_refs.iter().chain(mirrors) {
                names.add(reference, &object.namespace);
            }
        }
    }
    let proxies = store.envoy_proxies.iter();
    let proxies = proxies.map(|(object, proxy)| (object, proxy.spec.tracing.as_ref()));
    let policies = store.http_listener_policies.iter();
    let policies = policies.map(|(object, policy)| (object, policy.spec.tracing.as_ref()));
    for (object, tracing) in proxies.chain(policies) {
        if let Some(GatewayTracing {
            collector: Collector::Backend(reference),
            ..
        }) = tracing
        {
            called.grpc.add(reference, &object.namespace);
        }
    }
    called
}

impl Names {
    fn contains(&self, key: &BackendKey) -> bool {
        match &key.host {
            Some(host) => self.hosts.contains(&(host.to_string(), key.port)),
            None => self.objects.contains(&(key.object.clone(), key.port)),
        }
    }

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
