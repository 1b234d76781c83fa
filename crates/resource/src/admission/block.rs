// SPDX-License-Identifier: Apache-2.0
//! A mapping whose fields are read by name, once each.
//!
//! In: the mapping. Out: a [`Field`] per name that is present, an error per name that must be and
//! is not, and, when the reader is done, an unknown-field diagnostic per name nobody asked for.

use std::{cell::RefCell, ops::RangeInclusive, time::Duration};

use sluicegate_manifest::{Diagnostic, Entry, Severity, Value, nearest};

use super::Field;
use crate::{codes, value::Written};

/// A mapping being read. Made by [`Field::object`], which also finishes it.
pub(crate) struct Block<'d> {
    /// The mapping itself.
    pub(crate) field: Field<'d>,
    entries: &'d [Entry],
    names: RefCell<Names>,
}

#[derive(Default)]
struct Names {
    today: Vec<&'static str>,
    older: Vec<&'static str>,
    /// Unknown names with a better answer than a suggestion.
    explained: Vec<(&'static str, &'static str)>,
}

impl<'d> Block<'d> {
    pub(super) fn new(field: Field<'d>, entries: &'d [Entry]) -> Self {
        Self {
            field,
            entries,
            names: RefCell::default(),
        }
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        let mut values = self.entries.iter().map(|entry| &entry.value.value);
        values.all(|value| *value == Value::Null)
    }

