// SPDX-License-Identifier: Apache-2.0
//! From the path of a field in a message to the place where it was written.
//!
//! In: a path in proto names, as constraint checks give it. Out: the same as the author wrote it,
//! and the place of the value, or of what should hold it.

use sluicegate_manifest::{FieldPath, Node, Segment, Span};

/// Finds `path`, such as `Bootstrap.static_resources.clusters[0].name`, below `root`.
pub(super) fn find(root: &Node, path: &str) -> (FieldPath, Span) {
    let (mut node, mut found) = (Some(root), FieldPath::root());
    let mut span = root.span;
    for segment in segments(path) {
        node = match &segment {
            Segment::Field(name) => {
                let entry = node.and_then(|node| entry(node, name));
                found = found.field(entry.map_or(name.as_str(), |entry| entry.0));
                entry.map(|entry| entry.1)
            }
            Segment::Index(index) => {
                found = found.index(*index);
                let item = FieldPath::root().index(*index);
                node.and_then(|node| node.at(&item))
            }
        };
        span = node.map_or(span, |node| node.span);
    }
    (found, span)
}

/// The entry of a field, in whichever spelling.
fn entry<'n>(node: &'n Node, name: &str) -> Option<(&'n str, &'n Node)> {
    let entry = node.entry(name).or_else(|| node.entry(&camel(name)))?;
    Some((&entry.key, &entry.value))
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut all, word| {
        let mut letters = word.chars();
        all.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        all + letters.as_str()
    })
}

/// The steps after the name of the message. Keys of maps stand in brackets and may hold dots.
fn segments(path: &str) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut rest = path.find(['.', '[']).map_or("", |end| &path[end..]);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (key, after) = inner.split_once(']').unwrap_or((inner, ""));
            segments.push(match key.parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Field(key.to_owned()),
            });
            rest = after;
        } else {
            rest = rest.strip_prefix('.').unwrap_or(rest);
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            segments.push(Segment::Field(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    segments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_fields_in_either_spelling() {
        let root = Node::from_json(json!({
            "staticResources": { "clusters": [{ "options": { "a.b": { "x": 1 } } }] },
        }));
        let path = "Bootstrap.static_resources.clusters[0].options[a.b].x";
        let (found, _) = find(&root, path);
        assert_eq!(
            found.to_string(),
            "staticResources.clusters[0].options[a.b].x"
        );
        assert_eq!(root.at(&found).map(|node| node.to_json()), Some(json!(1)));
        let (missing, _) = find(&root, "Bootstrap.node.id");
        assert_eq!(missing.to_string(), "node.id");
    }
}
