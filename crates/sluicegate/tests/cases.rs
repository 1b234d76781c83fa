// SPDX-License-Identifier: Apache-2.0
//! The golden cases: `tests/cases/<name>/manifests/*.yaml` against `tests/cases/<name>/expect/`.
//!
//! In: every case directory. Out: agreement, or the lines that differ. A new directory is a new
//! case. `UPDATE_CASES=1` rewrites what is expected; read the difference before it is committed:
//! an expectation is worth what was checked by hand.

// A panic is the failure report.
#![allow(clippy::unwrap_used)]

#[path = "common/harness.rs"]
mod harness;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use harness::{
    cases, diagnostics, documents, expects_findings, name_of, options, round, shown, shuffle, texts,
};
use sluicegate::{findings::findings, pipeline::Stages};
use sluicegate_dataplane::examine;
use sluicegate_snapshot::ResourceType;

#[test]
fn cases_come_to_what_is_expected() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut failures = String::new();
    for case in cases() {
        let shown = show(&case);
        if update {
            write(&case, &shown);
        }
        let found = compare(&expected(&case), &shown);
        if !found.is_empty() {
            failures.push_str(&format!("\n== {}\n{found}", name_of(&case)));
        }
    }
    assert!(
        failures.is_empty(),
        "{failures}\nrun with UPDATE_CASES=1 to take the new results as expected"
    );
}

/// Our own data plane knows every field that we tell it, and says so when it does nothing for it.
#[test]
fn nothing_that_is_emitted_is_passed_over() {
    let mut known = BTreeSet::new();
    for case in cases() {
        let (documents, _) = documents(&texts(&case));
        let translation = round(&documents, options(&case)).translation;
        for kind in ResourceType::ALL {
            for resource in translation.all.resources(kind).values() {
                let examined = examine(resource);
                known.extend(examined.unenforced);
            }
        }
    }
    assert_eq!(known.into_iter().collect::<Vec<_>>(), NOT_ENFORCED);
}

/// What the reference lists as not enforced by our own data plane.
const NOT_ENFORCED: [&str; 2] = [
    "transport_socket.allow_renegotiation",
    "transport_socket.tls_params.tls_minimum_protocol_version below TLSv1_2",
];

/// Law 2: same input, same bytes, whatever the input order and whatever was remembered.
#[test]
fn order_of_documents_and_files_is_irrelevant() {
    for case in cases() {
        let (mut documents, _) = documents(&texts(&case));
        let mut stages = Stages::new(options(&case));
        let first = stages.round(&documents);
        let expected = shown(&first);
        for seed in 1..=4 {
            shuffle(&mut documents, seed);
            let fresh = round(&documents, options(&case));
            let again = stages.round(&documents);
            for other in [&fresh, &again] {
                let version = other.translation.all.version();
                assert_eq!(
                    first.translation.all.version(),
                    version,
                    "{}",
                    name_of(&case)
                );
                let difference = compare(&expected, &shown(other));
                assert!(difference.is_empty(), "{}\n{difference}", name_of(&case));
            }
            assert_eq!(
                again.translation.translated_backends,
                0,
                "{}",
                name_of(&case)
            );
        }
    }
}

/// Nothing that Envoy would refuse is even built: a case never relies on the last line of defence.
#[test]
fn nothing_is_held_back() {
    for case in cases() {
        let (documents, _) = documents(&texts(&case));
        let refused = round(&documents, options(&case)).translation.refused;
        assert!(refused.is_empty(), "{}: {refused:#?}", name_of(&case));
    }
}

fn show(case: &Path) -> BTreeMap<String, String> {
    let (documents, problems) = documents(&texts(case));
    let mut round = round(&documents, options(case));
    round.diagnostics.splice(0..0, problems);
    let mut shown = shown(&round);
    if expects_findings(case) {
        shown.insert("findings.txt".to_owned(), diagnostics(&findings(&round)));
    }
    shown
}

fn expected(case: &Path) -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(case.join("expect")) else {
        return BTreeMap::new();
    };
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        (name_of(&path), fs::read_to_string(&path).unwrap())
    });
    files.collect()
}

fn write(case: &Path, shown: &BTreeMap<String, String>) {
    let directory = case.join("expect");
    for name in expected(case)
        .keys()
        .filter(|name| !shown.contains_key(*name))
    {
        fs::remove_file(directory.join(name)).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in shown {
        fs::write(directory.join(name), text).unwrap();
    }
}

/// What differs, file by file; empty when nothing does.
fn compare(expected: &BTreeMap<String, String>, shown: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for name in expected.keys().filter(|name| !shown.contains_key(*name)) {
        text.push_str(&format!(
            "-- {name}: expected, but nothing of the kind came out\n"
        ));
    }
    for (name, got) in shown {
        match expected.get(name) {
            None => text.push_str(&format!("-- {name}: not expected\n{got}")),
            Some(wanted) if wanted != got => {
                text.push_str(&format!("-- {name}\n{}", difference(wanted, got)));
            }
            Some(_) => {}
        }
    }
    text
}

/// The lines between the common beginning and the common end, with some context.
fn difference(wanted: &str, got: &str) -> String {
    const CONTEXT: usize = 4;
    let (wanted, got): (Vec<_>, Vec<_>) = (wanted.lines().collect(), got.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let before = wanted.iter().zip(&got).take_while(same).count();
    let room = wanted.len().min(got.len()) - before;
    let reversed = wanted.iter().rev().zip(got.iter().rev());
    let after = reversed.take(room).take_while(same).count();
    let mut text = format!("   line {}\n", before + 1);
    let mut push = |sign: char, lines: &[&str]| {
        for line in lines {
            text.push_str(&format!("{sign} {line}\n"));
        }
    };
    push(' ', &wanted[before.saturating_sub(CONTEXT)..before]);
    push('-', &wanted[before..wanted.len() - after]);
    push('+', &got[before..got.len() - after]);
    push(
        ' ',
        &got[got.len() - after..got.len() - after.saturating_sub(CONTEXT)],
    );
    text
}
