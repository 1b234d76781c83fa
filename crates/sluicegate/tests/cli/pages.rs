// SPDX-License-Identifier: Apache-2.0
//! Pages that show manifests and output, held to both.
//!
//! In: a page with blocks ```` ```yaml FILE ```` and ```` ```console ```` that begin with
//! `$ sluicegate`. Out: agreement with the file and with what the command prints; `UPDATE_DOCS=1`
//! writes the page.

use std::{fs, path::Path};

use crate::support::run;

#[test]
fn both_policies() {
    is_true("docs/both-policies.md");
}

#[test]
fn telemetry() {
    is_true("docs/telemetry.md");
}

fn is_true(page: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let written = fs::read_to_string(root.join(page)).expect("the page");
    let shown = rendered(&written, &root);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root.join(page), &shown).expect("the page can be written");
        return;
    }
    assert!(
        written == shown,
        "{page} is out of date; run with UPDATE_DOCS=1\n{shown}"
    );
}

/// The page with its blocks as they ought to be.
fn rendered(page: &str, root: &Path) -> String {
    let mut shown = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        shown.push_str(line);
        shown.push('\n');
        let Some(fence) = line.strip_prefix("```") else {
            continue;
        };
        let mut block = lines.by_ref().take_while(|line| *line != "```");
        let body = match fence.split_once(' ') {
            Some(("yaml", file)) => fs::read_to_string(root.join(file)).expect("the file"),
            _ => {
                let command = block.next().expect("a command");
                format!("{command}\n{}", output(command))
            }
        };
        block.for_each(drop);
        let body = body.trim_end();
        shown.push_str(&format!("{body}\n```\n"));
    }
    shown
}

fn output(command: &str) -> String {
    let words = command.strip_prefix("$ sluicegate ").expect("a command");
    let run = run(&words.split(' ').collect::<Vec<_>>());
    assert_eq!(run.code, 0, "{command}\n{}{}", run.stdout, run.stderr);
    // What pads a table is nothing that a page should hold.
    let lines = run
        .stdout
        .lines()
        .map(|line| format!("{}\n", line.trim_end()));
    lines.collect()
}
