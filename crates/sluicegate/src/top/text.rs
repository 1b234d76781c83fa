// SPDX-License-Identifier: Apache-2.0
//! One look as a table.
//!
//! In: a look. Out: the process, how its backends are, and a row for each with the reason below it.

use super::{
    format::{HEAD, cells, counts, process},
    look::Look,
};
use crate::output::{Cell, Table, style::DIM};

/// The text.
pub fn table(look: &Look, width: Option<usize>) -> String {
    let mut table = Table::new(0, &HEAD);
    for row in &look.backends {
        let cells = cells(row).into_iter();
        let cells: Vec<Cell> = cells.map(|(text, style)| Cell::new(text, style)).collect();
        table.row(cells);
        if !row.why.is_empty() {
            table.note(row.why.as_str(), DIM);
        }
    }
    format!(
        "{}\n{}\n\n{}",
        process(look),
        counts(look),
        table.render(width)
    )
}
