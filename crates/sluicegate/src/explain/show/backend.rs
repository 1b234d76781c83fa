// SPDX-License-Identifier: Apache-2.0
//! `explain backend` as text.
//!
//! In: the facts about a backend. Out: what is in force with its source, losers below it, then
//! doubts, invalid policies and defaults.

use super::{heading, section, traffic::traffic, warnings};
use crate::{
    explain::backend::{BackendFacts, UnitFacts},
    output::{
        Cell, Table,
        style::{BAD, DIM, DOUBT, GOOD, PLAIN},
    },
};

/// The text.
pub fn backend(facts: &BackendFacts, width: Option<usize>) -> String {
    let beside = [
        format!("cluster {}", facts.cluster),
        facts.protocol.to_owned(),
    ];
    let mut text = heading("backend", &facts.name, &beside);
    match &facts.closed {
        Some(reason) => {
            text.push_str(&format!(
                "{BAD}closed: every request is answered 500{BAD:#}\n"
            ));
            text.push_str(&format!("  {reason}\n"));
        }
        None if facts.routes.is_empty() => {
            text.push_str(&format!("{DOUBT}no route sends requests here{DOUBT:#}\n"));
        }
        None => {}
    }
    if !facts.routes.is_empty() {
        text.push_str(&format!("used by {}\n", facts.routes.join(", ")));
    }
    if let [policy] = policies(facts).as_slice() {
        text.push_str(&format!("set by {policy}\n"));
    }
    if let Some(policy) = &facts.tls_policy {
        text.push_str(&format!("secured by {policy}\n"));
    }
    text.push('\n');
    text.push_str(&units(facts).render(width));
    text.push_str(&warnings(&facts.warnings, width));
    if !facts.invalid.is_empty() {
        text.push_str(&section("INVALID POLICIES"));
        let mut table = Table::new(0, &[]);
        for policy in &facts.invalid {
            let name = Cell::new(policy.policy.clone(), BAD);
            let errors = policy.errors.join("; ");
            table.row([name, policy.source.clone().into(), errors.into()]);
        }
        text.push_str(&table.render(width));
    }
    if !facts.traffic.is_empty() {
        text.push_str(&section("ON THE WAY FROM ROUTES"));
    }
    for facts in &facts.traffic {
        text.push_str(&traffic(facts, width));
    }
    text.push_str(&section("NOT SET BY A POLICY"));
    let mut table = Table::new(0, &[]);
    for default in &facts.defaults {
        table.row([
            Cell::new(default.field.clone(), DIM),
            Cell::new(default.value, DIM),
            Cell::new(default.origin, DIM),
            Cell::new(default.envoy_field.unwrap_or_default(), DIM),
        ]);
    }
    text.push_str(&table.render(width));
    text
}

/// The policies that set something.
fn policies(facts: &BackendFacts) -> Vec<&str> {
    let mut policies: Vec<&str> = facts.units.iter().map(|it| it.policy.as_str()).collect();
    policies.sort_unstable();
    policies.dedup();
    policies
}

fn units(facts: &BackendFacts) -> Table {
    // With one policy a line above the table names it.
    let several = policies(facts).len() > 1;
    let mut head = vec!["SETTING", "VALUE", "SOURCE"];
    head.extend(several.then_some("POLICY"));
    head.push("ENVOY FIELD");
    let mut table = Table::new(0, &head);
    if facts.units.is_empty() {
        table.note("no policy sets anything here", DIM);
    }
    for unit in &facts.units {
        add(unit, several, &mut table);
        losers(unit, &mut table);
    }
    table
}

fn add(unit: &UnitFacts, with_policy: bool, table: &mut Table) {
    let in_force = unit.without_effect.is_none();
    for setting in &unit.settings {
        let written = in_force && !setting.is_api_default;
        let (style, value) = if written { (PLAIN, GOOD) } else { (DIM, DIM) };
        let field = match in_force {
            true => setting.envoy_field.unwrap_or_default(),
            false => "-",
        };
        let mut cells = vec![
            Cell::new(setting.field.clone(), style),
            Cell::new(setting.text(), value),
            Cell::new(setting.source.clone(), style),
        ];
        if with_policy {
            // The kind is always the same.
            let name = unit.policy.rsplit(' ').next().unwrap_or_default();
            cells.push(Cell::new(name, style));
        }
        cells.push(Cell::new(field, DIM));
        table.row(cells);
    }
    if let Some(reason) = &unit.without_effect {
        table.note(format!("no effect: {reason}"), DOUBT);
    }
}

fn losers(unit: &UnitFacts, table: &mut Table) {
    for beaten in &unit.beaten {
        let values: Vec<String> = beaten
            .settings
            .iter()
            .map(|setting| format!("{} {}", setting.field, setting.text()))
            .collect();
        let words = format!(
            "beats {} ({}), which has {}: {}",
            beaten.policy,
            beaten.source,
            values.join(", "),
            beaten.why
        );
        table.note(words, DOUBT);
    }
}
