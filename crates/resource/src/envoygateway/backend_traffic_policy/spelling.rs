// SPDX-License-Identifier: Apache-2.0
//! Both dialects under one set of names.
//!
//! In: a spec as it was written. Out: the same tree under upstream's names, for merging; and the way
//! back, from upstream's name of a setting to the path under which a policy has it.

use sluicegate_manifest::{Document, Entry, FieldPath, Node, Span, Value};

use super::BackendTrafficPolicy;
use crate::Object;

/// Upstream's name of a setting below `spec`, and its other names.
const SPELLINGS: [(&str, &[&str]); 6] = [
    (
        "circuitBreaker.maxParallelRequests",
        &["circuitBreaker.maxRequests"],
    ),
    (
        "circuitBreaker.maxParallelRetries",
        &["circuitBreaker.maxRetries"],
    ),
    (
        "healthCheck.passive.consecutive5XxErrors",
        &[
            "healthCheck.passive.consecutive5xxErrors",
            "healthCheck.passive.consecutive5XXErrors",
        ],
    ),
    ("retry.perRetry.timeout", &["retry.perRetryTimeout"]),
    (
        "retry.perRetry.backOff.baseInterval",
        &[
            "retry.perRetry.backoff.baseInterval",
            "retry.backoff.baseInterval",
        ],
    ),
    (
        "retry.perRetry.backOff.maxInterval",
        &[
            "retry.perRetry.backoff.maxInterval",
            "retry.backoff.maxInterval",
        ],
    ),
];

/// Blocks that only other spellings have.
const EMPTIED: [&str; 2] = ["retry.perRetry.backoff", "retry.backoff"];

/// `spec` under upstream's names.
pub(super) fn canonical(spec: &Node) -> Node {
    let mut spec = spec.clone();
    for (name, others) in SPELLINGS {
        for other in others {
            if let Some(node) = take(&mut spec, other) {
                put(&mut spec, name, node);
            }
        }
    }
    for name in EMPTIED {
        take(&mut spec, name);
    }
    spec
}

impl Object<BackendTrafficPolicy> {
    /// Where this policy sets `setting` (upstream's name, dotted, below `spec`), as its author wrote
    /// it; `None` when it does not.
    pub fn written(&self, setting: &str) -> Option<FieldPath> {
        written(&self.document, setting)
    }
}

fn written(document: &Document, setting: &str) -> Option<FieldPath> {
    let others = SPELLINGS.iter().find(|(name, _)| *name == setting);
    let others = others.into_iter().flat_map(|(_, others)| *others).copied();
    let mut paths = std::iter::once(setting)
        .chain(others)
        .map(|name| FieldPath::dotted(&format!("spec.{name}")));
    paths.find(|path| {
        let node = document.root.at(path);
        node.is_some_and(|node| node.value != Value::Null)
    })
}

fn take(node: &mut Node, path: &str) -> Option<Node> {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Value::Mapping(entries) = &mut node.value else {
        return None;
    };
    let at = entries.iter().position(|entry| entry.key == first)?;
    match rest {
        Some(rest) => take(&mut entries[at].value, rest),
        None => Some(entries.remove(at).value),
    }
}

fn put(node: &mut Node, path: &str, value: Node) {
    let (first, rest) = path
        .split_once('.')
        .map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Value::Mapping(entries) = &mut node.value else {
        return;
    };
    let at = entries.iter().position(|entry| entry.key == first);
    let at = at.unwrap_or_else(|| {
        entries.push(Entry {
            key: first.to_owned(),
            key_span: Span::default(),
            value: Node {
                value: Value::Mapping(Vec::new()),
                span: Span::default(),
            },
        });
        entries.len() - 1
    });
    match rest {
        Some(rest) => put(&mut entries[at].value, rest, value),
        None => entries[at].value = value,
    }
}
