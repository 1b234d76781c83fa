// SPDX-License-Identifier: Apache-2.0
//! Every backend with its policies merged.
//!
//! In: the store and the bound policies. Out: backends by key; one whose inputs did not change
//! keeps its `Arc` from the previous round.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_resource::{
    Object, ObjectRef, Store,
    core::EndpointSlice,
    kgateway::{self, BackendConfigPolicy, BackendType},
};

use crate::{
    Backend, BackendKey, BackendSource, EffectivePolicy, ProtocolClass, TlsMaterial, TlsPolicy,
    called::called,
    policies::Bound,
    suitability,
    targets::{service_entry_keys, service_keys},
    tls_policies::TlsPolicies,
};

/// Builds every backend of the store.
pub(crate) fn build(
    store: &Store,
    bound: &Bound,
    tls_policies: &TlsPolicies,
    previous: &BTreeMap<BackendKey, Arc<Backend>>,
) -> BTreeMap<BackendKey, Arc<Backend>> {
    let slices = slices_by_service(store);
    let called = called(store);
    let mut backends = BTreeMap::new();
    let mut build = |key: BackendKey, source: BackendSource| {
        let inputs = Inputs {
            connections_only: called.by_connections_only(&key),
            ..Inputs::of(&key, source, bound, tls_policies)
        };
        let kept = previous.get(&key).filter(|backend| inputs.are_of(backend));
        let backend = kept
            .cloned()
            .unwrap_or_else(|| Arc::new(inputs.into_backend(key.clone())));
        backends.insert(key, backend);
    };
    let mut add = |key: BackendKey, source: BackendSource| {
        if called.by_grpc(&key) && protocol(&source) != ProtocolClass::Http2 {
            build(key.of_grpc(), source.clone());
        }
        build(key, source);
    };
    for service in store.services.values() {
        let own = slices.get(service.reference()).cloned().unwrap_or_default();
        for key in service_keys(service) {
            let Some(port) = service.spec.ports.iter().find(|port| port.port == key.port) else {
                continue;
            };
            let source = BackendSource::Service {
                object: service.clone(),
                port: port.clone(),
                slices: own.clone(),
            };
            add(key, source);
        }
    }
    for backend in store.backends.values() {
        let key = BackendKey {
            object: backend.reference().clone(),
            host: None,
            port: 0,
            grpc: false,
        };
        let groups = groups(backend, store);
        add(
            key,
            BackendSource::Backend {
                object: backend.clone(),
                groups,
            },
        );
    }
    for entry in store.service_entries.values() {
        for host in &entry.spec.hosts {
            for key in service_entry_keys(entry, host) {
                let Some(port) = entry.spec.ports.iter().find(|port| port.number == key.port)
                else {
                    continue;
                };
                let source = BackendSource::ServiceEntry {
                    object: entry.clone(),
                    host: host.as_str().into(),
                    port: port.clone(),
                };
                add(key, source);
            }
        }
    }
    backends
}

type Slices = BTreeMap<ObjectRef, Vec<Arc<Object<EndpointSlice>>>>;

fn slices_by_service(store: &Store) -> Slices {
    let mut slices: Slices = BTreeMap::new();
    for slice in store.endpoint_slices.values() {
        if let Some(name) = &slice.spec.service_name {
            let service = ObjectRef::new("", "Service", slice.metadata.namespace(), name);
            slices.entry(service).or_default().push(slice.clone());
        }
    }
    slices
}

/// The Static Backends behind a Backend, by priority. Members that are missing or not Static are
/// left out; `closed` reports an empty result.
fn groups(
    backend: &Arc<Object<kgateway::Backend>>,
    store: &Store,
) -> Vec<Vec<Arc<Object<kgateway::Backend>>>> {
    let member = |name: &String| {
        let reference = backend.reference();
        let member = ObjectRef::new(
            &reference.group,
            &reference.kind,
            &reference.namespace,
            name,
        );
        let member = store.backends.get(&member)?;
        matches!(member.spec.backend_type, BackendType::Static { .. }).then(|| member.clone())
    };
    match &backend.spec.backend_type {
        BackendType::Static { .. } => vec![vec![backend.clone()]],
        BackendType::PriorityGroups(groups) => groups
            .iter()
            .map(|group| group.backends.iter().filter_map(member).collect())
            .collect(),
        BackendType::Unsupported(_) => Vec::new(),
    }
}

/// Everything that a backend depends on.
struct Inputs {
    source: BackendSource,
    valid: Vec<Arc<Object<BackendConfigPolicy>>>,
    bound: Vec<Arc<Object<BackendConfigPolicy>>>,
    tls: Option<Arc<TlsMaterial>>,
    tls_policy: Option<Arc<TlsPolicy>>,
    closed: Option<String>,
    connections_only: bool,
}

