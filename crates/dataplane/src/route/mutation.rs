// SPDX-License-Identifier: Apache-2.0
//! Header changes, merged at compile time.
//!
//! In: removals and additions of several levels, most specific first, applied in that order (each
//! level removes before it adds, as Envoy does). Out: one set that is applied in a single pass.

use super::{Facts, Format};

/// The merged changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mutations {
    /// Names of the message that go, lower case.
    pub(crate) remove: Vec<Box<[u8]>>,
    /// Fields that come.
    pub(crate) add: Vec<AddedHeader>,
}

/// A field to add.
#[derive(Debug, Clone)]
pub(crate) struct AddedHeader {
    /// Lower case.
    pub(crate) name: Box<[u8]>,
    /// The value; empty where there is a format.
    pub(crate) value: Box<[u8]>,
    /// What makes the value, where requests decide it.
    pub(crate) format: Option<Box<Format>>,
    /// When.
    pub(crate) condition: Condition,
}

/// When a field is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Always.
    Always,
    /// If the message has no such field.
    Absent,
    /// If the message has such a field, which is in `remove` under the same condition.
    Present,
}

impl Mutations {
    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// Whether fields called `name` are taken out.
    pub(crate) fn removes(&self, name: &[u8]) -> bool {
        self.remove
            .iter()
            .any(|removed| removed.eq_ignore_ascii_case(name))
    }

    /// Whether requests decide any value.
    pub(crate) fn has_formats(&self) -> bool {
        self.add.iter().any(|added| added.format.is_some())
    }

    /// Whether a value is made of the request's fields.
    pub(crate) fn reads_request(&self) -> bool {
        let mut formats = self.add.iter().filter_map(|added| added.format.as_ref());
        formats.any(|format| format.reads_request())
    }

    /// The same with the values for one request. A field whose value comes out empty is not added.
    pub(crate) fn resolve(&self, facts: &Facts<'_>) -> Self {
        let mut resolved = self.clone();
        resolved.add.retain_mut(|added| {
            let Some(format) = added.format.take() else {
                return true;
            };
            let mut value = Vec::new();
            format.push(facts, b"", &mut value);
            added.value = value.into();
            !added.value.is_empty()
        });
        resolved
    }

    /// Removes a name from the message and from what was added so far.
    pub(crate) fn remove(&mut self, name: &str) {
        let name = name.to_ascii_lowercase();
        if is_framing(&name) {
            return;
        }
        self.add.retain(|added| *added.name != *name.as_bytes());
        if !self.removes(name.as_bytes()) {
            self.remove.push(name.into_bytes().into());
        }
    }

    /// `APPEND_IF_EXISTS_OR_ADD`.
    pub(crate) fn append(&mut self, name: &str, value: &Format) {
        self.push(name, value, Condition::Always);
    }

    /// `OVERWRITE_IF_EXISTS_OR_ADD`.
    pub(crate) fn overwrite(&mut self, name: &str, value: &Format) {
        self.remove(name);
        self.push(name, value, Condition::Always);
    }

    /// `ADD_IF_ABSENT`.
    pub(crate) fn add_if_absent(&mut self, name: &str, value: &Format) {
        let lower = name.to_ascii_lowercase();
        let there = |added: &AddedHeader| {
            *added.name == *lower.as_bytes() && added.condition == Condition::Always
        };
        if self.add.iter().any(there) {
            return;
        }
        let condition = if self.removes(lower.as_bytes()) {
            Condition::Always
        } else {
            Condition::Absent
        };
        self.push(name, value, condition);
    }

    /// `OVERWRITE_IF_EXISTS`.
    pub(crate) fn overwrite_if_exists(&mut self, name: &str, value: &Format) {
        let lower = name.to_ascii_lowercase();
        let there = self
            .add
            .iter()
            .any(|added| *added.name == *lower.as_bytes());
        if there {
            self.overwrite(name, value);
        } else if !self.removes(lower.as_bytes()) {
            self.remove(name);
            self.push(name, value, Condition::Present);
        }
    }

    fn push(&mut self, name: &str, value: &Format, condition: Condition) {
        let name = name.to_ascii_lowercase();
        if is_framing(&name) {
            return;
        }
        let constant = value.constant();
        self.add.push(AddedHeader {
            name: name.into_bytes().into(),
            value: constant.unwrap_or_default().into(),
            format: constant.is_none().then(|| Box::new(value.clone())),
            condition,
        });
    }
}

/// Where a body ends is not for a rule to say: see `docs/reference/differences.md`.
fn is_framing(lower: &str) -> bool {
    matches!(lower, "content-length" | "transfer-encoding")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_touches_framing() {
        let mut all = Mutations::default();
        all.remove("Content-Length");
        all.overwrite("Transfer-Encoding", &Format::plain(b"gzip"));
        all.overwrite_if_exists("content-length", &Format::plain(b"1"));
        all.add_if_absent("content-length", &Format::plain(b"1"));
        all.append("content-length", &Format::plain(b"1"));
        assert!(all.is_empty());
    }

    #[test]
    fn later_levels_see_what_earlier_ones_did() {
        let mut all = Mutations::default();
        all.append("X-A", &Format::plain(b"1"));
        all.append("x-b", &Format::plain(b"1"));
        all.overwrite("x-a", &Format::plain(b"2"));
        all.add_if_absent("x-a", &Format::plain(b"3"));
        all.remove("x-b");
        all.add_if_absent("x-b", &Format::plain(b"4"));
        let added: Vec<_> = all
            .add
            .iter()
            .map(|added| (&*added.name, &*added.value, added.condition))
            .collect();
        let wanted: [(&[u8], &[u8], _); 2] = [
            (b"x-a", b"2", Condition::Always),
            (b"x-b", b"4", Condition::Always),
        ];
        assert_eq!(added, wanted);
        assert!(all.removes(b"X-A") && all.removes(b"x-b"));
    }
}
