// SPDX-License-Identifier: Apache-2.0
//! `diff`.

use crate::{
    manifests::RIVALS,
    support::{HTTPBIN, run, run_with},
};

#[test]
fn nothing_changes_from_itself_to_itself() {
    let run = run(&["diff", HTTPBIN, HTTPBIN]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "no change\n"));
}

#[test]
fn changed_lines_are_shown_with_their_surroundings() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/httpbin/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    let policy = read("policy.yaml").replace("idleTimeout: 10s", "idleTimeout: 11s");
    let text = [read("gateway.yaml"), read("httpbin.yaml"), policy].join("\n---\n");
    let run = run_with(&["diff", HTTPBIN, "-"], &text);
    assert_eq!(run.code, 0, "{}", run.stderr);
    run.says(&[
        "clusters\n~ kube_httpbin_httpbin_8000\n",
        "    -    \"idle_timeout\": \"10s\",\n    +    \"idle_timeout\": \"11s\",\n",
        "endpoints\n= kube_httpbin_httpbin_8000   sent again: its cluster changed\n",
    ]);
}

#[test]
fn machines_get_names_and_kinds() {
    let run = run_with(&["diff", "-o", "json", "-", HTTPBIN], RIVALS);
    let json = run.json();
    let added = json.as_array().unwrap();
    assert!(added.iter().all(|it| it["change"] == "added"), "{json:#}");
    assert!(
        added
            .iter()
            .any(|it| it["name"] == "listener~8080" && it["type"] == "routes")
    );
}
