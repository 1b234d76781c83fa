// SPDX-License-Identifier: Apache-2.0
//! Bytes to documents.
//!
//! In: files, directories, standard input, or objects of an API server. Out: [`Document`]s, trees
//! whose every node knows where it was written, and [`Diagnostic`]s that point at those places.
//! Everything here except [`source`] is pure.

pub mod diagnostic;
mod document;
mod json;
mod nearest;
mod objects;
mod parse;
mod path;
pub mod source;
mod text;
mod tree;
mod yaml;

pub use diagnostic::{Diagnostic, Severity};
pub use document::{Document, Origin};
pub use nearest::nearest;
pub use objects::Fragments;
pub use parse::{Parsed, parse, parse_value};
pub use path::{FieldPath, Segment};
pub use text::{Position, SourceText, Span};
pub use tree::{Entry, Node, Value};
pub use yaml::{written, yaml_word};

/// Levels of collections that a document may have. No Kubernetes object comes near it, and it
/// keeps every walk of a tree within a small stack.
pub const MAX_DEPTH: usize = 100;
