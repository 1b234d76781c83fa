// SPDX-License-Identifier: Apache-2.0
//! The meaning of a diagnostic, free of its rendering.
//!
//! In: a rule that was broken, and where. Out: a value that the terminal, status conditions and
//! the admin API all show.

use crate::{Document, FieldPath, Origin, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The object, or the named part of it, has no effect.
    Error,
    /// It has effect, but not the one its author may expect.
    Warning,
    /// A better way exists.
    Advice,
}

/// Where a diagnostic points.
#[derive(Debug, Clone)]
pub struct Location {
    /// The text or the API object.
    pub origin: Origin,
    /// The place in the text; empty without one.
    pub span: Span,
}

/// One problem of one object.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Stable kebab-case code, documented in `docs/reference/diagnostics.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in the API server's words where it has some.
    pub message: String,
    /// The object, as `Kind namespace/name`; empty when no object could be read.
    pub object: String,
    /// The field, as the author wrote it.
    pub path: FieldPath,
    /// Where it stands.
    pub location: Option<Location>,
    /// More to know, one sentence each.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic about the field at `path` of `document`, pointing at `span`.
    pub fn new(code: &'static str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            object: String::new(),
            path: FieldPath::root(),
            location: None,
            notes: Vec::new(),
            help: None,
        }
    }

    /// Names the object and the field that this is about.
    pub fn at(mut self, document: &Document, path: FieldPath, span: Span) -> Self {
        self.location = Some(Location {
            origin: document.origin.clone(),
            span,
        });
        self.path = path;
        self
    }

    /// Names the object, as `Kind namespace/name`.
    pub fn about(mut self, object: impl Into<String>) -> Self {
        self.object = object.into();
        self
    }

    /// Adds a sentence of background.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Origin, then offset, then object: what lists are sorted by, an order that does not depend on
    /// that of the input.
    pub fn order(&self) -> (String, u32, String) {
        let (origin, start) = match &self.location {
            Some(location) => {
                let name = match &location.origin {
                    Origin::Text(source) => &source.name,
                    Origin::Cluster(name) => name,
                };
                (name.to_string(), location.span.start)
            }
            None => (String::new(), 0),
        };
        (origin, start, self.object.clone())
    }

    /// `file:line:column`, or the origin's name; empty when nothing is known.
    pub fn place(&self) -> String {
        match &self.location {
            Some(Location {
                origin: Origin::Text(source),
                span,
            }) => {
                let position = source.position(span.start);
                format!("{}:{}:{}", source.name, position.line, position.column)
            }
            Some(Location {
                origin: Origin::Cluster(name),
                ..
            }) => name.to_string(),
            None => String::new(),
        }
    }
}
