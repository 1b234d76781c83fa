// SPDX-License-Identifier: Apache-2.0
//! Documents to a store, with a memory.
//!
//! In: all documents, each time. Out: a [`Store`]. A document that was there the last time (the
//! same `Arc`) is not decoded again, and its object is the same `Arc` again.

use std::{
    collections::{HashMap, hash_map},
    sync::Arc,
};

use sluicegate_manifest::{Diagnostic, Document, Severity};

use crate::{
    ObjectRef, Store, codes,
    decode::{Decoded, decode},
};

/// What a field is that the schema does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownFields {
    /// An error: nobody else has looked at a file (design decision 2).
    #[default]
    Error,
    /// A warning: the API server has pruned or kept it by its own schema.
    Warning,
}

/// Decodes documents and remembers the result by document identity, so that a reload decodes only
/// what changed and unchanged objects keep their `Arc`.
#[derive(Debug, Default)]
pub struct Decoder {
    unknown_fields: UnknownFields,
    /// By address of the document, which the entry keeps alive, so that no other takes its place.
    cache: HashMap<usize, Entry>,
}

#[derive(Debug)]
struct Entry {
    document: Arc<Document>,
    decoded: Decoded,
}

impl Decoder {
    /// A decoder without memory yet.
    pub fn new(unknown_fields: UnknownFields) -> Self {
        Self {
            unknown_fields,
            cache: HashMap::new(),
        }
    }

    /// Decodes `documents` into a store. Two documents with one identity are an error at the
    /// second; the first counts, even when it was refused. Documents that were not given this time
    /// are forgotten.
    pub fn decode(&mut self, documents: &[Arc<Document>]) -> Store {
        let severity = match self.unknown_fields {
            UnknownFields::Error => Severity::Error,
            UnknownFields::Warning => Severity::Warning,
        };
        let mut known = std::mem::take(&mut self.cache);
        self.cache.reserve(documents.len());
        let mut store = Store::default();
        let mut seen: HashMap<&ObjectRef, &Arc<Document>> = HashMap::with_capacity(documents.len());
        let mut order = Vec::with_capacity(documents.len());
        for document in documents {
            let address = Arc::as_ptr(document).addr();
            let entry = known.remove(&address).unwrap_or_else(|| Entry {
                document: Arc::clone(document),
                decoded: decode(document, severity),
            });
            // The same document twice in one call is one document.
            if self.cache.insert(address, entry).is_none() {
                order.push(address);
            }
        }
        for entry in order.iter().filter_map(|address| self.cache.get(address)) {
            let Entry { document, decoded } = entry;
            store.diagnostics.extend_from_slice(&decoded.diagnostics);
            if let Some(name) = &decoded.ignored {
                *store.ignored.entry(name.clone()).or_default() += 1;
            }
            let Some(reference) = &decoded.reference else {
                continue;
            };
            match seen.entry(reference) {
                hash_map::Entry::Vacant(vacant) => {
                    vacant.insert(document);
                    if let Some(resource) = &decoded.resource {
                        store.insert(reference.clone(), resource.clone());
                    }
                }
                hash_map::Entry::Occupied(first) => {
                    store
                        .diagnostics
                        .push(duplicate(reference, document, first.get()));
                }
            }
        }
        store.diagnostics.sort_by_cached_key(Diagnostic::order);
        store
    }
}

fn duplicate(reference: &ObjectRef, second: &Document, first: &Document) -> Diagnostic {
    let path = sluicegate_manifest::FieldPath::dotted("metadata.name");
    let node = second.root.at(&path).unwrap_or(&second.root);
    let message = format!("{reference} already exists, at {}", first.place(&path));
    Diagnostic::new(codes::DUPLICATE_OBJECT, Severity::Error, message)
        .about(reference.to_string())
        .at(second, path, node.span)
        .note("The first of the two counts, the second has no effect.")
        .help("rename or remove one of them")
}

#[cfg(test)]
mod tests;
