// SPDX-License-Identifier: Apache-2.0
//! Whole texts: what they give, what they are refused for.

use std::sync::Arc;

use super::{Parsed, parse};
use crate::{Document, Node, SourceText, Value, written, yaml_word};

fn read(text: &str) -> Parsed {
    parse(Arc::new(SourceText::new("a.yaml", text.to_owned())))
}

fn documents(text: &str) -> Vec<Arc<Document>> {
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{:#?}", parsed.diagnostics);
    parsed.documents
}

/// The JSON of the only document, without the head that every document needs.
fn body(text: &str) -> String {
    let documents = documents(&format!("apiVersion: v1\nkind: T\n{text}"));
    assert_eq!(documents.len(), 1);
    let mut json = documents[0].root.to_json();
    let fields = json.as_object_mut().unwrap();
    fields.shift_remove("apiVersion");
    fields.shift_remove("kind");
    json.to_string()
}

/// `place message | help` of each diagnostic.
fn refusals(text: &str) -> Vec<String> {
    let parsed = read(text);
    assert!(parsed.documents.is_empty());
    let lines = parsed.diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.place();
        let help = diagnostic.help.as_deref().unwrap_or_default();
        let place = place.trim_start_matches("a.yaml:");
        format!("{place} {} | {help}", diagnostic.message)
    });
    lines.collect()
}

#[test]
fn streams_skip_what_is_empty() {
    let stream = "---\n# nothing\n---\napiVersion: v1\nkind: A\n---\n\n--- \napiVersion: v1\nkind: B\n...\n---\n";
    let kinds: Vec<_> = documents(stream)
        .iter()
        .map(|document| document.kind().to_owned())
        .collect();
    assert_eq!(kinds, ["A", "B"]);
    assert!(documents("").is_empty());
    assert!(documents("# only a comment\n").is_empty());
}