    /// The field `name`, when it is there and not null.
    pub(crate) fn optional(&self, name: &'static str) -> Option<Field<'d>> {
        self.names.borrow_mut().today.push(name);
        self.present(name)
    }

    /// The field `name`; its absence is an error.
    pub(crate) fn required(&self, name: &'static str) -> Option<Field<'d>> {
        let field = self.optional(name);
        if field.is_none() {
            self.missing(name);
        }
        field
    }

    /// Reports that `name` is missing.
    pub(crate) fn missing(&self, name: &str) {
        let diagnostic = Diagnostic::new(codes::REQUIRED_VALUE, Severity::Error, "Required value")
            .at(
                self.field.report.document,
                self.field.path().field(name),
                self.field.node.span,
            );
        self.field.report.push(diagnostic);
    }

    /// A setting with older spellings. Read under each; equal values agree, others are an error
    /// that names both paths. The path is the author's, today's spelling first.
    pub(crate) fn aliased<T: PartialEq>(
        &self,
        name: &'static str,
        older: &[&'static str],
        read: impl Fn(&Field<'d>) -> Option<T>,
    ) -> Option<Written<T>> {
        let today = self.optional(name);
        let older = older.iter().filter_map(|spelling| {
            let field = self.older(spelling)?;
            field.advise(
                codes::OLDER_SPELLING,
                format!("`{spelling}` is an older spelling of `{name}`"),
                format!("write `{name}`"),
            );
            Some(field)
        });
        agreed(today.into_iter().chain(older), read)
    }

    /// A setting with several spellings, each as good as the others.
    pub(crate) fn spelled<T: PartialEq>(
        &self,
        names: &[&'static str],
        read: impl Fn(&Field<'d>) -> Option<T>,
    ) -> Option<Written<T>> {
        agreed(names.iter().filter_map(|name| self.optional(name)), read)
    }

    /// The value that `read` finds under `name`, with its path.
    pub(crate) fn written<T>(
        &self,
        name: &'static str,
        read: impl Fn(&Field<'d>) -> Option<T>,
    ) -> Option<Written<T>> {
        self.optional(name)?.written_as(read)
    }

    /// The mapping under `name`.
    pub(crate) fn object<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Block<'d>) -> T,
    ) -> Option<T> {
        self.optional(name)?.object(read)
    }

    /// The field under an older spelling whose meaning the reader works out itself.
    pub(crate) fn older(&self, name: &'static str) -> Option<Field<'d>> {
        self.names.borrow_mut().older.push(name);
        self.present(name)
    }

    /// Names that exist in the API and are not read.
    pub(crate) fn accept(&self, names: &[&'static str]) {
        self.names.borrow_mut().today.extend(names);
    }

    /// Names that exist in the API, would change behaviour, and are not implemented.
    pub(crate) fn unsupported(&self, names: &[&'static str]) {
        for field in names.iter().filter_map(|name| self.optional(name)) {
            field.warn(
                codes::UNSUPPORTED_FIELD,
                format!("`{}` is accepted but not implemented", field.path()),
            );
        }
    }

    /// What to say when an unknown field has this name.
    pub(crate) fn explain(&self, name: &'static str, help: &'static str) {
        self.names.borrow_mut().explained.push((name, help));
    }

    /// Keys of the mapping that nobody asked for, with the name each was probably meant to be.
    pub(crate) fn unknown(&self) -> Vec<(&'d Entry, Option<&'static str>)> {
        let names = self.names.borrow();
        self.entries
            .iter()
            .filter(|entry| {
                let key = entry.key.as_str();
                !names.today.contains(&key) && !names.older.contains(&key)
            })
            .map(|entry| (entry, nearest(&entry.key, names.today.iter().copied())))
            .collect()
    }

    pub(super) fn finish(self) {
        self.field.report.asked(|| {
            let names = self.names.borrow();
            let names: Vec<_> = names.today.iter().chain(&names.older).copied().collect();
            let block = self.field.path();
            names.into_iter().map(move |name| block.field(name))
        });
        for (entry, suggestion) in self.unknown() {
            let path = self.field.path().field(&entry.key);
            let report = self.field.report;
            let diagnostic = Diagnostic::new(
                codes::UNKNOWN_FIELD,
                report.unknown_fields,
                format!("unknown field \"{path}\""),
            )
            .at(report.document, path, entry.key_span);
            let names = self.names.borrow();
            let explained = names.explained.iter().find(|(name, _)| *name == entry.key);
            report.push(match (explained, suggestion) {
                (Some((_, help)), _) => diagnostic.help(*help),
                (None, Some(name)) => diagnostic.help(format!("did you mean `{name}`?")),
                (None, None) => diagnostic,
            });
        }
    }

    /// The string under `name`.
    pub(crate) fn string(&self, name: &'static str) -> Option<&'d str> {
        self.optional(name)?.string()
    }

    /// The string under `name`, which must be there.
    pub(crate) fn required_string(&self, name: &'static str) -> Option<&'d str> {
        self.required(name)?.string()
    }

    /// The boolean under `name`.
    pub(crate) fn boolean(&self, name: &'static str) -> Option<bool> {
        self.optional(name)?.boolean()
    }

    /// The integer under `name`.
    pub(crate) fn u32(&self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.optional(name)?.u32(range)
    }

    /// The percentage under `name`.
    pub(crate) fn percent(&self, name: &'static str) -> Option<u32> {
        self.u32(name, 0..=100)
    }

    /// The duration under `name`.
    pub(crate) fn duration(&self, name: &'static str) -> Option<Duration> {
        self.optional(name)?.duration()
    }

    /// The duration under `name`, more than zero.
    pub(crate) fn positive_duration(&self, name: &'static str) -> Option<Duration> {
        self.optional(name)?.positive_duration()
    }

    /// The word under `name`, of a closed set.
    pub(crate) fn choice<T: Clone>(&self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        self.optional(name)?.choice(choices)
    }

    /// The duration under `name`, no shorter than `least`.
    pub(crate) fn duration_from(&self, name: &'static str, least: Duration) -> Option<Duration> {
        self.optional(name)?.duration_from(least)
    }

    /// The list under `name`, empty when absent.
    pub(crate) fn list(&self, name: &'static str, length: RangeInclusive<usize>) -> Vec<Field<'d>> {
        self.optional(name)
            .map(|field| field.items(length))
            .unwrap_or_default()
    }

    fn present(&self, name: &'static str) -> Option<Field<'d>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        (entry.value.value != Value::Null).then(|| self.field.child(name, &entry.value))
    }
}

/// One setting that stands in several places. Equal values agree, another one is an error at its
/// place that names the first. The path is that of the first.
pub(crate) fn agreed<'d, T: PartialEq>(
    fields: impl IntoIterator<Item = Field<'d>>,
    read: impl Fn(&Field<'d>) -> Option<T>,
) -> Option<Written<T>> {
    let mut chosen: Option<Written<T>> = None;
    for field in fields {
        let Some(value) = field.written_as(&read) else {
            continue;
        };
        match &chosen {
            None => chosen = Some(value),
            Some(first) if first.value == value.value => {}
            Some(first) => field.conflicts_with(&first.path),
        }
    }
    chosen
}
