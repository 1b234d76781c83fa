// SPDX-License-Identifier: Apache-2.0
//! The generated reference pages.
//!
//! In: the tables in the code (`config_policy`), and what becomes of examples (`traffic_policy`, with
//! `schema`, `example` and `observe`). Out: `docs/reference/*.md`, compared; `UPDATE_DOCS=1` writes
//! them. `upstream-situations.md` is written by hand, and held to the tests that it names.

#![allow(
    clippy::unwrap_used,
    reason = "a panic is the failure report of a test"
)]

mod config_policy;
mod example;
#[path = "../common/harness.rs"]
mod harness;
mod observe;
mod schema;
mod table;
mod traffic_policy;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use sluicegate::findings;

fn compare(page: &str, text: &str) {
    let path = root().join("docs/reference").join(page);
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
fn fields_of_backend_config_policy_are_up_to_date() {
    compare("backend-config-policy.md", &config_policy::page());
}

#[test]
fn fields_of_backend_traffic_policy_are_up_to_date() {
    let (page, problems) = traffic_policy::page();
    compare("backend-traffic-policy-fields.md", &page);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
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

/// Every situation has a case or a test that exists, or a reason.
#[test]
fn upstream_situations_are_held_by_what_they_name() {
    let root = root();
    let page = fs::read_to_string(root.join("docs/reference/upstream-situations.md")).unwrap();
    let sources = sources(&root.join("crates"));
    let policy = fs::read_to_string(root.join("docs/reference/backend-traffic-policy.md")).unwrap();
    let (_, told) = policy
        .split_once("\n## What is read and checked only")
        .unwrap();
    let rows = page.lines().filter_map(|line| {
        let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
        cells.split_once("` | ")
    });
    let rows: Vec<(&str, &str)> = rows.collect();
    for (situation, held) in &rows {
        let named = |word: &str| -> Vec<String> {
            let word = format!("{word} `");
            let parts = held.split(word.as_str()).skip(1);
            parts
                .map(|it| it[..it.find('`').unwrap()].to_owned())
                .collect()
        };
        let (cases, tests) = (named("case"), named("test"));
        for case in &cases {
            let expected = root.join("tests/cases").join(case).join("expect");
            assert!(expected.is_dir(), "{situation}: there is no case {case}");
        }
        for test in &tests {
            let function = format!("fn {test}(");
            let known = sources.iter().any(|text| text.contains(&function));
            assert!(known, "{situation}: there is no test {test}");
        }
        if let Some((setting, _)) = held.split_once("` is told `not-enforced`") {
            let setting = setting.rsplit('`').next().unwrap();
            assert!(told.contains(setting), "{situation}: {setting} is enforced");
        }
        let reasons = ["not enforced: ", "not served: ", "not here: "];
        let excused = reasons.iter().any(|reason| held.starts_with(reason));
        let held = excused || !cases.is_empty() || !tests.is_empty();
        assert!(held, "{situation}: neither a test nor a reason");
    }
    let (first, _) = page.split_once("\n## Other inputs").unwrap();
    assert_eq!(first.matches("\n| `").count(), 106);
}

/// The Rust files below a directory.
fn sources(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|it| it.unwrap().path());
    let texts = entries.flat_map(|path| match path.extension() {
        Some(extension) if extension == "rs" => vec![fs::read_to_string(&path).unwrap()],
        _ if path.is_dir() => sources(&path),
        _ => Vec::new(),
    });
    texts.collect()
}
