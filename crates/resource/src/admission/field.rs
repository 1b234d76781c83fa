// SPDX-License-Identifier: Apache-2.0
//! One value of a document, with typed readers.
//!
//! In: a node and its path. Out: the value as the type that the field wants, or nothing and a
//! diagnostic. A reader never guesses: the likely fix goes into the help. Mappings and lists are
//! here, scalars, durations and complaints next door.

mod complaint;
mod duration;
mod scalar;
mod trail;

use std::{collections::BTreeMap, ops::RangeInclusive};

use sluicegate_manifest::{FieldPath, Node, Value};

use self::trail::Trail;
use super::{Block, Report};
use crate::value::Written;

/// The largest value of the APIs' 32-bit integers.
pub(crate) const I32_MAX: u32 = i32::MAX as u32;

/// A value, where it is, and where to complain about it.
#[derive(Clone)]
pub(crate) struct Field<'d> {
    pub(crate) report: &'d Report<'d>,
    pub(crate) node: &'d Node,
    trail: Trail<'d>,
}

impl<'d> Field<'d> {
    /// The whole document.
    pub(crate) fn root(report: &'d Report<'d>) -> Self {
        Self {
            report,
            node: &report.document.root,
            trail: Trail::default(),
        }
    }

    /// The value `node` under the key `name` of this mapping.
    pub(crate) fn child(&self, name: &'d str, node: &'d Node) -> Self {
        Self {
            report: self.report,
            node,
            trail: self.trail.field(name),
        }
    }

    /// Where the value is, in the author's spelling.
    pub(crate) fn path(&self) -> FieldPath {
        self.trail.path()
    }

    /// Reads a mapping; every field that `read` does not ask for is unknown.
    pub(crate) fn object<T>(&self, read: impl FnOnce(&Block<'d>) -> T) -> Option<T> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object");
        };
        let block = Block::new(self.clone(), entries);
        let value = read(&block);
        block.finish();
        Some(value)
    }

    /// Reads some fields of a mapping and leaves the others alone.
    pub(crate) fn open<T>(&self, read: impl FnOnce(&Block<'d>) -> T) -> Option<T> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object");
        };
        Some(read(&Block::new(self.clone(), entries)))
    }

    /// The items of a list whose length must lie in `length`.
    pub(crate) fn items(&self, length: RangeInclusive<usize>) -> Vec<Field<'d>> {
        let Value::Sequence(nodes) = &self.node.value else {
            return self.wrong_type("array").unwrap_or_default();
        };
        self.check_length(nodes.len(), length);
        let items = nodes.iter().enumerate().map(|(index, node)| Self {
            report: self.report,
            node,
            trail: self.trail.index(index),
        });
        items.collect()
    }

    /// A list of strings.
    pub(crate) fn strings(&self, length: RangeInclusive<usize>) -> Vec<String> {
        let items = self.items(length);
        items
            .iter()
            .filter_map(|item| item.string().map(str::to_owned))
            .collect()
    }

    /// A mapping from strings to strings.
    pub(crate) fn string_map(&self) -> BTreeMap<String, String> {
        self.entries()
            .into_iter()
            .filter_map(|(key, field)| Some((key.to_owned(), field.string()?.to_owned())))
            .collect()
    }

    /// The entries of a mapping whose keys the schema does not fix.
    pub(crate) fn entries(&self) -> Vec<(&'d str, Field<'d>)> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object").unwrap_or_default();
        };
        entries
            .iter()
            .map(|entry| (entry.key.as_str(), self.child(&entry.key, &entry.value)))
            .collect()
    }

    /// The value that `read` finds, with this path.
    pub(crate) fn written_as<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Written<T>> {
        read(self).map(|value| Written {
            value,
            path: self.path(),
        })
    }
}
