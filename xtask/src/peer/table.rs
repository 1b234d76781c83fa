// SPDX-License-Identifier: Apache-2.0
//! The committed table of decided differences.
//!
//! In: `docs/reference/peer.md`. Out: what may differ, by kind.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, ensure};

use crate::layout::root;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Messages of a test are left to chance, and not compared.
    Chance,
    /// Messages that clients and upstreams get in a test.
    Messages,
    /// A test that is about our data plane alone; Envoy does not run it.
    Ours,
    /// A test that fails with Envoy.
    Test,
    /// A value that tests expect to differ; its name stands in the tests.
    Value,
}

/// What may differ.
#[derive(Debug, Clone, Default)]
pub(super) struct Decisions(BTreeSet<(Kind, String)>);

impl Decisions {
    pub(super) fn read() -> Result<Self> {
        let page = fs::read_to_string(root().join(PAGE)).context(PAGE)?;
        Self::parse(&page)
    }

    fn parse(page: &str) -> Result<Self> {
        let mut decisions = Self::default();
        let mut kind = None;
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                let known = SECTIONS.iter().find(|(known, _)| *known == title);
                kind = Some(known.with_context(|| format!("{PAGE}: {title:?}"))?.1);
            }
            let Some(cells) = line.strip_prefix("| `") else {
                continue;
            };
            let (name, reason) = cells.split_once("` | ").with_context(|| line.to_owned())?;
            let kind = kind.with_context(|| line.to_owned())?;
            ensure!(!reason.trim_matches(['|', ' ']).is_empty(), "{line}");
            let new = decisions.0.insert((kind, name.to_owned()));
            ensure!(new, "{PAGE}: {name} stands twice");
        }
        Ok(decisions)
    }

    pub(super) fn has(&self, kind: Kind, name: &str) -> bool {
        self.0.contains(&(kind, name.to_owned()))
    }

    pub(super) fn take(&mut self, kind: Kind, name: &str) {
        self.0.remove(&(kind, name.to_owned()));
    }

    /// Entries that nothing used.
    pub(super) fn left(&self) -> impl Iterator<Item = String> {
        let entries = self.0.iter();
        entries.map(|(kind, name)| format!("{PAGE}: {kind:?} {name} is of no use"))
    }
}

const PAGE: &str = "docs/reference/peer.md";

const SECTIONS: [(&str, Kind); 5] = [
    ("Values", Kind::Value),
    ("Messages", Kind::Messages),
    ("Messages that are left to chance", Kind::Chance),
    ("Tests that fail with Envoy", Kind::Test),
    ("Tests of our data plane alone", Kind::Ours),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sections() {
        let page = "# Title\n\n## Values\n\n| Value | Why |\n| --- | --- |\n| `a b` | c |\n";
        let decisions = Decisions::parse(page).unwrap();
        assert!(decisions.has(Kind::Value, "a b"));
        assert!(!decisions.has(Kind::Test, "a b"));
        assert!(Decisions::parse(&page.replace("| c |", "| |")).is_err());
        assert!(Decisions::parse(&page.replace("Values", "Other")).is_err());
    }
}
