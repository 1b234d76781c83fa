// SPDX-License-Identifier: Apache-2.0
//! The problems of one document, collected while it is read.
//!
//! In: diagnostics from readers that share the report. Out: the same, in the order of the text.

use std::{cell::RefCell, collections::BTreeSet};

use sluicegate_manifest::{Diagnostic, Document, FieldPath, Severity};

/// Collects diagnostics for one document. Shared by every reader of it, hence the cell.
pub(crate) struct Report<'d> {
    /// The document being read.
    pub(crate) document: &'d Document,
    /// How bad a field is that the schema does not have.
    pub(crate) unknown_fields: Severity,
    found: RefCell<Vec<Diagnostic>>,
    /// Fields that readers asked for; kept only where somebody wants to know.
    asked: Option<RefCell<BTreeSet<FieldPath>>>,
}

impl<'d> Report<'d> {
    pub(crate) fn new(document: &'d Document, unknown_fields: Severity) -> Self {
        Self {
            document,
            unknown_fields,
            found: RefCell::default(),
            asked: None,
        }
    }

    /// A report that remembers which fields were asked for.
    pub(crate) fn with_fields(document: &'d Document) -> Self {
        Self {
            asked: Some(RefCell::default()),
            ..Self::new(document, Severity::Error)
        }
    }

    /// Remembers `fields`, when they are wanted.
    pub(crate) fn asked<I: Iterator<Item = FieldPath>>(&self, fields: impl FnOnce() -> I) {
        if let Some(asked) = &self.asked {
            asked.borrow_mut().extend(fields());
        }
    }

    /// The fields that were asked for.
    pub(crate) fn fields(self) -> BTreeSet<FieldPath> {
        self.asked.map(RefCell::into_inner).unwrap_or_default()
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found
            .borrow()
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Everything found so far, as [`Report::take`] gives it.
    pub(crate) fn found(&self, object: &str) -> Vec<Diagnostic> {
        let copy = self.found.borrow().clone();
        let found = self.take(object);
        self.found.replace(copy);
        found
    }

    /// Takes everything found so far, named after `object` and sorted by position.
    pub(crate) fn take(&self, object: &str) -> Vec<Diagnostic> {
        let mut found = self.found.take();
        for diagnostic in &mut found {
            object.clone_into(&mut diagnostic.object);
        }
        found.sort_by_key(|diagnostic| {
            diagnostic
                .location
                .as_ref()
                .map_or(0, |location| location.span.start)
        });
        found
    }
}
