// SPDX-License-Identifier: Apache-2.0
//! The table of fields, which the pages of both policies have.
//!
//! In: rows. Out: Markdown.

use std::fmt::Write as _;

/// What is said about a field.
#[derive(Default)]
pub(crate) struct Row {
    /// Path below `spec`.
    pub(crate) field: String,
    /// Other spellings.
    pub(crate) spellings: String,
    /// Type and range.
    pub(crate) kind: String,
    /// Value that holds where it is not written, and whose default that is.
    pub(crate) default: String,
    /// Fields of Envoy.
    pub(crate) envoy: String,
    /// Who enforces it, where it is not both.
    pub(crate) enforced: String,
}

/// The table; `heads` are those of the other spellings and of Envoy's fields.
pub(crate) fn table(heads: [&str; 2], rows: &[Row]) -> String {
    let [spellings, envoy] = heads;
    let mut text = format!(
        "| Policy field | {spellings} | Type and range | Default | {envoy} | Enforced |\n\
         | --- | --- | --- | --- | --- | --- |\n"
    );
    for row in rows {
        let Row {
            field,
            spellings,
            kind,
            default,
            envoy,
            enforced,
        } = row;
        writeln!(
            text,
            "| `{field}` | {spellings} | {kind} | {default} | {envoy} | {enforced} |"
        )
        .unwrap();
    }
    text
}
