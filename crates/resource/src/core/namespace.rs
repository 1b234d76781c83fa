// SPDX-License-Identifier: Apache-2.0
//! `v1` Namespace.
//!
//! In: a document. Out: nothing but its metadata.

use crate::{Metadata, admission::Block, decode::Body};

/// A Namespace; only its labels matter, and they are in the metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Namespace;

impl Body for Namespace {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.optional("spec");
        spec.and_then(|field| field.object(|block| block.accept(&["finalizers"])));
        Self
    }
}
