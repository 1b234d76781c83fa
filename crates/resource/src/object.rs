// SPDX-License-Identifier: Apache-2.0
//! What every object has: identity, metadata, origin.
//!
//! In: a document's envelope. Out: [`Object`], which pairs a typed body with its document.

use std::{collections::BTreeMap, fmt, sync::Arc};

use sluicegate_manifest::{Diagnostic, Document, Severity};

/// Group, kind, namespace and name of an object. Orders as the text `group/kind/namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// API group; empty for the core group.
    pub group: Arc<str>,
    /// Kind.
    pub kind: Arc<str>,
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// A reference from its four parts.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// `Kind namespace/name`, the form that people read.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// The parts of `metadata` that matter to translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Identity.
    pub reference: ObjectRef,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// `creationTimestamp` in nanoseconds since 1970; `None` counts as oldest (design decision 10).
    pub creation_timestamp: Option<i128>,
    /// `generation`; 1 where the manifest has none.
    pub generation: i64,
}

impl Metadata {
    /// Stands in for metadata that could not be read.
    pub(crate) fn unnamed(group: &str, kind: &str) -> Self {
        Self {
            reference: ObjectRef::new(group, kind, "", ""),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            creation_timestamp: None,
            generation: 1,
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.reference.namespace
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.reference.name
    }

    /// The order in which objects win ties: older first, objects without a timestamp oldest, then
    /// by reference.
    pub fn age_order(&self) -> (Option<i128>, &ObjectRef) {
        (self.creation_timestamp, &self.reference)
    }
}

/// A decoded object.
#[derive(Debug)]
pub struct Object<T> {
    /// Identity, labels, annotations, age.
    pub metadata: Metadata,
    /// The typed body with defaults applied.
    pub spec: T,
    /// The document it was decoded from; spans for every field.
    pub document: Arc<Document>,
    /// What decoding found. An object with an error is kept only where its status needs it
    /// (policies); such an object must contribute nothing.
    pub diagnostics: Vec<Diagnostic>,
}

impl<T> Object<T> {
    /// Whether decoding found no error.
    pub fn is_valid(&self) -> bool {
        self.diagnostics
            .iter()
            .all(|it| it.severity != Severity::Error)
    }

    /// The errors that decoding found, one sentence each.
    pub fn errors(&self) -> impl Iterator<Item = &str> {
        let errors = self.found(Severity::Error).into_iter();
        errors.map(|error| error.message.as_str())
    }

    /// The warnings that decoding found.
    pub fn warnings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.found(Severity::Warning).into_iter()
    }

    /// By field, not as they were written: an API server keeps no order of fields.
    fn found(&self, severity: Severity) -> Vec<&Diagnostic> {
        let found = self.diagnostics.iter();
        let mut found: Vec<_> = found.filter(|it| it.severity == severity).collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found
    }

    /// Identity.
    pub fn reference(&self) -> &ObjectRef {
        &self.metadata.reference
    }
}