impl Inputs {
    fn of(
        key: &BackendKey,
        source: BackendSource,
        bound: &Bound,
        tls_policies: &TlsPolicies,
    ) -> Self {
        let (valid, invalid): (Vec<_>, Vec<_>) =
            bound.of(key).partition(|policy| policy.errors.is_empty());
        let port_name = match &source {
            BackendSource::Service { port, .. } => port.name.as_str(),
            BackendSource::Backend { .. } | BackendSource::ServiceEntry { .. } => "",
        };
        let tls_policy = tls_policies.of(&key.object, port_name).cloned();
        let closed = unsupported(&source).or_else(|| {
            let failing = invalid
                .iter()
                .find(|policy| policy.policy.spec.secures_connection)?;
            let policy = failing.policy.reference();
            Some(format!(
                "{policy} is invalid and secures this connection: {}",
                failing.errors.join("; ")
            ))
        });
        let closed = closed.or_else(|| {
            let policy = tls_policy.as_ref()?;
            Some(format!(
                "{}: {}",
                policy.policy.reference(),
                policy.error.as_ref()?.1
            ))
        });
        let tls = valid.iter().find(|policy| policy.policy.spec.tls.is_some());
        Self {
            tls: tls.and_then(|policy| policy.tls.clone()),
            valid: valid.iter().map(|policy| policy.policy.clone()).collect(),
            bound: valid
                .iter()
                .chain(&invalid)
                .map(|policy| policy.policy.clone())
                .collect(),
            tls_policy,
            closed,
            connections_only: false,
            source,
        }
    }

    /// Whether `backend` was made of the same things.
    fn are_of(&self, backend: &Backend) -> bool {
        same_source(&self.source, &backend.source)
            && all_same(&self.bound, &backend.bound)
            && self.closed == backend.closed
            && self.connections_only == backend.connections_only
            && self.tls == backend.tls
            && self.tls_policy == backend.tls_policy
    }

    fn into_backend(self, key: BackendKey) -> Backend {
        let mut backend = Backend {
            protocol: match key.grpc {
                true => ProtocolClass::Http2,
                false => protocol(&self.source),
            },
            key,
            policy: EffectivePolicy::merge(&self.valid),
            source: self.source,
            bound: self.bound,
            tls: self.tls,
            tls_policy: self.tls_policy,
            closed: self.closed,
            connections_only: self.connections_only,
        };
        suitability::apply(&mut backend);
        backend
    }
}

fn unsupported(source: &BackendSource) -> Option<String> {
    let BackendSource::Backend { object, groups } = source else {
        return None;
    };
    match &object.spec.backend_type {
        BackendType::Unsupported(name) => Some(format!(
            "{}: type {name} is not implemented",
            object.reference()
        )),
        _ if groups.iter().all(Vec::is_empty) => Some(format!(
            "{}: no member is a Static Backend",
            object.reference()
        )),
        _ => None,
    }
}

fn same_source(a: &BackendSource, b: &BackendSource) -> bool {
    match (a, b) {
        (
            BackendSource::Service {
                object: a,
                slices: slices_a,
                ..
            },
            BackendSource::Service {
                object: b,
                slices: slices_b,
                ..
            },
        ) => Arc::ptr_eq(a, b) && all_same(slices_a, slices_b),
        (
            BackendSource::Backend {
                object: a,
                groups: groups_a,
            },
            BackendSource::Backend {
                object: b,
                groups: groups_b,
            },
        ) => {
            Arc::ptr_eq(a, b)
                && groups_a.len() == groups_b.len()
                && groups_a.iter().zip(groups_b).all(|(a, b)| all_same(a, b))
        }
        (
            BackendSource::ServiceEntry { object: a, .. },
            BackendSource::ServiceEntry { object: b, .. },
        ) => Arc::ptr_eq(a, b),
        _ => false,
    }
}

fn all_same<T>(a: &[Arc<T>], b: &[Arc<T>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// The protocol class (spec 4.6): `appProtocol`, or the port's name when a Service port has none.
fn protocol(source: &BackendSource) -> ProtocolClass {
    let text = match source {
        BackendSource::Service { port, .. } => port.app_protocol.as_deref().unwrap_or(&port.name),
        BackendSource::ServiceEntry { port, .. } => &port.protocol,
        BackendSource::Backend { object, .. } => match &object.spec.backend_type {
            BackendType::Static { app_protocol, .. } => app_protocol.as_deref().unwrap_or_default(),
            BackendType::PriorityGroups(_) | BackendType::Unsupported(_) => "",
        },
    };
    match text.to_ascii_lowercase().as_str() {
        "http2" | "grpc" | "grpc-web" | "kubernetes.io/h2c" => ProtocolClass::Http2,
        "kubernetes.io/ws" => ProtocolClass::WebSocket,
        _ => ProtocolClass::Http1,
    }
}
