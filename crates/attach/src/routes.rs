// SPDX-License-Identifier: Apache-2.0
//! Attaching routes: to listeners above, to backends below.
//!
//! In: the store, Gateways, backends. Out: Gateways with their routes, and a verdict per route and
//! parent.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Object, ObjectRef, Store,
    gateway::{BackendRef, Carried, Filter, ParentRef, Route, RouteRule},
};

use crate::{
    AttachedRoute, Backend, BackendKey, Gateway, ResolvedBackend, ResolvedMirror, ResolvedRule,
    grants::{Referrer, permitted_to},
    parents::{parent_object, places},
    verdict::{BrokenReference, Outcome, ParentVerdict, RouteVerdict},
};

type Backends = BTreeMap<BackendKey, Arc<Backend>>;

/// Attaches every route of the store.
pub(crate) fn attach(
    store: &Store,
    mut gateways: Vec<Gateway>,
    backends: &Backends,
) -> (Vec<Gateway>, Vec<RouteVerdict>) {
    let mut routes: Vec<_> = store.routes.values().collect();
    routes.sort_by(|a, b| a.metadata.age_order().cmp(&b.metadata.age_order()));
    let mut verdicts = Vec::new();
    for route in routes {
        let verdict = attach_one(store, &mut gateways, route, backends);
        if !verdict.parents.is_empty() {
            verdicts.push(verdict);
        }
    }
    verdicts.sort_by(|a, b| a.route.reference().cmp(b.route.reference()));
    (gateways, verdicts)
}

fn attach_one(
    store: &Store,
    gateways: &mut [Gateway],
    route: &Arc<Object<Route>>,
    backends: &Backends,
) -> RouteVerdict {
    let mut parents = Vec::new();
    let mut resolved: Option<(Arc<Vec<ResolvedRule>>, Vec<BrokenReference>)> = None;
    for parent in &route.spec.parent_refs {
        let Some(gateway) = gateway_of(gateways, route, parent) else {
            continue;
        };
        let (rules, broken) = resolved.get_or_insert_with(|| resolve(store, route, backends));
        let accepted = match places(store, gateway, route, parent) {
            Ok(places) => {
                for (index, hostnames) in places {
                    add(&mut gateway.listeners[index], route, hostnames, rules);
                }
                Outcome::Ok
            }
            Err(outcome) => outcome,
        };
        parents.push(ParentVerdict {
            parent: parent.clone(),
            accepted,
            resolved_refs: summary(broken),
        });
    }
    let (rules, broken) = resolved.unwrap_or_default();
    RouteVerdict {
        route: route.clone(),
        parents,
        rules,
        broken,
    }
}

/// The Gateway of ours that a parentRef names, or that the ListenerSet belongs to that it names.
fn gateway_of<'a>(
    gateways: &'a mut [Gateway],
    route: &Object<Route>,
    parent: &ParentRef,
) -> Option<&'a mut Gateway> {
    let reference = parent_object(route, parent);
    gateways.iter_mut().find(|gateway| {
        let mut sets = gateway.listener_sets.iter();
        *gateway.object.reference() == reference
            || sets.any(|set| *set.object.reference() == reference)
    })
}

/// Two parentRefs may lead to one listener; the route is there once.
fn add(
    listener: &mut crate::Listener,
    route: &Arc<Object<Route>>,
    hostnames: Vec<String>,
    rules: &Arc<Vec<ResolvedRule>>,
) {
    if listener
        .routes
        .iter()
        .any(|attached| Arc::ptr_eq(&attached.route, route))
    {
        return;
    }
    let unique: BTreeSet<String> = hostnames.into_iter().collect();
    listener.verdict.attached_routes += 1;
    let older = match route.spec.carried.is_requests() {
        true => BTreeMap::new(),
        false => older(&listener.routes, &unique),
    };
    listener.routes.push(AttachedRoute {
        route: route.clone(),
        hostnames: unique.into_iter().collect(),
        older,
        rules: rules.clone(),
        traffic: Vec::new(),
    });
}

