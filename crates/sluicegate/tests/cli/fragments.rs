// SPDX-License-Identifier: Apache-2.0
//! `check --kind --target`: specs without a header.

use std::{fs, path::Path};

use crate::support::{File, run, run_with};

/// The fragments of the founding document about traffic: paragraphs that begin with `spec:`.
fn fragments() -> Vec<String> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/seeds/002_ffee2fb803b5781a.txt");
    let document = fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}"));
    let paragraphs = document.split("\n\n");
    let fragments = paragraphs.filter(|text| text.starts_with("spec:"));
    fragments.map(|text| format!("{text}\n")).collect()
}

fn check(input: &str) -> crate::support::Run {
    let header = [
        "check",
        "--kind",
        "BackendTrafficPolicy",
        "--target",
        "HTTPRoute/my-route",
        "-o",
        "json",
        "-",
    ];
    run_with(&header, input)
}

#[test]
fn every_fragment_of_the_founding_document_is_accepted() {
    let fragments = fragments();
    assert_eq!(fragments.len(), 15);
    for (index, fragment) in fragments.iter().enumerate() {
        let run = check(fragment);
        assert_eq!(run.code, 0, "{fragment}\n{}", run.stdout);
        let json = run.json();
        assert_eq!(json["errors"], 0, "{fragment}\n{json:#}");
        let codes: Vec<&str> = json["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|found| found["code"].as_str().unwrap())
            .collect();
        // The check that expects a body also expects a status that has none.
        let expected: &[&str] = match index {
            4 => &["doubtful-value"],
            _ => &[],
        };
        assert_eq!(codes, expected, "{fragment}\n{json:#}");
    }
}

#[test]
fn all_of_them_in_one_file_are_fifteen_policies() {
    let run = check(&fragments().join("---\n"));
    assert_eq!(run.code, 0, "{}", run.stdout);
    assert_eq!(run.json()["warnings"], 1);
}

#[test]
fn problems_have_the_place_and_path_of_the_text() {
    let run = run_with(
        &[
            "check",
            "--kind",
            "BackendTrafficPolicy",
            "--target",
            "HTTPRoute/my-route",
            "-",
        ],
        "spec:\n  circuitBreaker:\n    maxRequest: 5\n",
    );
    assert_eq!(run.code, 1);
    run.says(&[
        "error[unknown-field]: unknown field \"spec.circuitBreaker.maxRequest\"",
        "--> <stdin>:3:5",
        "BackendTrafficPolicy default/fragment-1, spec.circuitBreaker.maxRequest",
        "did you mean `maxRequests`?",
    ]);
}

#[test]
fn a_written_target_stays() {
    let run = check("spec:\n  targetRef: {kind: Gateway, name: g}\n  mergeType: JSONMerge\n");
    assert_eq!(run.code, 1);
    let json = run.json();
    assert_eq!(json["diagnostics"][0]["path"], "spec.mergeType", "{json:#}");
}

#[test]
fn policies_of_backends_may_be_fragments_too() {
    let arguments = [
        "check",
        "--kind",
        "BackendConfigPolicy",
        "--target",
        "Service/httpbin",
        "examples/httpbin",
        "-",
    ];
    let input = "metadata:\n  namespace: httpbin\n  name: more\nspec:\n  circuitBreakers:\n    maxRequests: 5\n";
    let run = run_with(&arguments, input);
    assert_eq!(run.code, 0, "{}", run.stdout);
    run.says(&["7 objects, 0 errors, 0 warnings"]);
}

#[test]
fn without_a_kind_a_fragment_is_reported() {
    let file = File::new("spec:\n  retry: {}\n");
    let run = run(&["check", &file.path()]);
    assert_eq!(run.code, 1);
    run.says(&[
        "error[not-an-object]: apiVersion not set",
        ":1:1",
        "check --kind … --target …",
    ]);
}

#[test]
fn kind_and_target_come_together() {
    let kind = ["check", "--kind", "BackendTrafficPolicy", "-"];
    assert_eq!(run(&kind).code, 2);
    let target = [
        "check",
        "--kind",
        "BackendTrafficPolicy",
        "--target",
        "my-route",
        "-",
    ];
    let refused = run(&target);
    assert_eq!(refused.code, 2);
    assert!(
        refused.stderr.contains("write it as KIND/NAME"),
        "{}",
        refused.stderr
    );
}
