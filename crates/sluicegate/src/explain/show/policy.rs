// SPDX-License-Identifier: Apache-2.0
//! `explain policy` as text.
//!
//! In: the facts about a policy. Out: targets, what it does on each backend, doubts, errors.

use super::{heading, section, warnings};
use crate::{
    explain::policy::PolicyFacts,
    output::{
        Cell, Table,
        style::{BAD, DIM, DOUBT, GOOD},
    },
};

/// The text.
pub fn policy(facts: &PolicyFacts, width: Option<usize>) -> String {
    let weight = match facts.weight {
        0 => String::new(),
        weight => format!("weight {weight}"),
    };
    let mut text = heading("policy", &facts.name, &[facts.source.clone(), weight]);
    for error in &facts.errors {
        text.push_str(&format!("{BAD}invalid: {error}{BAD:#}\n"));
    }
    text.push('\n');
    let mut table = Table::new(0, &["TARGET", "VERDICT"]);
    for target in &facts.targets {
        let (words, style) = match (target.accepted.as_str(), target.attached) {
            ("Valid", attached @ "Attached") => (attached.to_owned(), GOOD),
            ("Valid", attached) => (attached.to_owned(), DOUBT),
            (accepted, _) => (accepted.to_owned(), BAD),
        };
        table.row([target.target.clone().into(), Cell::new(words, style)]);
        if let Some(winner) = &target.tls_overridden_by {
            table.note(
                format!("tls overridden by BackendTLSPolicy {winner}"),
                DOUBT,
            );
        }
    }
    for selector in &facts.unmatched_selectors {
        table.row([
            selector.clone().into(),
            Cell::new("selects no object", DOUBT),
        ]);
    }
    text.push_str(&table.render(width));
    for share in &facts.backends {
        text.push_str(&section(&format!("ON {}", share.backend)));
        let mut table = Table::new(0, &[]);
        if let Some(reason) = &share.closed {
            let words = format!("{BAD}closed: every request is answered 500{BAD:#}\n  {reason}\n");
            text.push_str(&words);
        }
        if share.units.is_empty() {
            table.note("contributes nothing", DIM);
        }
        for unit in &share.units {
            let style = match unit.state {
                "in force" => GOOD,
                _ => DOUBT,
            };
            let state = Cell::new(unit.state, style);
            table.row([unit.unit.into(), state, unit.detail.clone().into()]);
        }
        text.push_str(&table.render(width));
    }
    text.push_str(&warnings(&facts.warnings, width));
    text
}
