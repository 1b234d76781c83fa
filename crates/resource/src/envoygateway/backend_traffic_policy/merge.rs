// SPDX-License-Identifier: Apache-2.0
//! `mergeType`: a policy on top of a less specific one.
//!
//! In: two policies as they were written. Out: what they come to, decoded; or why they do not fit
//! together. Defaults come later: what an API server would fill in must not win over what somebody
//! wrote.

use sluicegate_manifest::{Document, Entry, Node, Severity, Span, Value};

use super::{BackendTrafficPolicy, MergeType, spelling::canonical};
use crate::{
    Object,
    admission::{Field, Report},
};

/// Fields that belong to a policy and not to what it sets.
const OWN: [&str; 4] = ["targetRef", "targetRefs", "targetSelectors", "mergeType"];

/// Lists whose items have a key of their own, which strategic merge looks at: `type`.
const KEYED: [&str; 3] = ["compression", "compressor", "httpUpgrade"];

/// `child` on top of `parent`, in the way that `child` asks for.
///
/// # Errors
/// What is wrong with the result, as `path: sentence` each.
pub fn merged(
    parent: &Object<BackendTrafficPolicy>,
    child: &Object<BackendTrafficPolicy>,
) -> Result<BackendTrafficPolicy, Vec<String>> {
    let merge_type = child.spec.merge_type.as_ref().map(|written| written.value);
    let strategic = merge_type == Some(MergeType::Strategic);
    let spec = |policy: &Object<BackendTrafficPolicy>| {
        let spec = policy.document.root.get("spec");
        spec.map_or_else(|| mapping(Vec::new()), canonical)
    };
    let mut settings = unplaced(spec(parent));
    if let Value::Mapping(entries) = &mut settings.value {
        entries.retain(|entry| !OWN.contains(&entry.key.as_str()));
    }
    let merged = merge(Some(&settings), &spec(child), "", strategic);
    decode(child, merged)
}

fn decode(
    child: &Object<BackendTrafficPolicy>,
    spec: Node,
) -> Result<BackendTrafficPolicy, Vec<String>> {
    let document = Document {
        origin: child.document.origin.clone(),
        root: mapping(vec![entry("spec", spec)]),
    };
    let report = Report::new(&document, Severity::Warning);
    let policy = Field::root(&report).open(|root| {
        let spec = root.required("spec")?;
        spec.object(BackendTrafficPolicy::spec)
    });
    let errors: Vec<String> = report
        .take("")
        .iter()
        .filter(|found| found.severity == Severity::Error)
        .map(|error| format!("{}: {}", error.path, error.message))
        .collect();
    match policy.flatten() {
        Some(policy) if errors.is_empty() => Ok(policy),
        _ => Err(errors),
    }
}

/// RFC 7396, and Kubernetes' strategic merge where it differs: for lists whose items have keys.
fn merge(parent: Option<&Node>, child: &Node, name: &str, strategic: bool) -> Node {
    match (parent.map(|node| &node.value), &child.value) {
        (Some(Value::Sequence(below)), Value::Sequence(above)) if strategic => {
            let items = match name {
                // Rules are told apart by the policy they come from: both are kept.
                "rules" => below.iter().chain(above).cloned().collect(),
                _ if KEYED.contains(&name) => by_type(below, above),
                _ => above.clone(),
            };
            Node {
                value: Value::Sequence(items),
                span: child.span,
            }
        }
        (below, Value::Mapping(above)) => {
            let mut entries = match below {
                Some(Value::Mapping(entries)) => entries.clone(),
                _ => Vec::new(),
            };
            for one in above {
                let at = entries.iter().position(|entry| entry.key == one.key);
                if one.value.value == Value::Null {
                    at.map(|at| entries.remove(at));
                    continue;
                }
                let below = at.map(|at| &entries[at].value);
                let value = merge(below, &one.value, &one.key, strategic);
                let merged = Entry {
                    key: one.key.clone(),
                    key_span: one.key_span,
                    value,
                };
                match at {
                    Some(at) => entries[at] = merged,
                    None => entries.push(merged),
                }
            }
            Node {
                value: Value::Mapping(entries),
                span: child.span,
            }
        }
        _ => child.clone(),
    }
}

/// Items of one `type` are merged, others are added.
fn by_type(below: &[Node], above: &[Node]) -> Vec<Node> {
    let mut items = below.to_vec();
    for one in above {
        let kind = one.get("type").and_then(Node::as_str);
        let same = |item: &Node| item.get("type").and_then(Node::as_str) == kind;
        match items.iter().position(same).filter(|_| kind.is_some()) {
            Some(at) => items[at] = merge(Some(&items[at]), one, "", true),
            None => items.push(one.clone()),
        }
    }
    items
}

/// A tree whose places belong to another text.
fn unplaced(node: Node) -> Node {
    let value = match node.value {
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(unplaced).collect()),
        Value::Mapping(entries) => Value::Mapping(
            entries
                .into_iter()
                .map(|one| entry(&one.key, unplaced(one.value)))
                .collect(),
        ),
        scalar => scalar,
    };
    Node {
        value,
        span: Span::default(),
    }
}

fn mapping(entries: Vec<Entry>) -> Node {
    Node {
        value: Value::Mapping(entries),
        span: Span::default(),
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry {
        key: key.to_owned(),
        key_span: Span::default(),
        value,
    }
}
