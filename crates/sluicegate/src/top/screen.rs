// SPDX-License-Identifier: Apache-2.0
//! The screen of `top`.
//!
//! In: looks and keys. Out: the lines to show. Pure: it knows no terminal and no clock.

use anstyle::Style;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    columns::{Cells, fit, lay_out},
    format::{ENDPOINT_HEAD, HEAD, cells, counts, endpoints, process},
    look::{Look, Row},
};
use crate::output::style;

/// What is shown, and how.
#[derive(Debug, Default)]
pub struct Screen {
    mode: Mode,
    sort: Sort,
    filter: String,
    /// The cluster of the selected row: it stays selected when rows move.
    selected: Option<String>,
    /// What went wrong last; empty when nothing did.
    pub trouble: String,
    /// Whether styles are seen.
    has_colours: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Mode {
    #[default]
    Backends,
    /// The selected backend's endpoints.
    Endpoints,
    /// Backends, while a filter is typed.
    Filter,
}

/// Which rows come first.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Sort {
    #[default]
    State,
    Requests,
    Errors,
    Slowest,
    Breaker,
    Name,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// To leave.
    Leave,
    /// To show the screen anew.
    Show,
}

impl Screen {
    /// All backends, worst first.
    pub fn new(has_colours: bool) -> Self {
        Self {
            has_colours,
            ..Self::default()
        }
    }

    /// Hears a key.
    pub fn key(&mut self, key: KeyEvent, look: &Look) -> Reaction {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match (self.mode, key.code) {
            (_, KeyCode::Char('c')) if control => return Reaction::Leave,
            (Mode::Filter, KeyCode::Enter) => self.mode = Mode::Backends,
            (Mode::Filter, KeyCode::Esc) => {
                self.filter.clear();
                self.mode = Mode::Backends;
            }
            (Mode::Filter, KeyCode::Backspace) => drop(self.filter.pop()),
            (Mode::Filter, KeyCode::Char(c)) => self.filter.push(c),
            (_, KeyCode::Char('q')) => return Reaction::Leave,
            (Mode::Endpoints, KeyCode::Enter | KeyCode::Esc) => self.mode = Mode::Backends,
            (_, KeyCode::Enter) => self.mode = Mode::Endpoints,
            (_, KeyCode::Esc) => self.filter.clear(),
            (_, KeyCode::Char('/')) => self.mode = Mode::Filter,
            (_, KeyCode::Char('s')) => self.sort = self.sort.next(),
            (_, code) => self.scroll(code, look),
        }
        Reaction::Show
    }

