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

use crate::output::style::HEAD;

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
