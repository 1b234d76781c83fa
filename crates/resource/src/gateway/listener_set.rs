// SPDX-License-Identifier: Apache-2.0
//! ListenerSet.
//!
//! In: a document. Out: listeners for a Gateway that somebody else owns.

use super::{
    Listener,
    gateway::{gateway_reference, listeners},
};
use crate::{
    Metadata, ObjectRef,
    admission::{Block, GATEWAY},
    decode::Body,
};

/// A ListenerSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerSet {
    /// `parentRef`, with its namespace; a Gateway.
    pub parent: ObjectRef,
    /// `listeners`, 1..64.
    pub listeners: Vec<Listener>,
}

impl Body for ListenerSet {
    fn decode(root: &Block<'_>, metadata: &Metadata) -> Self {
        let spec = root.required("spec");
        let own = metadata.namespace();
        let spec = spec.and_then(|field| field.object(|block| Self::spec(block, own)));
        spec.unwrap_or_else(|| Self {
            parent: ObjectRef::new(GATEWAY, "Gateway", own, ""),
            listeners: Vec::new(),
        })
    }
}

impl ListenerSet {
    fn spec(block: &Block<'_>, own: &str) -> Self {
        let parent = block.required("parentRef");
        let parent = parent.and_then(|field| field.object(|block| gateway_reference(block, own)));
        let items = block.required("listeners").map(|field| field.items(1..=64));
        Self {
            parent: parent.unwrap_or_else(|| ObjectRef::new(GATEWAY, "Gateway", own, "")),
            listeners: listeners(&items.unwrap_or_default()),
        }
    }
}
