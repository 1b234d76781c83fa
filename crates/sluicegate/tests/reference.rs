// SPDX-License-Identifier: Apache-2.0
//! The generated reference pages.
//!
//! In: the tables in the code. Out: `docs/reference/*.md`, compared; `UPDATE_DOCS=1` writes them.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use sluicegate::findings;
use sluicegate_translate::fields;

fn compare(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference")
        .join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).expect("the page can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/reference/{page} is out of date; run with UPDATE_DOCS=1"
    );
}

#[test]
fn fields_page_is_up_to_date() {
    let mut text = String::from(
        "# BackendConfigPolicy: every field and its Envoy field\n\nMade from `crates/translate/src/fields.rs`. \
         Paths below `spec`, in today's spelling.\n\n| Policy field | Field of Envoy's Cluster |\n| --- | --- |\n",
    );
    for (unit, leaf, field) in fields::rows() {
        let dot = if leaf.is_empty() { "" } else { "." };
        writeln!(text, "| `{unit}{dot}{leaf}` | `{field}` |").unwrap();
    }
    compare("backend-config-policy.md", &text);
}

#[test]
fn diagnostics_page_is_up_to_date() {
    let all = sluicegate_manifest::diagnostic::CODES
        .iter()
        .chain(sluicegate_resource::codes::ALL)
        .chain(sluicegate::proxy::CODES)
        .copied()
        .chain(
            findings::CODES
                .iter()
                .map(|(_, code, meaning)| (*code, *meaning)),
        );
    let rows: BTreeSet<(&str, &str)> = all.collect();
    let mut text = String::from(
        "# Diagnostics\n\nEvery code that `check` prints, in alphabetical order.\n\n| Code | Meaning |\n| --- | --- |\n",
    );
    for (code, meaning) in rows {
        writeln!(text, "| `{code}` | {meaning} |").unwrap();
    }
    compare("diagnostics.md", &text);
}
