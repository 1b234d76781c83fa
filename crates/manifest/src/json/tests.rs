// SPDX-License-Identifier: Apache-2.0
//! JSON against `serde_json`, and the spans it gives.

use std::sync::Arc;

use crate::{SourceText, parse, written};

fn head(rest: &str) -> String {
    format!("{{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"T\",\n\t\"x\": {rest}\n}}")
}

#[test]
fn values_are_those_of_serde_json() {
    let values = [
        r#""é\u00e9\ud83d\ude00\"\\\/\n\t""#,
        "[1, -2, 1.5, 1e400x]",
        "9223372036854775807",
        "18446744073709551615",
        "-9223372036854775808",
        "[true, false, null, [], {}]",
        "{\"a\"\n:\t1, \"on\": \"yes\"}",
        "1.25e2",
    ];
    for value in values {
        let text = head(value);
        let parsed = parse(Arc::new(SourceText::new("a.json", text.clone())));
        match serde_json::from_str::<serde_json::Value>(value) {
            Ok(_) if value == "1.25e2" => assert_eq!(parsed.documents[0].root.to_json()["x"], 125),
            Ok(expected) => assert_eq!(parsed.documents[0].root.to_json()["x"], expected),
            // What is not JSON may still be YAML.
            Err(_) => assert_eq!(parsed.documents[0].root.to_json()["x"][3], "1e400x"),
        }
    }
}

#[test]
fn spans_and_streams() {
    let text = format!("{}\n{}\n", head(r#"{"k": ["é", 10]}"#), head("1"));
    let parsed = parse(Arc::new(SourceText::new("a.json", text)));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    assert_eq!(parsed.documents.len(), 2);
    let document = &parsed.documents[0];
    let node = document.root.get("x").unwrap();
    assert_eq!(written(document, node), Some(r#"{"k": ["é", 10]}"#));
    let list = node.get("k").unwrap();
    assert_eq!(written(document, list), Some(r#"["é", 10]"#));
    assert_eq!(document.position(list.span).unwrap().line, 4);
    assert_eq!(
        parsed.documents[1]
            .position(parsed.documents[1].root.span)
            .unwrap()
            .line,
        6
    );
}

#[test]
fn mistakes_have_places() {
    let deep = "[".repeat(1_000_000);
    let cases = [
        (
            "{\"a\": 1 \"b\": 2}",
            "1:9",
            "expected ',' or '}' after the value",
        ),
        ("{\"a\": \"x", "1:7", "expected a closing quote"),
        (
            "{\"a\": \"\\ud83d\"}",
            "1:7",
            "invalid escape in this string",
        ),
        ("{\"a\" 1}", "1:6", "expected ':' after the key"),
        (
            "{\"a\": 1, \"a\": 2}",
            "1:10",
            "key \"a\" already set in map",
        ),
        ("[{\"a\": 1]", "1:9", "expected ',' or '}' after the value"),
        (
            "{\"a\": ",
            "1:7",
            "expected a value, found the end of the text",
        ),
        (&deep, "1:101", "nested more than 100 levels deep"),
    ];
    for (text, place, message) in cases {
        let parsed = parse(Arc::new(SourceText::new("a.json", text.to_owned())));
        let diagnostic = &parsed.diagnostics[0];
        assert_eq!(diagnostic.message, message, "{text:.40}");
        assert_eq!(diagnostic.place(), format!("a.json:{place}"), "{text:.40}");
    }
}
