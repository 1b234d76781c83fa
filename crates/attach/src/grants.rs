// SPDX-License-Identifier: Apache-2.0
//! References across namespaces.
//!
//! In: who refers to what. Out: whether a ReferenceGrant in the target's namespace allows it.

use sluicegate_resource::{ObjectRef, Store};

/// The group of Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";

/// Who refers.
pub(crate) struct Referrer<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
}

impl<'a> Referrer<'a> {
    /// The object that refers.
    pub(crate) fn of(object: &'a ObjectRef) -> Self {
        Self {
            group: &object.group,
            kind: &object.kind,
            namespace: &object.namespace,
        }
    }

    /// A BackendTrafficPolicy.
    pub(crate) fn traffic_policy(namespace: &'a str) -> Self {
        Self {
            group: "gateway.envoyproxy.io",
            kind: "BackendTrafficPolicy",
            namespace,
        }
    }
}

/// Whether an object of `kind` (in the Gateway API group) and `namespace` may refer to `to`.
pub(crate) fn permitted(store: &Store, kind: &str, namespace: &str, to: &ObjectRef) -> bool {
    let from = Referrer {
        group: GATEWAY_API,
        kind,
        namespace,
    };
    permitted_to(store, &from, to)
}

/// Whether `referrer` may refer to `to`.
pub(crate) fn permitted_to(store: &Store, referrer: &Referrer<'_>, to: &ObjectRef) -> bool {
    if *referrer.namespace == *to.namespace {
        return true;
    }
    let grants = store.reference_grants.values();
    grants
        .filter(|grant| *grant.metadata.namespace() == *to.namespace)
        .any(|grant| {
            let from = grant.spec.from.iter().any(|from| {
                from.group == referrer.group
                    && from.kind == referrer.kind
                    && from.namespace == referrer.namespace
            });
            from && grant.spec.to.iter().any(|target| {
                *target.group == *to.group
                    && *target.kind == *to.kind
                    && target.name.as_deref().is_none_or(|name| *name == *to.name)
            })
        })
}
