// SPDX-License-Identifier: Apache-2.0
//! The scalar table: unquoted text on the left, the JSON of `kubectl` on the right.
//!
//! Recorded from `sigs.k8s.io/yaml` 1.6.0: `yaml.YAMLToJSON([]byte("v: " + text))`. Go and Rust print
//! floats beyond 64 bits differently; the values are the same.

use super::resolve;
use crate::{Node, Span};

fn json(text: &str, plain: bool) -> String {
    let value = resolve(text.to_owned(), plain, None).unwrap();
    let span = Span::default();
    Node { value, span }.to_json().to_string()
}

#[test]
fn unquoted_scalars() {
    let booleans = [
        ("y Y yes Yes YES on On ON true True TRUE", "true"),
        ("n N no No NO off Off OFF false False FALSE", "false"),
        ("~ null Null NULL", "null"),
    ];
    for (words, expected) in booleans {
        for word in words.split(' ') {
            assert_eq!(json(word, true), expected, "{word}");
        }
    }
    for (text, expected) in NUMBERS {
        assert_eq!(json(text, true), *expected, "{text}");
    }
    for text in TEXTS {
        assert_eq!(json(text, true), format!("{text:?}"), "{text}");
    }
    assert_eq!(json("", true), "null");
}

#[test]
fn quoted_scalars_are_strings() {
    for text in ["", "true", "on", "1", "1.5", "~", "null", ".inf", "0x1F"] {
        assert_eq!(json(text, false), format!("{text:?}"));
    }
}

#[test]
fn numbers_that_json_cannot_hold_are_refused() {
    for text in [".inf", "-.Inf", "+.INF", ".nan", ".NaN"] {
        assert!(resolve(text.to_owned(), true, None).is_err(), "{text}");
    }
}

const NUMBERS: &[(&str, &str)] = &[
    ("0", "0"),
    ("-0", "0"),
    ("+7", "7"),
    ("-12", "-12"),
    ("1_000", "1000"),
    ("0x1F", "31"),
    ("-0x1f", "-31"),
    ("0X1F", "31"),
    ("0o17", "15"),
    ("017", "15"),
    ("0644", "420"),
    ("0b101", "5"),
    ("-0b11", "-3"),
    // Not octal digits: what is left is a float.
    ("08", "8"),
    ("089", "89"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("18446744073709551615", "18446744073709551615"),
    ("18446744073709551616", "1.8446744073709552e+19"),
    ("1.5", "1.5"),
    ("-1.5", "-1.5"),
    ("+1.5", "1.5"),
    (".5", "0.5"),
    ("1.", "1"),
    ("1.0", "1"),
    ("1e3", "1000"),
    ("1.5e3", "1500"),
    ("1E-2", "0.01"),
    ("0.1", "0.1"),
    ("1_0.5", "10.5"),
    ("-.5", "-0.5"),
    ("+.5", "0.5"),
    (".5_0", "0.5"),
    ("1.e2", "100"),
    ("1__0", "10"),
    ("1_", "1"),
    ("0_7", "7"),
    ("0x_1", "1"),
    ("0O17", "15"),
    ("0B1", "1"),
    ("-017", "-15"),
    ("-0o17", "-15"),
    ("+0x1", "1"),
    ("-1e18", "-1000000000000000000"),
    ("1e21", "1e+21"),
    ("1e-7", "1e-7"),
];

const TEXTS: &[&str] = &[
    // Case variants outside the list, and words that only contain one.
    "yES",
    "oN",
    "tRUE",
    "nULL",
    "None",
    "nope",
    "yesterday",
    "t",
    "f",
    // Kubernetes' own vocabulary.
    "5s",
    "100ms",
    "1h30m",
    "10Mi",
    "1k",
    "1.5Gi",
    "100m",
    "v1",
    "1.2.3",
    "10.0.0.1",
    "::1",
    // Dates and base 60 are text.
    "2001-12-14",
    "2001-12-14T21:59:43Z",
    "190:20:30",
    "1:30",
    "22:22",
    // Almost numbers.
    "0x",
    "0xG1",
    "0o8",
    "0b2",
    "1e",
    "1e+",
    "e3",
    ".",
    "..",
    "-",
    "+",
    "1-2",
    "+-1",
    "--1",
    "0x-5",
    "1.2e3.4",
    "1e400",
    ".e5",
    "_1",
    "inf",
    "nan",
    "Infinity",
    "-inf",
];
