// SPDX-License-Identifier: Apache-2.0
//! ReferenceGrant.

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