#[test]
fn anchors_aliases_and_merges() {
    let cases = [
        ("a: &x {b: 1}\nc: *x\n", r#"{"a":{"b":1},"c":{"b":1}}"#),
        ("a: &x 5s\nc: [*x, *x]\n", r#"{"a":"5s","c":["5s","5s"]}"#),
        (
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
            r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#,
        ),
        // The first of several wins.
        (
            "d:\n  <<: [{a: 1}, {a: 2, b: 3}]\n",
            r#"{"d":{"a":1,"b":3}}"#,
        ),
        // What stands before a merge is overwritten, as in go-yaml v2.
        ("d:\n  a: 1\n  <<: {a: 2}\n", r#"{"d":{"a":2}}"#),
        ("d:\n  '<<': 1\n", r#"{"d":{"<<":1}}"#),
        ("a: &x k\n*x : v\n", r#"{"a":"k","k":"v"}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn keys_and_tags() {
    let cases = [
        ("1: a\n0x10: b\n", r#"{"1":"a","16":"b"}"#),
        ("on: a\nno: b\n", r#"{"true":"a","false":"b"}"#),
        (
            "a: !!str 5\nb: !!int \"3\"\nc: !!float 2\n",
            r#"{"a":"5","b":3,"c":2}"#,
        ),
        (
            "a: !!bool \"yes\"\nb: !!null ''\nc: !x 5\nd: ! 5\n",
            r#"{"a":true,"b":null,"c":"5","d":"5"}"#,
        ),
        (
            "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
            r#"{"a":"x\ny\n","b":"x y"}"#,
        ),
        (
            "a:\nb: ~\nc: []\nd: {}\n",
            r#"{"a":null,"b":null,"c":[],"d":{}}"#,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn words_that_became_booleans_are_remembered() {
    let text = "apiVersion: v1\nkind: T\na: on\nb: true\nc: !!bool yes\nd: \"on\"\n";
    let document = &documents(text)[0];
    let word = |name: &str| yaml_word(document, document.root.get(name).unwrap());
    assert_eq!(word("a"), Some("on"));
    assert_eq!(word("b"), None);
    assert_eq!(word("c"), Some("yes"));
    assert_eq!(word("d"), None);
    assert_eq!(
        written(document, document.root.get("d").unwrap()),
        Some("\"on\"")
    );
}

#[test]
fn lists_are_flattened() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: A\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: B}\n";
    let list = documents(text);
    let kinds: Vec<_> = list.iter().map(|item| item.kind()).collect();
    assert_eq!(kinds, ["A", "B"]);
    assert_eq!(list[0].position(list[0].root.span).unwrap().line, 4);

    let typed = documents("apiVersion: apps/v1\nkind: FooList\nitems:\n- metadata: {name: x}\n");
    assert_eq!(
        (typed[0].kind(), typed[0].api_version()),
        ("Foo", "apps/v1")
    );
    assert!(documents("apiVersion: v1\nkind: List\nitems: []\n").is_empty());
    let no_list = documents("apiVersion: x/v1\nkind: AllowList\nspec: {}\nitems: []\n");
    assert_eq!(no_list[0].kind(), "AllowList");
}

#[test]
fn a_text_is_taken_whole_or_not_at_all() {
    let text = "apiVersion: v1\nkind: A\n---\nkind: B\n---\napiVersion: v1\nkind: C\nx: 1\nx: 2\n";
    let found = refusals(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("4:1 apiVersion not set"), "{found:?}");
    assert!(
        found[1].starts_with("9:1 key \"x\" already set in map"),
        "{found:?}"
    );
}

#[test]
fn duplicate_keys_name_both_places() {
    let parsed = read("apiVersion: v1\nkind: A\nspec:\n  a: 1\n  b: 2\n  a: 3\n");
    assert_eq!(parsed.diagnostics.len(), 1);
    let diagnostic = &parsed.diagnostics[0];
    assert_eq!(diagnostic.place(), "a.yaml:6:3");
    assert_eq!(diagnostic.notes, ["first set at a.yaml:4:3"]);
}

#[test]
fn hostile_texts_are_refused() {
    let deep_flow = format!("a: {}", "[".repeat(100_000));
    let deep_block = format!("a:\n{}", "- ".repeat(100_000));
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    let long = format!(
        "a: &x {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*x,".repeat(100_000)
    );
    for text in [deep_flow, deep_block, laughs, long] {
        let found = refusals(&text);
        assert_eq!(found.len(), 1);
        let known = ["levels deep", "excessive aliasing", "recursion limit"];
        assert!(
            known.iter().any(|words| found[0].contains(words)),
            "{found:?}"
        );
    }
    assert!(refusals("a: &x [*x]\n")[0].contains("not complete"));
    // An alias that would nest what was anchored deeper than allowed.
    let open = "[".repeat(90);
    let close = "]".repeat(90);
    let text = format!("a: &x {open}{close}\nb: {}*x {}", &open[..50], &close[..50]);
    assert!(refusals(&text)[0].contains("levels deep"));
}

#[test]
fn mistakes_are_explained() {
    let cases = [
        ("a:\n\tb: c\n", "2:2", "indent with spaces"),
        (
            "apiVersion: v1\nkind:Service\nmetadata: {}\n",
            "2:1",
            "`kind: Service`",
        ),
        ("a: 'x\nb: c\n", "1:1", "close the quote"),
        ("a: \"x", "1:1", "close the quote"),
        (
            "kubectl apply -f- <<EOF\napiVersion: v1\nkind: X\nEOF\n",
            "1:1",
            "belongs to the shell",
        ),
        (
            "apiVersion: v1\nkind: X\nEOF\n",
            "3:1",
            "belongs to the shell",
        ),
        ("```yaml\napiVersion: v1\n```\n", "1:1", "Markdown"),
        ("a: b: c\n", "1:1", "quotes around"),
        ("a: @x\n", "1:1", "quotes around"),
        ("a: *q\n", "1:4", "define it with"),
        ("- a\nb: c\n", "2:1", "same column"),
        ("a: {b: c\n", "1:1", "close the bracket"),
        ("spec:\n  a: [5s\n  b: 1\n  c: 2\n", "2:3", "close the bracket"),
        ("spec:\n  a: 1\n   b: 2\n", "3:5", "check the indentation"),
        ("a: b\u{7}\n", "1:5", ""),
        ("a: !!binary aGk=\n", "1:13", ""),
        ("a: .inf\n", "1:4", ""),
        ("a: !!int x\n", "1:10", ""),
        ("? [a]\n: b\n", "1:3", ""),
        ("~: b\n", "1:1", ""),
        ("<<: 3\n", "1:1", ""),
        ("- a\n", "1:3", "a document is a mapping"),
        ("apiVersion: v1\nkind: 3\n", "2:7", ""),
    ];
    for (text, place, help) in cases {
        let found = refusals(text);
        let first = found.first().unwrap();
        assert!(
            first.starts_with(&format!("{place} ")),
            "{text:?}: {found:?}"
        );
        assert!(first.contains(help), "{text:?}: {found:?}");
    }
}

#[test]
fn spans_cover_what_was_written() {
    let text = "apiVersion: v1\nkind: Ü\nspec:\n  é: &a !!str \"ü\\n\"  # c\n  list:\n  - 1\n  -\n    x: {k: [v, w]}\n  text: |\n    one\n    two\n\n  last: plain\n    text # c\n# end\n";
    let document = &documents(text)[0];
    let slice = |node: &Node| written(document, node).unwrap().to_owned();
    let spec = document.root.get("spec").unwrap();
    assert_eq!(slice(spec.get("é").unwrap()), "\"ü\\n\"");
    assert_eq!(
        slice(spec.get("list").unwrap()),
        "1\n  -\n    x: {k: [v, w]}"
    );
    assert_eq!(slice(spec.get("text").unwrap()), "one\n    two");
    assert_eq!(slice(spec.get("last").unwrap()), "plain\n    text");
    let Value::Sequence(items) = &spec.get("list").unwrap().value else {
        panic!("a list");
    };
    assert_eq!(slice(&items[1]), "x: {k: [v, w]}");
    assert_eq!(slice(items[1].get("x").unwrap()), "{k: [v, w]}");
    assert!(slice(spec).starts_with("é: ") && slice(spec).ends_with("text"));
    assert_eq!(document.root.span.start, 0);
}
