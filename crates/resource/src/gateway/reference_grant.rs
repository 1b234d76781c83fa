// SPDX-License-Identifier: Apache-2.0
//! ReferenceGrant.
//!
//! In: a document. Out: who may refer to what.

use super::reference;
use crate::{Metadata, admission::Block, decode::Body};

/// A ReferenceGrant; it lives in the target's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceGrant {
    /// `from`, 1..16.
    pub from: Vec<GrantFrom>,
    /// `to`, 1..16.
    pub to: Vec<GrantTo>,
}

/// Who may refer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFrom {
    /// Group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
}

/// What may be referred to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantTo {
    /// Group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name; `None` means every object of the kind.
    pub name: Option<String>,
}

impl Body for ReferenceGrant {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl ReferenceGrant {
    fn spec(block: &Block<'_>) -> Self {
        let from = block.required("from").map(|field| field.items(1..=16));
        let to = block.required("to").map(|field| field.items(1..=16));
        let from = from.unwrap_or_default();
        let to = to.unwrap_or_default();
        Self {
            from: from
                .iter()
                .filter_map(|item| item.object(grant_from))
                .collect(),
            to: to.iter().filter_map(|item| item.object(grant_to)).collect(),
        }
    }
}

fn grant_from(block: &Block<'_>) -> GrantFrom {
    GrantFrom {
        group: reference::group(block, None),
        kind: reference::kind(block, None),
        namespace: reference::required_namespace(block),
    }
}

fn grant_to(block: &Block<'_>) -> GrantTo {
    GrantTo {
        group: reference::group(block, None),
        kind: reference::kind(block, None),
        name: block
            .optional("name")
            .and_then(|field| field.text(253))
            .map(str::to_owned),
    }
}
