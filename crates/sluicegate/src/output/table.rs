// SPDX-License-Identifier: Apache-2.0
//! Columns of text.
//!
//! In: a head, rows of cells, notes between rows. Out: lines; on a narrow terminal the widest
//! columns are wrapped, with later lines of a cell below its first.

use anstyle::Style;

use super::style;

/// Space between columns.
const GAP: usize = 2;
/// No column gets narrower than this; past it, lines get longer than the terminal.
const NARROWEST: usize = 10;

/// A cell: text in one style.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Text in a style of [`style`].
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, style::PLAIN)
    }
}

#[derive(Debug)]
enum Row {
    Cells(Vec<Cell>),
    Note(Cell),
}

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    indent: usize,
    rows: Vec<Row>,
}

impl Table {
    /// A table without rows yet, each line `indent` columns to the right; an empty head is not
    /// printed.
    pub fn new(indent: usize, head: &[&str]) -> Self {
        let mut table = Self {
            indent,
            rows: Vec::new(),
        };
        if !head.is_empty() {
            let head = head.iter().map(|text| Cell::new(*text, style::HEAD));
            table.rows.push(Row::Cells(head.collect()));
        }
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(Row::Cells(cells.into()));
    }

    /// Adds a line of its own below the last row, indented by two.
    pub fn note(&mut self, text: impl Into<String>, style: Style) {
        self.rows.push(Row::Note(Cell::new(text, style)));
    }

    /// The lines, wrapped to `width` columns when there is a width.
    pub fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let mut out = String::new();
        for row in &self.rows {
            match row {
                Row::Cells(cells) => self.cells(cells, &widths, &mut out),
                Row::Note(note) => {
                    let inner = self.indent + 2;
                    let room = width.map_or(usize::MAX, |width| width.saturating_sub(inner));
                    for line in wrap(&note.text, room.max(NARROWEST)) {
                        out.push_str(&" ".repeat(inner));
                        paint(&mut out, &line, note.style, 0);
                        out.push('\n');
                    }
                }
            }
        }
        out
    }

    fn cells(&self, cells: &[Cell], widths: &[usize], out: &mut String) {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrap(&cell.text, *width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..height {
            // Blanks at the end of a line are left out.
            let last = wrapped
                .iter()
                .rposition(|lines| lines.get(line).is_some_and(|text| !text.is_empty()));
            out.push_str(&" ".repeat(self.indent));
            for (column, (cell, lines)) in cells.iter().zip(&wrapped).enumerate() {
                if last.is_none_or(|last| column > last) {
                    break;
                }
                let text = lines.get(line).map_or("", String::as_str);
                let pad = widths[column] + GAP - text.chars().count();
                let is_last = last == Some(column);
                paint(out, text, cell.style, if is_last { 0 } else { pad });
            }
            out.push('\n');
        }
    }

    /// The width of each column: what its cells need, less where the terminal is too narrow.
    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            let Row::Cells(cells) = row else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let Some(room) = width else { return widths };
        let gaps = self.indent + GAP * widths.len().saturating_sub(1);
        let room = room.saturating_sub(gaps);
        while widths.iter().sum::<usize>() > room {
            let Some(widest) = widths.iter_mut().max().filter(|w| **w > NARROWEST) else {
                break;
            };
            *widest -= 1;
        }
        widths
    }
}

fn paint(out: &mut String, text: &str, style: Style, pad: usize) {
    out.push_str(&format!("{style}{text}{style:#}{}", " ".repeat(pad)));
}

/// Breaks at blanks, and within words that are too long.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(String::new());
            used = 0;
        }
        while word.len() > width {
            let cut = joint(&word, width);
            let rest = word.split_off(cut);
            push(&mut lines, &word, &mut used);
            lines.push(String::new());
            used = 0;
            word = rest;
        }
        push(&mut lines, &word, &mut used);
    }
    lines
}

/// Where to cut a word that is too long: after its last joint, or between the words of a camelCase
/// name.
fn joint(word: &[char], width: usize) -> usize {
    let within = &word[..width];
    let after = |at: usize| at + 1;
    let joint = within
        .iter()
        .rposition(|c| matches!(c, '.' | '/' | '_' | ','));
    let camel = || within.iter().skip(1).rposition(|c| c.is_ascii_uppercase());
    joint.or_else(camel).map_or(width, after)
}

fn push(lines: &mut [String], word: &[char], used: &mut usize) {
    let Some(line) = lines.last_mut() else { return };
    if *used > 0 {
        line.push(' ');
        *used += 1;
    }
    line.extend(word);
    *used += word.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(width: Option<usize>) -> String {
        let mut table = Table::new(0, &["NAME", "FIELD"]);
        table.row(["a".into(), "common_http.idle_timeout".into()]);
        table.note("a note of some words", style::PLAIN);
        anstream::adapter::strip_str(&table.render(width)).to_string()
    }

    #[test]
    fn aligns_and_does_not_wrap_without_a_width() {
        assert_eq!(
            table(None),
            "NAME  FIELD\na     common_http.idle_timeout\n  a note of some words\n"
        );
    }

    #[test]
    fn wraps_the_widest_column_at_joints() {
        assert_eq!(
            table(Some(20)),
            "NAME  FIELD\na     common_http.\n      idle_timeout\n  a note of some\n  words\n"
        );
    }
}
