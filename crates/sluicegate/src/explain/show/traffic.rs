// SPDX-License-Identifier: Apache-2.0
//! A BackendTrafficPolicy in force, as text.
//!
//! In: the facts about it. Out: the policy, what it is merged with, what it replaces, and a line for
//! each setting.

use super::heading;
use crate::{
    explain::traffic::{RankedPolicy, TrafficFacts, TrafficPolicyFacts, TrafficSetting},
    output::{
        Cell, Table,
        style::{BAD, DIM, DOUBT, GOOD, PLAIN},
    },
};

/// The text.
pub(super) fn traffic(facts: &TrafficFacts, width: Option<usize>) -> String {
    let mut text = format!("\n  on {}\n", facts.listeners.join("; "));
    let head = [
        "SETTING",
        "VALUE",
        "SOURCE",
        "BACKEND",
        "STATE",
        "ENVOY FIELD",
    ];
    let mut table = Table::new(2, &head);
    table.note(format!("policy {}", named(&facts.policy)), PLAIN);
    if let Some(parent) = &facts.merged_with {
        table.note(format!("merged with {}", named(parent)), PLAIN);
    }
    for loser in &facts.replaces {
        let rule = "the more specific policy replaces it as a whole";
        table.note(format!("replaces {}: {rule}", named(loser)), DOUBT);
    }
    if let Some(reason) = &facts.closed {
        table.note(format!("answers 500: {reason}"), BAD);
    }
    for setting in &facts.settings {
        row(&mut table, setting);
    }
    text.push_str(&table.render(width));
    for cluster in &facts.clusters {
        text.push_str(&format!("  {DIM}cluster {cluster}{DIM:#}\n"));
    }
    text
}

/// `explain policy` of a BackendTrafficPolicy as text.
pub fn traffic_policy(facts: &TrafficPolicyFacts, width: Option<usize>) -> String {
    let mut text = heading("policy", &facts.name, std::slice::from_ref(&facts.source));
    for error in &facts.errors {
        text.push_str(&format!("{BAD}invalid: {error}{BAD:#}\n"));
    }
    for warning in &facts.warnings {
        text.push_str(&format!("{DOUBT}warning: {warning}{DOUBT:#}\n"));
    }
    text.push('\n');
    let mut table = Table::new(0, &["ANCESTOR", "VERDICT"]);
    for ancestor in &facts.ancestors {
        let style = match ancestor.accepted.as_str() {
            "Accepted" => GOOD,
            _ => BAD,
        };
        table.row([
            ancestor.ancestor.clone().into(),
            Cell::new(ancestor.accepted.clone(), style),
        ]);
        for words in &ancestor.merged {
            table.note(format!("merged {words}"), PLAIN);
        }
        for words in &ancestor.overridden {
            table.note(format!("overridden: {words}"), DOUBT);
        }
        for words in &ancestor.warnings {
            table.note(words.clone(), DOUBT);
        }
    }
    text.push_str(&table.render(width));
    text
}

fn named(policy: &RankedPolicy) -> String {
    format!(
        "{} ({}) of the {}",
        policy.policy, policy.source, policy.rank
    )
}

fn row(table: &mut Table, setting: &TrafficSetting) {
    let style = if setting.is_in_force() { GOOD } else { DOUBT };
    let value = match &setting.value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    table.row([
        setting.field.clone().into(),
        value.into(),
        setting.source.clone().into(),
        setting.backend.as_deref().unwrap_or("-").into(),
        Cell::new(setting.state, style),
        Cell::new(setting.envoy_field_text(), DIM),
    ]);
    if !setting.detail.is_empty() {
        let colon = match setting.state {
            "no effect" | "not enforced" => ":",
            _ => "",
        };
        let detail = &setting.detail;
        table.note(format!("{}{colon} {detail}", setting.state), style);
    }
}
