// SPDX-License-Identifier: Apache-2.0
//! A text to its documents.
//!
//! In: a source text, YAML or JSON. Out: all of its documents, or none and the reasons: a text is
//! taken whole or not at all, so that a mistake never looks like a deletion.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::problem;
use crate::objects::{self, Fragments};
use crate::{Diagnostic, Document, Node, SourceText, Value, json, yaml};

/// What a text holds.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// Its objects in the order of the text; empty if there are errors.
    pub documents: Vec<Arc<Document>>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a whole text of less than 4 GiB.
pub fn parse(source: Arc<SourceText>) -> Parsed {
    let mut whole = Parsed::default();
    for range in stretches(&source) {
        match parse_stretch(&source, range, Fragments::Refused) {
            Ok(documents) => whole.documents.extend(documents),
            Err(diagnostics) => whole.diagnostics.extend(diagnostics),
        }
        if whole.diagnostics.len() >= MAX_DIAGNOSTICS {
            break;
        }
    }
    if !whole.diagnostics.is_empty() {
        whole.documents.clear();
    }
    whole
}

/// Reads a text that holds one value which is no Kubernetes object, such as a proxy's own
/// configuration.
///
/// # Errors
/// When it is neither YAML nor JSON, or does not hold exactly one value.
pub fn parse_value(source: &Arc<SourceText>) -> Result<Node, Vec<Diagnostic>> {
    let mut values = Vec::new();
    let mut diagnostics = Vec::new();
    for range in stretches(source) {
        match roots(source, range) {
            Ok(roots) => values.extend(roots),
            Err(found) => diagnostics.extend(found),
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    values.retain(|value| value.value != Value::Null);
    let count = values.len();
    match (values.pop(), count) {
        (Some(value), 1) => Ok(value),
        (last, _) => {
            let span = last.map_or_else(|| source.line_span(1), |value| value.span);
            let words = format!("expected one document, got {count}");
            Err(vec![problem("document-count", words, source, span)])
        }
    }
}

/// The parts of a text that can be read one by one.
pub(crate) fn stretches(source: &SourceText) -> Vec<Range<usize>> {
    yaml::chunks(&source.text)
}

/// Reads one part of a text.
pub(crate) fn parse_stretch(
    source: &Arc<SourceText>,
    range: Range<usize>,
    fragments: Fragments,
) -> Result<Vec<Arc<Document>>, Vec<Diagnostic>> {
    objects::documents(source, roots(source, range)?, fragments)
}

fn roots(source: &Arc<SourceText>, range: Range<usize>) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if !json::looks_like_json(&source.text[range.clone()]) {
        return yaml::read(source, range);
    }
    // What is not quite JSON (a trailing comma, a comment) may still be YAML, as for `kubectl`.
    json::read(source, range.clone())
        .or_else(|refusal| yaml::read(source, range).map_err(|_| vec![refusal.explain(source)]))
}

/// Nobody reads more than this about one text.
pub(crate) const MAX_DIAGNOSTICS: usize = 50;

#[cfg(test)]
mod tests;
