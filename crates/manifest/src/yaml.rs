// SPDX-License-Identifier: Apache-2.0
//! YAML text to trees, by the rules of `kubectl`.
//!
//! In: one stretch of a source text. Out: a [`Node`] per document in it, or what is wrong. The
//! parser of `saphyr-parser` supplies the grammar; what a scalar, an anchor or a merge key means
//! is decided here, as the YAML-to-JSON step of the Kubernetes tools decides it.

mod chunk;
mod events;
mod extent;
mod mapping;
mod open;
mod refusal;
mod scalar;
mod syntax;
mod tree;

pub(crate) use chunk::chunks;
pub(crate) use mapping::Mapping;
pub(crate) use refusal::Refusal;
pub(crate) use scalar::number;
pub(crate) use tree::read;

use crate::{Document, Node, Value};

/// The word that was read as a boolean although it is neither `true` nor `false`.
///
/// YAML 1.1 takes unquoted `yes`, `on`, `n` and their like for booleans, and so does `kubectl`.
/// An error about the type of such a value can show the word and ask for quotes.
pub fn yaml_word<'a>(document: &'a Document, node: &Node) -> Option<&'a str> {
    let Value::Bool(_) = node.value else {
        return None;
    };
    written(document, node).filter(|word| {
        scalar::is_boolean_word(word)
            && !word.eq_ignore_ascii_case("true")
            && !word.eq_ignore_ascii_case("false")
    })
}

/// The text of a value exactly as its author wrote it, quotes included.
pub fn written<'a>(document: &'a Document, node: &Node) -> Option<&'a str> {
    document.slice(node.span)
}
