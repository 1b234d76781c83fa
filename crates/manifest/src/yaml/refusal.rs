// SPDX-License-Identifier: Apache-2.0
//! Everything that a text can be refused for, but for its objects.
//!
//! In: what was found and where. Out: the diagnostic.

use std::sync::Arc;

use super::syntax;
use crate::diagnostic::problem;
use crate::{Diagnostic, MAX_DEPTH, SourceText, Span};

/// A reason, with its place.
pub(crate) enum Refusal {
    /// An alias within the value that it repeats, or to a value of another document.
    Alias(Span),
    /// Aliases that multiply.
    Copies(Span),
    /// Collections within collections.
    Depth(Span),
    /// A key, where it stands, where it stood first.
    Duplicate(String, Span, Span),
    /// Not JSON, in our words.
    Json(String, Span),
    /// A key that is no scalar; the name of its shape.
    Key(&'static str, Span),
    /// A merge key whose value is no mapping.
    Merge(Span),
    /// The parser's words.
    Syntax(String, Span),
    /// A scalar whose tag does not fit, or that JSON cannot hold.
    Value(String, Span),
}

impl Refusal {
    /// The diagnostic, with the wording of the Kubernetes tools where they have one.
    pub(crate) fn explain(self, source: &Arc<SourceText>) -> Diagnostic {
        match self {
            Self::Alias(span) => {
                let name = source.slice(span).unwrap_or_default();
                let words = format!("the anchor of {name} is not complete in this document");
                problem("yaml-syntax", words, source, span)
            }
            Self::Copies(span) => {
                let words = "document contains excessive aliasing";
                problem("yaml-limit", words, source, span)
            }
            Self::Depth(span) => {
                let words = format!("nested more than {MAX_DEPTH} levels deep");
                problem("yaml-limit", words, source, span)
            }
            Self::Duplicate(key, span, first) => {
                let first = source.position(first.start);
                let (line, column) = (first.line, first.column);
                let words = format!("key {key:?} already set in map");
                problem("duplicate-key", words, source, span)
                    .note(format!("first set at {}:{line}:{column}", source.name))
                    .help("remove one of the two; a second one never adds to the first")
            }
            Self::Json(words, span) => problem("json-syntax", words, source, span),
            Self::Key(shape, span) => {
                let words = format!("unsupported map key of type {shape}");
                problem("yaml-value", words, source, span)
            }
            Self::Merge(span) => {
                let words = "map merge requires map or sequence of maps as the value";
                problem("yaml-value", words, source, span)
            }
            Self::Syntax(words, span) => syntax::explain(source, &words, span),
            Self::Value(words, span) => problem("yaml-value", words, source, span),
        }
    }
}
