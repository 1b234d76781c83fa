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
pub(crate) fn problem(
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

#[cfg(test)]
mod tests;
