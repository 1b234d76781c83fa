// SPDX-License-Identifier: Apache-2.0
//! Facts as text for people.
//!
//! In: the facts, the width of the terminal. Out: headings, tables, notes below the rows they
//! concern.

mod backend;
mod policy;
mod route;
mod traffic;

pub use backend::backend;
pub use policy::policy;
pub use route::route;
pub use traffic::traffic_policy;

use super::backend::Doubt;
use crate::output::{
    Cell, Table,
    style::{DOUBT, HEAD},
};

/// `kind name`, then what stands beside it.
fn heading(kind: &str, name: &str, beside: &[String]) -> String {
    let mut line = format!("{HEAD}{kind} {name}{HEAD:#}");
    for words in beside.iter().filter(|words| !words.is_empty()) {
        line.push_str(&format!("   {words}"));
    }
    line.push('\n');
    line
}

/// A heading inside.
fn section(title: &str) -> String {
    format!("\n{HEAD}{title}{HEAD:#}\n")
}

/// What is accepted and probably not meant; nothing without any.
fn warnings(doubts: &[Doubt], width: Option<usize>) -> String {
    if doubts.is_empty() {
        return String::new();
    }
    let mut table = Table::new(0, &[]);
    for doubt in doubts {
        let reason = Cell::new(doubt.reason, DOUBT);
        table.row([
            reason,
            doubt.source.clone().into(),
            doubt.message.clone().into(),
        ]);
    }
    section("WARNINGS") + &table.render(width)
}
