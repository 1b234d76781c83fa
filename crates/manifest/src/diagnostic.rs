// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a document, and how it is shown.

mod json;
mod model;
mod render;

use std::sync::Arc;

pub use json::to_json;
pub use model::{Diagnostic, Location, Severity};
pub use render::render;

use crate::{Origin, SourceText, Span};

/// An error about a place in a text that is not a document yet.
pub fn problem(
    code: &'static str,
    message: impl Into<String>,
    source: &Arc<SourceText>,
    span: Span,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(code, Severity::Error, message);
    diagnostic.location = Some(Location {
        origin: Origin::Text(Arc::clone(source)),
        span,
    });
    diagnostic
}

/// The codes of this crate, each with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (
        "document-count",
        "A file that must hold one document holds none or several.",
    ),
    ("duplicate-key", "A mapping has a key twice."),
    ("file-encoding", "A file is not UTF-8."),
    ("file-too-large", "A file is larger than what is read."),
    (
        "file-unreadable",
        "A file or directory cannot be read; its last good content stays in use.",
    ),
    ("json-syntax", "A text is not JSON."),
    (
        "not-an-object",
        "A document is not a Kubernetes object with apiVersion and kind.",
    ),
    (
        "yaml-limit",
        "A text nests or repeats itself beyond what is read.",
    ),
    ("yaml-syntax", "A text is not YAML."),
    ("yaml-value", "A value cannot be expressed in JSON."),
];

#[cfg(test)]
mod tests;
