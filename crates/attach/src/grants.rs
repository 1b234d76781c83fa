// SPDX-License-Identifier: Apache-2.0
//! References across namespaces.
//!
//! In: who refers to what. Out: whether a ReferenceGrant in the target's namespace allows it.

use sluicegate_resource::{ObjectRef, Store};

/// Whether an object of `kind` (in the Gateway API group) and `namespace` may refer to `to`.
pub(crate) fn permitted(store: &Store, kind: &str, namespace: &str, to: &ObjectRef) -> bool {
    if *namespace == *to.namespace {
        return true;
    }
    let grants = store.reference_grants.values();
    grants
        .filter(|grant| *grant.metadata.namespace() == *to.namespace)
        .any(|grant| {
            let from = grant.spec.from.iter().any(|from| {
                from.group == "gateway.networking.k8s.io"
                    && from.kind == kind
                    && from.namespace == namespace
            });
            from && grant.spec.to.iter().any(|target| {
                *target.group == *to.group
                    && *target.kind == *to.kind
                    && target.name.as_deref().is_none_or(|name| *name == *to.name)
            })
        })
}