/// A connection goes one way only: the oldest route of a name has it.
fn older(routes: &[AttachedRoute], hostnames: &BTreeSet<String>) -> BTreeMap<String, ObjectRef> {
    let holder = |name: &String| {
        let mut routes = routes.iter();
        let holder = routes.find(|route| route.hostnames.contains(name))?;
        Some((name.clone(), holder.route.reference().clone()))
    };
    hostnames.iter().filter_map(holder).collect()
}

fn resolve(
    store: &Store,
    route: &Object<Route>,
    backends: &Backends,
) -> (Arc<Vec<ResolvedRule>>, Vec<BrokenReference>) {
    let mut problems: Vec<BrokenReference> = Vec::new();
    let resolver = Resolver {
        store,
        backends,
        referrer: route.reference(),
        carried: route.spec.carried,
    };
    let rules = route
        .spec
        .rules
        .iter()
        .map(|rule| resolver.rule(rule, &mut problems))
        .collect();
    // One reason is reported; those that come first in the API's order of checks win.
    problems.sort_by_key(|problem| {
        REASONS
            .iter()
            .position(|known| *known == problem.reason)
            .unwrap_or(REASONS.len())
    });
    (Arc::new(rules), problems)
}

/// The first reason, every message once.
fn summary(broken: &[BrokenReference]) -> Outcome {
    let Some(first) = broken.first() else {
        return Outcome::Ok;
    };
    let mut messages: Vec<&str> = Vec::new();
    for problem in broken {
        if !messages.contains(&problem.message.as_str()) {
            messages.push(&problem.message);
        }
    }
    Outcome::No(first.reason, messages.join("; "))
}

const REASONS: [&str; 4] = [
    "InvalidKind",
    "RefNotPermitted",
    "BackendNotFound",
    "UnsupportedProtocol",
];

/// The backend that takes the spans of `referrer`, if it may and can.
pub(crate) fn collector(
    store: &Store,
    backends: &Backends,
    referrer: &ObjectRef,
    reference: &BackendRef,
) -> Result<BackendKey, (&'static str, String)> {
    let resolver = Resolver {
        store,
        backends,
        referrer,
        carried: Carried::Grpc,
    };
    let key = resolver.backend(reference)?;
    let closed = backends.get(&key).and_then(|it| it.closed.as_ref());
    match closed {
        Some(reason) => Err(("UnusableBackend", reason.clone())),
        None => Ok(key),
    }
}

struct Resolver<'a> {
    store: &'a Store,
    backends: &'a Backends,
    /// The route, or whatever else refers to a backend.
    referrer: &'a ObjectRef,
    carried: Carried,
}

