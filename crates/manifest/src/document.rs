// SPDX-License-Identifier: Apache-2.0
//! One Kubernetes object as it was written.
//!
//! In: a tree and where it came from. Out: the unit that everything downstream decodes, points at
//! and memoises by identity (`Arc<Document>` survives a reload when its file did not change).

use std::sync::Arc;

use crate::{FieldPath, Node, Position, SourceText, Span};

/// Where a document came from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A file or standard input.
    Text(Arc<SourceText>),
    /// An API server; the text says which, for people.
    Cluster(Arc<str>),
}

/// One object with its origin.
#[derive(Debug)]
pub struct Document {
    /// Where it came from.
    pub origin: Origin,
    /// The object itself: always a mapping.
    pub root: Node,
}

impl Document {
    /// `apiVersion`, or the empty string.
    pub fn api_version(&self) -> &str {
        self.root
            .get("apiVersion")
            .and_then(Node::as_str)
            .unwrap_or_default()
    }

    /// `kind`, or the empty string.
    pub fn kind(&self) -> &str {
        self.root
            .get("kind")
            .and_then(Node::as_str)
            .unwrap_or_default()
    }

    /// Line and column of a span of this document, when it was written in a text.
    pub fn position(&self, span: Span) -> Option<Position> {
        match &self.origin {
            Origin::Text(source) => Some(source.position(span.start)),
            Origin::Cluster(_) => None,
        }
    }

    /// The text of a span of this document as its author wrote it, when it was written in a text.
    pub fn slice(&self, span: Span) -> Option<&str> {
        match &self.origin {
            Origin::Text(source) => source.slice(span),
            Origin::Cluster(_) => None,
        }
    }

    /// `file:line` of the value at `path`, or the origin's name when it has no lines.
    pub fn place(&self, path: &FieldPath) -> String {
        match &self.origin {
            Origin::Text(source) => {
                let span = self.root.at(path).map_or(self.root.span, |node| node.span);
                format!("{}:{}", source.name, source.position(span.start).line)
            }
            Origin::Cluster(name) => name.to_string(),
        }
    }
}
