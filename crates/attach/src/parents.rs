// SPDX-License-Identifier: Apache-2.0
//! Which listeners a parentRef of a route means.
//!
//! In: a route, one parentRef and a Gateway. Out: the listeners it attaches to with the hostnames
//! in common, or Gateway API's reason why there is none.

use sluicegate_resource::{
    Object, ObjectRef, Store,
    gateway::{Carried, FromNamespaces, NamespaceSelector, ParentRef, Route},
};

use crate::{Gateway, Listener, hostname::intersection, verdict::Outcome};

/// Listeners by index, each with the hostnames in common.
pub(crate) type Places = Vec<(usize, Vec<String>)>;

/// Resolves `parent` of `route` against its Gateway.
pub(crate) fn places(
    store: &Store,
    gateway: &Gateway,
    route: &Object<Route>,
    parent: &ParentRef,
) -> Result<Places, Outcome> {
    let owner = parent_object(route, parent);
    let named = gateway
        .listeners
        .iter()
        .enumerate()
        .filter(|(_, listener)| {
            listener.owner == owner
                && parent
                    .section_name
                    .as_ref()
                    .is_none_or(|name| *name == listener.spec.name)
                && parent.port.is_none_or(|port| port == listener.spec.port)
        });
    let named: Vec<(usize, &Listener)> = named.collect();
    if named.is_empty() {
        let message = format!("{owner} has no such listener");
        return Err(Outcome::No("NoMatchingParent", message));
    }
    let namespace = route.metadata.namespace();
    let kind = &*route.reference().kind;
    if route.spec.carried == Carried::Udp {
        return Err(Outcome::No(
            "UnsupportedValue",
            format!("{kind}s are not implemented"),
        ));
    }
    let allowed: Vec<(usize, &Listener)> = named
        .into_iter()
        .filter(|(_, listener)| {
            listener.verdict.supported_kinds.contains(&kind) && admits(store, listener, namespace)
        })
        .collect();
    if allowed.is_empty() {
        let message = format!("no listener takes {kind}s of namespace {namespace}");
        return Err(Outcome::No("NotAllowedByListeners", message));
    }
    let places: Places = allowed
        .into_iter()
        .map(|(index, listener)| (index, common_hostnames(listener, route)))
        .filter(|(_, hostnames)| !hostnames.is_empty())
        .collect();
    if places.is_empty() {
        let message = "no listener hostname matches a hostname of the route".to_owned();
        return Err(Outcome::No("NoMatchingListenerHostname", message));
    }
    Ok(places)
}

fn common_hostnames(listener: &Listener, route: &Object<Route>) -> Vec<String> {
    let own = listener.spec.hostname.as_deref();
    if route.spec.hostnames.is_empty() {
        return intersection(own, None).into_iter().collect();
    }
    route
        .spec
        .hostnames
        .iter()
        .filter_map(|name| intersection(own, Some(name)))
        .collect()
}

fn admits(store: &Store, listener: &Listener, namespace: &str) -> bool {
    let from = &listener.spec.allowed_routes.from;
    from_allows(store, from, &listener.owner.namespace, namespace)
}

/// The object that a parentRef names.
pub(crate) fn parent_object(route: &Object<Route>, parent: &ParentRef) -> ObjectRef {
    let own = route.metadata.namespace();
    let namespace = parent.namespace.as_deref().unwrap_or(own);
    ObjectRef::new(&parent.group, &parent.kind, namespace, &parent.name)
}

/// Whether something in namespace `own` lets in what is in `namespace`.
pub(crate) fn from_allows(
    store: &Store,
    from: &FromNamespaces,
    own: &str,
    namespace: &str,
) -> bool {
    match from {
        FromNamespaces::All => true,
        FromNamespaces::None => false,
        FromNamespaces::Same => namespace == own,
        FromNamespaces::Selector(selector) => store
            .namespaces
            .get(&ObjectRef::new("", "Namespace", "", namespace))
            .is_some_and(|object| selects(selector, &object.metadata.labels)),
    }
}

pub(crate) fn selects(
    selector: &NamespaceSelector,
    labels: &std::collections::BTreeMap<String, String>,
) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().all(|requirement| {
            let value = labels.get(&requirement.key);
            let listed = value.is_some_and(|value| requirement.values.contains(value));
            match requirement.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}
