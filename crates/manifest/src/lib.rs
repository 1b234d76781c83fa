// SPDX-License-Identifier: Apache-2.0
//! Bytes to documents.
//!
//! In: files, directories, standard input, or objects of an API server. Out: [`Document`]s, trees
//! whose every node knows where it was written, and [`Diagnostic`]s that point at those places.
//! Everything here except the directory watcher is pure.

pub mod diagnostic;
mod document;
mod path;
mod text;
mod tree;

pub use diagnostic::{Diagnostic, Severity};
pub use document::{Document, Origin};
pub use path::{FieldPath, Segment};
pub use text::{Position, SourceText, Span};
pub use tree::{Entry, Node, Value};
