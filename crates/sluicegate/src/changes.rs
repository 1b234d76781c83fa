// SPDX-License-Identifier: Apache-2.0
//! What changes in Envoy's resources between two snapshots.
//!
//! In: two snapshots. Out: per resource what happened to it and which lines of its JSON changed,
//! for people and for machines.

mod lines;

use serde_json::{Value, json};
use sluicegate_snapshot::{Diff, Resource, Snapshot};

use crate::{
    output::style::{BAD, DIM, GOOD, HEAD},
    xds_view::{self, Kind},
};
use lines::{Line, hunks};

/// What happened to one resource.
#[derive(Debug, Clone)]
pub struct Change {
    /// Its type.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What happened.
    pub what: What,
    lines: Vec<Line>,
}

/// What may happen to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// Its content differs.
    Changed,
    /// It is gone.
    Removed,
    /// It is sent again with the same content, because Envoy re-warms the cluster it belongs to.
    Resent,
}

impl What {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Resent => "resent",
        }
    }
}

/// Every change from `old` to `new`, by type and name.
///
/// # Errors
/// When a resource cannot be shown as JSON.
pub fn changes(old: &Snapshot, new: &Snapshot) -> anyhow::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for kind in Kind::ALL {
        let diff = Diff::between(old, new, kind.resource_type());
        let sorted = [
            (&diff.added, What::Added),
            (&diff.changed, What::Changed),
            (&diff.removed, What::Removed),
        ];
        for (names, what) in sorted {
            for name in names {
                let before = old.get(kind.resource_type(), name);
                let after = new.get(kind.resource_type(), name);
                let same = before.map(|it| &it.body) == after.map(|it| &it.body);
                let before = text(before.map(AsRef::as_ref))?;
                let after = text(after.map(AsRef::as_ref))?;
                changes.push(Change {
                    kind,
                    name: name.to_string(),
                    what: if same { What::Resent } else { what },
                    lines: match what {
                        What::Changed => hunks(&before, &after),
                        _ => Vec::new(),
                    },
                });
            }
        }
    }
    Ok(changes)
}

/// The JSON of a resource without secrets; empty for none.
fn text(resource: Option<&Resource>) -> anyhow::Result<String> {
    let Some(resource) = resource else {
        return Ok(String::new());
    };
    let value = xds_view::resource(resource, false)?;
    Ok(sluicegate_xds::json::to_string(&value))
}

/// For people: a heading per type, a line per resource, its changed lines with their surroundings.
pub fn show(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no change\n".to_owned();
    }
    let mut text = String::new();
    let mut last = None;
    for change in changes {
        if last != Some(change.kind) {
            let gap = if last.is_some() { "\n" } else { "" };
            text.push_str(&format!("{gap}{HEAD}{}{HEAD:#}\n", change.kind.name()));
            last = Some(change.kind);
        }
        let (sign, style) = match change.what {
            What::Added => ('+', GOOD),
            What::Changed => ('~', HEAD),
            What::Removed => ('-', BAD),
            What::Resent => ('=', DIM),
        };
        text.push_str(&format!("{style}{sign} {}{style:#}", change.name));
        match (change.what, change.lines.is_empty()) {
            (What::Resent, _) => text.push_str("   sent again: its cluster changed"),
            (What::Changed, true) => text.push_str("   only secrets changed"),
            _ => {}
        }
        text.push('\n');
        for line in &change.lines {
            text.push_str(&match line {
                Line::Added(line) => format!("    {GOOD}+{line}{GOOD:#}\n"),
                Line::Gap => format!("    {DIM}...{DIM:#}\n"),
                Line::Kept(line) => format!("     {line}\n"),
                Line::Removed(line) => format!("    {BAD}-{line}{BAD:#}\n"),
            });
        }
    }
    text
}

/// For machines: `[{"type", "name", "change", "lines"}]`.
pub fn to_json(changes: &[Change]) -> Value {
    let items = changes.iter().map(|change| {
        let lines: Vec<String> = change
            .lines
            .iter()
            .map(|line| match line {
                Line::Added(line) => format!("+{line}"),
                Line::Gap => "...".to_owned(),
                Line::Kept(line) => format!(" {line}"),
                Line::Removed(line) => format!("-{line}"),
            })
            .collect();
        json!({
            "type": change.kind.name(),
            "name": change.name,
            "change": change.what.word(),
            "lines": lines,
        })
    });
    items.collect()
}
