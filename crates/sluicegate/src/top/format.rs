// SPDX-License-Identifier: Apache-2.0
//! Cells of `top`.
//!
//! In: a look and its rows. Out: short words and their styles, the same on the screen and in the
//! table.

use anstyle::Style;

use super::look::{Headroom, Look, Row};
use crate::{
    operator::backends::{State, counted},
    output::style::{BAD, DIM, DOUBT, GOOD, PLAIN},
};

/// Headings of the columns of a row.
pub(super) const HEAD: [&str; 11] = [
    "STATE",
    "BACKEND",
    "ENDP",
    "RQ/S",
    "5XX/S",
    "P50",
    "P99",
    "EJECT",
    "ACTIVE",
    "PEND",
    "BREAKER LEFT",
];

/// Headings of the columns of an endpoint.
pub(super) const ENDPOINT_HEAD: [&str; 6] = [
    "ENDPOINT",
    "STATE",
    "REQUESTS",
    "ERRORS",
    "ACTIVE",
    "CONNECTIONS",
];

/// The cells of a row with their styles.
pub(super) fn cells(row: &Row) -> Vec<(String, Style)> {
    let has_errors = row.errors_per_second.is_some_and(|it| it > 0.0);
    let is_full = row.headroom.as_ref().is_some_and(|it| it.percent < 10);
    let bad = |is_bad: bool| if is_bad { BAD } else { PLAIN };
    vec![
        (row.state.name().to_owned(), style(row.state)),
        (row.name.clone(), PLAIN),
        (format!("{}/{}", row.usable, row.endpoints.len()), PLAIN),
        (rate(row.requests_per_second), PLAIN),
        (rate(row.errors_per_second), bad(has_errors)),
        (time(row.p50_ms), PLAIN),
        (time(row.p99_ms), PLAIN),
        (row.ejections.to_string(), PLAIN),
        (row.active.to_string(), PLAIN),
        (row.pending.to_string(), PLAIN),
        (headroom(row.headroom.as_ref()), bad(is_full)),
    ]
}

/// The cells of each endpoint of a row.
pub(super) fn endpoints(row: &Row) -> Vec<Vec<(String, Style)>> {
    let rows = row.endpoints.iter().map(|it| {
        let style = if it.usable { PLAIN } else { BAD };
        let numbers = [it.requests, it.errors, it.active, it.connections];
        let numbers = numbers.map(|number| (number.to_string(), PLAIN));
        let mut cells = vec![(it.address.clone(), PLAIN), (it.words(), style)];
        cells.extend(numbers);
        cells
    });
    rows.collect()
}

/// The process in one line.
pub(super) fn process(look: &Look) -> String {
    let what = if look.is_envoy { "Envoy" } else { "Sluicegate" };
    format!(
        "{what} at {}  {}  up {}  {} rq/s  {} 5xx/s  {} active  {}",
        look.admin,
        look.server,
        uptime(look.uptime_s),
        rate(look.requests_per_second),
        rate(look.errors_per_second),
        look.active,
        counted(look.connections, "connection"),
    )
}

/// How many backends are in which state.
pub(super) fn counts(look: &Look) -> String {
    let counts = State::ALL.map(|state| {
        let rows = look.backends.iter().filter(|it| it.state == state);
        format!("{} {}", rows.count(), state.name())
    });
    counts.join(", ")
}

fn style(state: State) -> Style {
    match state {
        State::Failing => BAD,
        State::Degraded => DOUBT,
        State::Healthy => GOOD,
        State::Unused => DIM,
    }
}

fn rate(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(0.0) => "0".to_owned(),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn time(milliseconds: Option<f64>) -> String {
    match milliseconds {
        None => "-".to_owned(),
        Some(value) if value < 10.0 => format!("{value:.1}ms"),
        Some(value) if value < 10_000.0 => format!("{value:.0}ms"),
        Some(value) => format!("{:.0}s", value / 1000.0),
    }
}

fn headroom(of: Option<&Headroom>) -> String {
    match of {
        None => "-".to_owned(),
        Some(it) if it.percent == 100 => "100%".to_owned(),
        Some(it) => format!("{}% {} {}/{}", it.percent, it.limit, it.used, it.of),
    }
}

fn uptime(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}