    fn scroll(&mut self, code: KeyCode, look: &Look) {
        let rows = self.rows(look);
        let Some(last) = rows.len().checked_sub(1) else {
            return;
        };
        let at = self.place(&rows);
        let at = match code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (at + 1).min(last),
            KeyCode::PageUp => at.saturating_sub(PAGE),
            KeyCode::PageDown => (at + PAGE).min(last),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            _ => return,
        };
        self.selected = Some(rows[at].cluster.clone());
    }

    /// The place of the selected row; the first if it is gone.
    fn place(&self, rows: &[&Row]) -> usize {
        let selected = self.selected.as_ref();
        let place = rows.iter().position(|row| Some(&row.cluster) == selected);
        place.unwrap_or(0)
    }

    fn rows<'l>(&self, look: &'l Look) -> Vec<&'l Row> {
        let wanted = self.filter.to_lowercase();
        let matches = |row: &&Row| {
            let has = |text: &str| text.to_lowercase().contains(&wanted);
            has(&row.name) || has(&row.cluster) || has(row.state.name())
        };
        let mut rows: Vec<&Row> = look.backends.iter().filter(matches).collect();
        // Stable: what is equal stays worst first.
        rows.sort_by(|a, b| self.sort.key(b).total_cmp(&self.sort.key(a)));
        if self.sort == Sort::Name {
            rows.sort_by(|a, b| a.name.cmp(&b.name));
        }
        rows
    }

    /// The lines for a terminal of this many columns and rows.
    pub fn lines(&self, look: &Look, (width, height): (usize, usize)) -> Vec<String> {
        let rows = self.rows(look);
        let at = self.place(&rows);
        let selected = rows.get(at);
        let mut lines = vec![
            self.paint(&process(look), style::HEAD, width),
            self.paint(&self.second(look, rows.len()), style::PLAIN, width),
        ];
        let room = height.saturating_sub(5);
        match (self.mode, selected) {
            (Mode::Endpoints, Some(row)) => {
                let of = format!("{} ({})", row.name, row.cluster);
                lines[1] = self.paint(&of, style::PLAIN, width);
                let mut all = endpoints(row);
                all.truncate(room);
                lines.extend(self.table(&ENDPOINT_HEAD, &all, None, width));
            }
            _ => {
                let first = at.saturating_sub(room.saturating_sub(1));
                let shown = rows.iter().skip(first).take(room);
                let shown: Vec<Cells> = shown.map(|row| cells(row)).collect();
                let place = selected.map(|_| at - first);
                lines.extend(self.table(&HEAD, &shown, place, width));
            }
        }
        lines.resize(height.saturating_sub(2), String::new());
        let why = selected.map_or("", |row| row.why.as_str());
        lines.push(self.paint(why, style::DOUBT, width));
        lines.push(self.last(width));
        lines.truncate(height);
        lines
    }

    /// How backends are, how they are sorted, and which are shown.
    fn second(&self, look: &Look, shown: usize) -> String {
        let mut text = format!("{}; by {}", counts(look), self.sort.name());
        if !self.filter.is_empty() && self.mode != Mode::Filter {
            text.push_str(&format!("; {shown} with \"{}\"", self.filter));
        }
        text
    }

    /// Trouble, what is typed, or the keys.
    fn last(&self, width: usize) -> String {
        match self.mode {
            Mode::Filter => self.paint(&format!("/{}_", self.filter), style::HEAD, width),
            _ if !self.trouble.is_empty() => self.paint(&self.trouble, style::BAD, width),
            Mode::Endpoints => self.paint(KEYS_OF_ENDPOINTS, style::DIM, width),
            Mode::Backends => self.paint(KEYS, style::DIM, width),
        }
    }

    fn table(
        &self,
        head: &[&str],
        rows: &[Cells],
        selected: Option<usize>,
        width: usize,
    ) -> Vec<String> {
        let head: Cells = head
            .iter()
            .map(|it| ((*it).to_owned(), style::HEAD))
            .collect();
        let all: Vec<&Cells> = std::iter::once(&head).chain(rows).collect();
        // Which column is the name: the one that gives way.
        let name = usize::from(head.len() == HEAD.len());
        let lines = lay_out(&all, name, width).into_iter().enumerate();
        let lines = lines.map(|(at, line)| {
            let is_selected = at > 0 && selected == Some(at - 1);
            let spans = line.into_iter().map(|(text, style)| match is_selected {
                true => self.styled(&text, Style::new().invert()),
                false => self.styled(&text, style),
            });
            let mark = if is_selected { "> " } else { "  " };
            format!("{mark}{}", spans.collect::<String>())
        });
        lines.collect()
    }

    fn paint(&self, text: &str, style: Style, width: usize) -> String {
        self.styled(&fit(text, width), style)
    }

    fn styled(&self, text: &str, style: Style) -> String {
        match self.has_colours {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::State => Self::Requests,
            Self::Requests => Self::Errors,
            Self::Errors => Self::Slowest,
            Self::Slowest => Self::Breaker,
            Self::Breaker => Self::Name,
            Self::Name => Self::State,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Slowest => "p99",
            Self::Breaker => "breaker left",
            Self::Name => "name",
        }
    }

    /// What is greater comes first.
    fn key(self, row: &Row) -> f64 {
        match self {
            Self::State | Self::Name => 0.0,
            Self::Requests => row.requests_per_second.unwrap_or(0.0),
            Self::Errors => row.errors_per_second.unwrap_or(0.0),
            Self::Slowest => row.p99_ms.unwrap_or(0.0),
            Self::Breaker => row
                .headroom
                .as_ref()
                .map_or(0.0, |it| 100.0 - f64::from(it.percent)),
        }
    }
}

/// Rows that a page key moves. Ours.
const PAGE: usize = 10;

const KEYS: &str = "q quit  arrows or j k move  enter endpoints  / filter  s sort";
const KEYS_OF_ENDPOINTS: &str = "q quit  enter or esc back";

#[cfg(test)]
mod tests;
