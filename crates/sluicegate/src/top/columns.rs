// SPDX-License-Identifier: Apache-2.0
//! Columns of a screen: cut, never wrapped.
//!
//! In: rows of cells. Out: rows of cells of equal widths that fit the screen.

use anstyle::Style;

/// A row: texts with their styles.
pub(super) type Cells = Vec<(String, Style)>;

/// Pads every column to its widest cell. Where that is too wide, column `elastic` gives way; what is
/// still too wide is cut at the end. Two columns of the screen are left for a mark.
pub(super) fn lay_out(rows: &[&Cells], elastic: usize, width: usize) -> Vec<Cells> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, (text, _)) in widths.iter_mut().zip(row.iter()) {
            *width = (*width).max(text.chars().count());
        }
    }
    let room = width.saturating_sub(2);
    let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    if let Some(width) = widths.get_mut(elastic) {
        *width = width
            .saturating_sub(all.saturating_sub(room))
            .max(NARROWEST.min(*width));
    }
    let line = |row: &&Cells| {
        let mut left = room;
        let cells = row.iter().zip(&widths).map(|((text, style), width)| {
            let padded = format!("{:width$}{:GAP$}", fit(text, *width), "");
            let cell = fit(&padded, left);
            left -= cell.chars().count();
            (cell, *style)
        });
        cells.collect()
    };
    rows.iter().map(line).collect()
}

/// The text on at most `width` columns, without characters that a terminal would obey.
pub(super) fn fit(text: &str, width: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '?' } else { c });
    match text.chars().count() > width {
        false => plain.collect(),
        true if width == 0 => String::new(),
        true => plain.take(width - 1).chain(['…']).collect(),
    }
}

const GAP: usize = 2;

/// Columns that a name keeps. Ours.
const NARROWEST: usize = 12;
