// SPDX-License-Identifier: Apache-2.0
//! What commands print, and how.
//!
//! In: text with terminal colours, tables, JSON values. Out: bytes on standard output; colours only
//! where they are seen.

pub mod table;
pub mod yaml;

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::Value;

pub use table::{Cell, Table};

/// Output for people or for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON
    Json,
    /// Text for people
    Table,
    /// YAML
    Yaml,
}

/// Prints `value` in the format asked for; a table is made only when it is wanted.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(
    format: Format,
    value: &Value,
    table: impl FnOnce(Option<usize>) -> String,
) -> io::Result<()> {
    match format {
        Format::Json => write(&json(value)),
        Format::Yaml => write(&yaml::to_string(value)),
        Format::Table => write(&table(width())),
    }
}

/// JSON for machines that people read too.
pub fn json(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .expect("invariant: a JSON value serialises into memory without error");
    text.push('\n');
    text
}

/// Writes text to standard output, without its colours where they are not seen.
///
/// # Errors
/// When standard output cannot be written.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Columns of the terminal; `None` when output goes elsewhere and must not be wrapped.
fn width() -> Option<usize> {
    if let Some(columns) = std::env::var_os("COLUMNS") {
        return columns.to_str()?.parse().ok();
    }
    let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
    Some(usize::from(width.0))
}

/// Styles with a meaning, the same in every command.
pub mod style {
    use anstyle::{AnsiColor, Style};

    /// Headings.
    pub const HEAD: Style = Style::new().bold();
    /// What is there by default, and other background.
    pub const DIM: Style = Style::new().dimmed();
    /// What is fine.
    pub const GOOD: Style = AnsiColor::Green.on_default();
    /// What is doubtful.
    pub const DOUBT: Style = AnsiColor::Yellow.on_default();
    /// What is refused or closed.
    pub const BAD: Style = AnsiColor::Red.on_default();
    /// Nothing special.
    pub const PLAIN: Style = Style::new();
}
