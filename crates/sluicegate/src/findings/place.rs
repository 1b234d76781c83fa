// SPDX-License-Identifier: Apache-2.0
//! From a verdict to a diagnostic with a place.
//!
//! In: an object, a path in it, words. Out: a diagnostic that underlines the value, or the key of a
//! block, or the nearest thing above that was written.

use sluicegate_manifest::{Diagnostic, Document, FieldPath, Node, Segment, Severity, Span, Value};
use sluicegate_resource::Object;

/// A diagnostic about the field at `path` of `object`.
pub(super) fn about<T>(
    object: &Object<T>,
    path: &FieldPath,
    severity: Severity,
    (code, message): (&'static str, String),
) -> Diagnostic {
    Diagnostic::new(code, severity, message)
        .about(object.reference().to_string())
        .at(&object.document, path.clone(), span(&object.document, path))
}

/// The path of an object's name.
pub(super) fn name() -> FieldPath {
    FieldPath::dotted("metadata.name")
}

fn span(document: &Document, path: &FieldPath) -> Span {
    let mut node = &document.root;
    let mut span = first_entry(node);
    for segment in path.segments() {
        let next = match segment {
            Segment::Field(name) => node.entry(name).map(|entry| {
                let value = match entry.value.value {
                    Value::Mapping(_) | Value::Sequence(_) => entry.key_span,
                    _ => entry.value.span,
                };
                (&entry.value, value)
            }),
            Segment::Index(index) => match &node.value {
                Value::Sequence(items) => items.get(*index).map(|item| (item, first_entry(item))),
                _ => None,
            },
        };
        let Some((below, place)) = next else { break };
        node = below;
        span = place;
    }
    span
}

/// A block is shown by its first line, anything else by itself.
fn first_entry(node: &Node) -> Span {
    let Value::Mapping(entries) = &node.value else {
        return node.span;
    };
    entries
        .first()
        .map_or(node.span, |entry| match entry.value.value {
            Value::Mapping(_) | Value::Sequence(_) => entry.key_span,
            _ => Span {
                start: entry.key_span.start,
                end: entry.value.span.end,
            },
        })
}
