// SPDX-License-Identifier: Apache-2.0
//! Decoding of backend references.
//!
//! In: the block of a `backendRef`. Out: a reference with the API's defaults.

use super::{super::reference, BackendRef, Carried, filters::filters};
use crate::admission::{Block, Field};

/// The largest weight of a backend.
const MAX_WEIGHT: u32 = 1_000_000;

/// A backend of a rule: a reference with a weight and filters.
pub(super) fn backend_ref(block: &Block<'_>, item: &Field<'_>, carried: Carried) -> BackendRef {
    BackendRef {
        // API default: 1.
        weight: block.u32("weight", 0..=MAX_WEIGHT).unwrap_or(1),
        filters: match carried.is_requests() {
            true => filters(block, carried),
            false => Vec::new(),
        },
        ..backend_object(block, item)
    }
}

/// A backend outside of a route; its weight means nothing.
pub(crate) fn lone_backend(field: &Field<'_>) -> Option<BackendRef> {
    field.object(|block| {
        block.accept(&["fallback", "weight"]);
        backend_object(block, field)
    })
}

/// The object that a backend or a mirror names.
pub(super) fn backend_object(block: &Block<'_>, item: &Field<'_>) -> BackendRef {
    let port = block.optional("port");
    let group = reference::group(block, Some(""));
    let kind = reference::kind(block, Some("Service"));
    if group.is_empty() && kind == "Service" && port.is_none() {
        item.reject("Must have port for Service reference");
    }
    BackendRef {
        group,
        kind,
        namespace: reference::namespace(block),
        name: reference::name(block),
        port: port.and_then(|field| field.port()),
        weight: 1,
        filters: Vec::new(),
        path: item.path(),
    }
}
