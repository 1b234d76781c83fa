// SPDX-License-Identifier: Apache-2.0
//! Field masks.
//!
//! In: `a.b,c` and a message as JSON. Out: the message with those fields only, by the rules of
//! Envoy: every path must exist, none may lead through a repeated field, and in an element of a
//! list a path may enter an `Any`, which keeps its type.

use std::collections::BTreeMap;

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::Value;
use sluicegate_xds::descriptor;

use super::section::{Content, Section};

/// A parsed mask.
pub(super) struct Mask<'a> {
    paths: Vec<Vec<&'a str>>,
}

impl<'a> Mask<'a> {
    /// Reads a comma-separated list of paths.
    pub(super) fn parse(text: &'a str) -> Self {
        let paths = text.split(',').filter(|path| !path.is_empty());
        Self {
            paths: paths.map(|path| path.split('.').collect()).collect(),
        }
    }

    /// Whether every path exists in `kind`.
    pub(super) fn is_valid_for(&self, kind: &MessageDescriptor) -> bool {
        let mut paths = self.paths.iter();
        paths.all(|path| exists(path, kind))
    }

    /// The section with the fields of the mask only.
    pub(super) fn trim_section(&self, section: Section) -> Section {
        let keep = Tree::of(self.paths.iter().map(Vec::as_slice));
        let fields = section.fields.into_iter().filter_map(|(name, content)| {
            let below = keep.0.get(name)?;
            let content = match content {
                Content::Single(mut value) => {
                    below.trim(&mut value);
                    Content::Single(value)
                }
                list => list,
            };
            Some((name, content))
        });
        Section {
            type_name: section.type_name,
            fields: fields.collect(),
        }
    }

    /// Trims an element of type `kind`.
    ///
    /// # Errors
    /// The path that does not exist.
    pub(super) fn trim_element(
        &self,
        value: &mut Value,
        kind: &MessageDescriptor,
    ) -> Result<(), String> {
        let is_any = |path: &[&str]| {
            let field = kind.get_field_by_name(path[0]);
            field.is_some_and(|field| match field.kind() {
                Kind::Message(kind) => kind.full_name() == "google.protobuf.Any",
                _ => false,
            })
        };
        let mut outer = Vec::new();
        let mut inner = BTreeMap::<&str, Vec<&[&str]>>::new();
        for path in &self.paths {
            if is_any(path) {
                outer.push(&path[..1]);
                if path.len() > 1 {
                    inner.entry(path[0]).or_default().push(&path[1..]);
                }
            } else if exists(path, kind) {
                outer.push(path);
            } else {
                return Err(path.join("."));
            }
        }
        Tree::of(outer.into_iter()).trim(value);
        for (name, paths) in inner {
            if let Some(value) = value.get_mut(name) {
                trim_any(value, &paths)?;
            }
        }
        Ok(())
    }
}

fn trim_any(value: &mut Value, paths: &[&[&str]]) -> Result<(), String> {
    let kind = value
        .get("@type")
        .and_then(Value::as_str)
        .and_then(|url| url.rsplit('/').next())
        .and_then(|name| descriptor::pool().get_message_by_name(name));
    let missing = |path: &&&[&str]| !kind.as_ref().is_some_and(|kind| exists(path, kind));
    if let Some(path) = paths.iter().find(missing) {
        return Err(path.join("."));
    }
    let with_type = paths.iter().copied().chain([&["@type"][..]]);
    Tree::of(with_type).trim(value);
    Ok(())
}

/// Whether a path leads through single messages to a field.
fn exists(path: &[&str], kind: &MessageDescriptor) -> bool {
    let [first, rest @ ..] = path else {
        return true;
    };
    let Some(field) = kind.get_field_by_name(first) else {
        return false;
    };
    match field.kind() {
        _ if rest.is_empty() => true,
        Kind::Message(kind) if !field.is_list() && !field.is_map() => exists(rest, &kind),
        _ => false,
    }
}

/// Paths by their first part. An empty tree keeps everything.
#[derive(Default)]
struct Tree<'a>(BTreeMap<&'a str, Tree<'a>>);

impl<'a> Tree<'a> {
    fn of<'p>(paths: impl Iterator<Item = &'p [&'a str]>) -> Self
    where
        'a: 'p,
    {
        let mut whole = Vec::new();
        let mut root = Self::default();
        for path in paths {
            let mut at = &mut root;
            for part in path {
                at = at.0.entry(part).or_default();
            }
            whole.push(path);
        }
        // A path that is the start of another keeps all below it.
        for path in whole {
            let mut at = Some(&mut root);
            for part in path {
                at = at.and_then(|tree| tree.0.get_mut(part));
            }
            if let Some(tree) = at {
                tree.0.clear();
            }
        }
        root
    }

    fn trim(&self, value: &mut Value) {
        if self.0.is_empty() {
            return;
        }
        if let Value::Object(fields) = value {
            fields.retain(|name, value| match self.0.get(name.as_str()) {
                Some(below) => {
                    below.trim(value);
                    true
                }
                None => false,
            });
        }
    }
}