impl Resolver<'_> {
    fn rule(&self, rule: &RouteRule, problems: &mut Vec<BrokenReference>) -> ResolvedRule {
        let mut broken = None;
        let mut mirrors = Vec::new();
        let mut report = |(reason, message), path: &FieldPath| {
            problems.push(BrokenReference {
                reason,
                message,
                path: path.clone(),
            });
        };
        for (index, filter) in rule.filters.iter().enumerate() {
            match filter {
                Filter::Extension(kind, name) => {
                    let message =
                        format!("filter {kind} {name} is not supported").replace("  ", " ");
                    let path = rule.path.field("filters").index(index);
                    report(("InvalidKind", message.clone()), &path);
                    broken = Some(message);
                }
                Filter::RequestMirror(mirror) => match self.backend(&mirror.backend_ref) {
                    Ok(key) => mirrors.push(ResolvedMirror {
                        key,
                        fraction: mirror.fraction,
                    }),
                    Err(problem) => report(problem, &mirror.backend_ref.path),
                },
                _ => {}
            }
        }
        let backends = rule
            .backend_refs
            .iter()
            .map(|reference| {
                let unsupported = reference
                    .filters
                    .iter()
                    .any(|filter| matches!(filter, Filter::Extension(..)));
                let found = self.backend(reference).and_then(|key| {
                    let message = "a filter of a backendRef is not supported".to_owned();
                    if unsupported {
                        Err(("InvalidKind", message))
                    } else {
                        Ok(key)
                    }
                });
                ResolvedBackend {
                    key: found
                        .map_err(|problem| report(problem, &reference.path))
                        .ok(),
                    weight: reference.weight,
                    filters: reference.filters.clone(),
                }
            })
            .collect();
        ResolvedRule {
            rule: rule.clone(),
            backends,
            mirrors,
            broken,
        }
    }

    fn backend(&self, reference: &BackendRef) -> Result<BackendKey, (&'static str, String)> {
        let namespace = reference
            .namespace
            .as_deref()
            .unwrap_or(&self.referrer.namespace);
        let object = ObjectRef::new(
            &reference.group,
            &reference.kind,
            namespace,
            &reference.name,
        );
        let kind = (reference.group.as_str(), reference.kind.as_str());
        let hostname = kind == ("networking.istio.io", "Hostname");
        if !hostname && !matches!(kind, ("", "Service") | ("gateway.kgateway.dev", "Backend")) {
            let message = format!("{object}: backends are Service, Backend or Hostname");
            return Err(("InvalidKind", message));
        }
        if !hostname && !permitted_to(self.store, &Referrer::of(self.referrer), &object) {
            let message = format!(
                "no ReferenceGrant in {namespace} lets {} use {object}",
                self.referrer.namespace
            );
            return Err(("RefNotPermitted", message));
        }
        let port = if kind.1 == "Backend" {
            0
        } else {
            reference.port.unwrap_or_default()
        };
        let found = if hostname {
            self.by_hostname(&reference.name, port)
        } else {
            let key = BackendKey {
                object: object.clone(),
                host: None,
                port,
                grpc: false,
            };
            self.backends.get(&key)
        };
        let missing = || {
            let exists = self.store.services.contains_key(&object);
            let what = if exists {
                format!("{object} has no port {port}")
            } else {
                format!("{object} does not exist")
            };
            ("BackendNotFound", what)
        };
        let backend = found.ok_or_else(missing)?;
        match unsupported_protocol(backend) {
            Some(protocol) => {
                let message = format!("{}: appProtocol {protocol} is not supported", backend.key);
                Err(("UnsupportedProtocol", message))
            }
            None => Ok(self.for_this_kind(&backend.key)),
        }
    }

    fn for_this_kind(&self, key: &BackendKey) -> BackendKey {
        let of_grpc = key.of_grpc();
        let other = self.carried == Carried::Grpc && self.backends.contains_key(&of_grpc);
        if other { of_grpc } else { key.clone() }
    }

    /// A host of a ServiceEntry, looked up in every namespace: Istio hosts are mesh-wide names.
    fn by_hostname(&self, host: &str, port: u16) -> Option<&Arc<Backend>> {
        self.backends.values().find(|backend| {
            let BackendKey {
                host: known, grpc, ..
            } = &backend.key;
            backend.key.port == port && known.as_deref() == Some(host) && !grpc
        })
    }
}

/// `kubernetes.io/` protocols that we do not speak; other unknown words mean HTTP/1.1.
fn unsupported_protocol(backend: &Backend) -> Option<&str> {
    let crate::BackendSource::Service { port, .. } = &backend.source else {
        return None;
    };
    let protocol = port.app_protocol.as_deref()?;
    let known = ["kubernetes.io/h2c", "kubernetes.io/ws", "kubernetes.io/wss"];
    let secured = protocol == "kubernetes.io/wss" && backend.tls_policy.is_none();
    let unknown = protocol.starts_with("kubernetes.io/") && !known.contains(&protocol);
    (unknown || secured).then_some(protocol)
}
