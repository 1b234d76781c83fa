// SPDX-License-Identifier: Apache-2.0
//! Trees to documents: one per Kubernetes object.
//!
//! In: the root of each tree of a text. Out: documents that are mappings with `apiVersion` and
//! `kind`; lists give one per item.

use std::sync::Arc;

use crate::diagnostic::problem;
use crate::{Diagnostic, Document, Entry, Node, Origin, SourceText, Value};

/// What becomes of a tree that has a `spec` and neither `apiVersion` nor `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fragments {
    /// It is an error, like everything else that is no object.
    #[default]
    Refused,
    /// It is a document: whoever asked for it adds what is missing.
    Taken,
}

/// The documents in `roots`, or why one of them is none.
pub(crate) fn documents(
    source: &Arc<SourceText>,
    roots: Vec<Node>,
    fragments: Fragments,
) -> Result<Vec<Arc<Document>>, Vec<Diagnostic>> {
    let mut documents = Vec::new();
    let mut diagnostics = Vec::new();
    // Lists can hold lists; a stack instead of recursion, popped in the order of the text.
    let mut pending: Vec<Node> = roots.into_iter().rev().collect();
    while let Some(root) = pending.pop() {
        if root.value == Value::Null {
            continue;
        }
        match flatten(root) {
            Flat::Items(items) => pending.extend(items.into_iter().rev()),
            Flat::Object(root) => match refusal(source, &root, fragments) {
                Some(diagnostic) => diagnostics.push(diagnostic),
                None => documents.push(Arc::new(Document {
                    origin: Origin::Text(Arc::clone(source)),
                    root,
                })),
            },
        }
    }
    if diagnostics.is_empty() {
        Ok(documents)
    } else {
        Err(diagnostics)
    }
}

enum Flat {
    Items(Vec<Node>),
    Object(Node),
}

/// Opens a list (`kind` ends in `List`, `items` is a sequence, there is no `spec`).
fn flatten(mut root: Node) -> Flat {
    let kind = root.get("kind").and_then(Node::as_str).unwrap_or_default();
    let Some(item_kind) = kind.strip_suffix("List").map(str::to_owned) else {
        return Flat::Object(root);
    };
    if root.get("spec").is_some() {
        return Flat::Object(root);
    }
    let api_version = root.entry("apiVersion").cloned();
    let kind = root.entry("kind").cloned();
    let Value::Mapping(entries) = &mut root.value else {
        return Flat::Object(root);
    };
    let items = entries.iter_mut().find(|entry| entry.key == "items");
    let Some(Value::Sequence(items)) = items.map(|entry| &mut entry.value.value) else {
        return Flat::Object(root);
    };
    let mut items = std::mem::take(items);
    if !item_kind.is_empty() {
        // The API server leaves both out of the items of a typed list.
        for item in &mut items {
            inherit(item, &item_kind, kind.as_ref(), api_version.as_ref());
        }
    }
    Flat::Items(items)
}

fn inherit(item: &mut Node, item_kind: &str, kind: Option<&Entry>, api_version: Option<&Entry>) {
    if item.get("kind").is_some() || item.get("apiVersion").is_some() {
        return;
    }
    let Value::Mapping(entries) = &mut item.value else {
        return;
    };
    entries.extend(api_version.cloned());
    entries.extend(kind.cloned().map(|mut entry| {
        entry.value.value = Value::String(item_kind.to_owned());
        entry
    }));
}

/// What keeps a tree from being an object.
fn refusal(source: &Arc<SourceText>, root: &Node, fragments: Fragments) -> Option<Diagnostic> {
    let Value::Mapping(_) = root.value else {
        let words = format!("expected an object, got {}", root.shape());
        return Some(
            problem("not-an-object", words, source, root.span)
                .help("a document is a mapping with `apiVersion`, `kind` and `metadata`"),
        );
    };
    let headless = is_fragment(root);
    if headless && fragments == Fragments::Taken {
        return None;
    }
    ["apiVersion", "kind"].into_iter().find_map(|name| {
        let words = match root.get(name).map(|node| (&node.value, node)) {
            Some((Value::String(text), _)) if !text.is_empty() => return None,
            None | Some((Value::String(_) | Value::Null, _)) => format!("{name} not set"),
            Some((_, node)) => format!("{name} must be a string, got {}", node.shape()),
        };
        let span = root.get(name).map_or_else(
            || source.line_span(source.position(root.span.start).line),
            |node| node.span,
        );
        Some(
            problem("not-an-object", words, source, span).help(match headless {
                true => "a spec alone can be checked with `check --kind … --target …`".to_owned(),
                false => format!("every document names its `{name}`"),
            }),
        )
    })
}

/// Whether a tree is a `spec` that nothing says the kind of.
fn is_fragment(root: &Node) -> bool {
    let has = |name| root.get(name).is_some();
    has("spec") && !has("apiVersion") && !has("kind")
}
