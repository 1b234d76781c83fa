// SPDX-License-Identifier: Apache-2.0
//! A mapping while it is read: unique keys, and what a merge key brings in.
//!
//! In: keys and values in the author's order, mappings to merge. Out: the entries, or the place
//! where a key was written first. A merge overwrites what stands before it and is overwritten by
//! what follows, as in go-yaml v2.

use std::collections::HashMap;

use crate::{Entry, Node, Span, Value};

/// Entries so far.
#[derive(Default)]
pub(crate) struct Mapping {
    entries: Vec<Slot>,
    /// Position by key; only kept when there are too many entries to look through.
    index: HashMap<String, usize>,
}

struct Slot {
    entry: Entry,
    /// Written here, as opposed to merged in.
    explicit: bool,
}

impl Mapping {
    /// Adds an entry; gives it back, with the place of the earlier one, when its key was already
    /// written.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), (Entry, Span)> {
        match self.position(&entry.key).map(|at| &mut self.entries[at]) {
            Some(slot) if slot.explicit => return Err((entry, slot.entry.key_span)),
            Some(slot) => {
                slot.entry = entry;
                slot.explicit = true;
            }
            None => self.push(entry, true),
        }
        Ok(())
    }

    /// Brings in the entries of a mapping, or of each mapping of a sequence, the first of which
    /// wins. Says whether it was one of these.
    pub(crate) fn merge(&mut self, node: Node) -> bool {
        match node.value {
            Value::Mapping(entries) => {
                self.merge_entries(entries);
                true
            }
            Value::Sequence(items)
                if items
                    .iter()
                    .all(|item| matches!(item.value, Value::Mapping(_))) =>
            {
                for item in items.into_iter().rev() {
                    if let Value::Mapping(entries) = item.value {
                        self.merge_entries(entries);
                    }
                }
                true
            }
            _ => false,
        }
    }

    /// The finished entries.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries.into_iter().map(|slot| slot.entry).collect()
    }

    fn merge_entries(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            match self.position(&entry.key) {
                Some(position) => self.entries[position].entry = entry,
                None => self.push(entry, false),
            }
        }
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() > SCAN_LIMIT {
            return self.index.get(key).copied();
        }
        self.entries.iter().position(|slot| slot.entry.key == key)
    }

    fn push(&mut self, entry: Entry, explicit: bool) {
        if self.entries.len() >= SCAN_LIMIT {
            if self.index.is_empty() {
                let keys = self.entries.iter().map(|slot| slot.entry.key.clone());
                self.index = keys.enumerate().map(|(at, key)| (key, at)).collect();
            }
            self.index.insert(entry.key.clone(), self.entries.len());
        }
        self.entries.push(Slot { entry, explicit });
    }
}

/// Nearly every mapping of a manifest is shorter than this, and looking through it is cheaper
/// than hashing.
const SCAN_LIMIT: usize = 24;
