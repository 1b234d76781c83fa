// SPDX-License-Identifier: Apache-2.0
//! Changes for people.
//!
//! In: the changes. Out: a heading per type, a line per changed field, below it where and why.

use serde_json::Value;

use super::{Cause, Change, Line, What};
use crate::output::style::{BAD, DIM, GOOD, HEAD};

/// The text.
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
        text.push_str(&head(change));
        for cause in &change.causes {
            text.push_str(&because(cause));
        }
    }
    text
}

/// `~ connect_timeout  5s → 7s` and below it the resources; for whole resources just these.
fn head(change: &Change) -> String {
    let (sign, style) = match change.what {
        What::Added | What::ItemAdded => ('+', GOOD),
        What::Changed | What::Reordered => ('~', HEAD),
        What::Removed | What::ItemRemoved => ('-', BAD),
        What::Resent => ('=', DIM),
    };
    let names = names(change);
    let Some(field) = &change.field else {
        let why = match change.what {
            What::Changed => "   only secrets changed",
            What::Resent => "   sent again: the cluster changed",
            _ => "",
        };
        return format!("{style}{sign} {names}{style:#}{why}\n");
    };
    let values = match change.what {
        What::Changed => format!(
            "  {BAD}{}{BAD:#} → {GOOD}{}{GOOD:#}",
            short(change.old.as_ref()),
            short(change.new.as_ref())
        ),
        What::Reordered => "  in another order".to_owned(),
        _ => String::new(),
    };
    format!("{style}{sign} {field}{style:#}{values}\n    in {names}\n")
}

/// The first few, and how many there are.
fn names(change: &Change) -> String {
    let all = match change.items.is_empty() || change.count == 1 {
        true => &change.names,
        false => &change.items,
    };
    let shown: Vec<&str> = all.iter().take(FIRST).map(String::as_str).collect();
    let text = shown.join(", ");
    match all.len() {
        few if few <= FIRST => text,
        many => format!("{many}: {text} and {} more", many - FIRST),
    }
}

fn because(cause: &Cause) -> String {
    let field = match cause.field.as_str() {
        "" => String::new(),
        field => format!(" {field}"),
    };
    let note = cause.note.as_deref();
    let note = note.map_or(String::new(), |note| format!(" ({note})"));
    let mut text = format!("    because {}{field}{note}\n", cause.object);
    for (word, line) in [("before", &cause.before), ("after ", &cause.after)] {
        if let Some(Line { value, source }) = line {
            let value = value.as_ref().map(|value| short(Some(value)));
            let value = value.map_or(String::new(), |value| format!("  {value}"));
            text.push_str(&format!("      {DIM}{word}{DIM:#} {source}{value}\n"));
        }
    }
    text
}

/// A value on one line, cut where it is long.
fn short(value: Option<&Value>) -> String {
    let text = match value {
        None => return "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let text = text.replace('\n', " ");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Names that are shown; machines get all. Ours.
const FIRST: usize = 5;

/// Characters of a value that are shown. Ours.
const LONGEST: usize = 60;
