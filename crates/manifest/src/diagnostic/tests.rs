// SPDX-License-Identifier: Apache-2.0
//! What diagnostics look like.

use std::sync::Arc;

use super::{Diagnostic, Location, Severity, problem, render, to_json};
use crate::{FieldPath, Origin, SourceText, Span};

fn example() -> Diagnostic {
    let text = "kind: A\nspec:\n  é: ö # c\n";
    let source = Arc::new(SourceText::new("dir/a.yaml", text.to_owned()));
    let start = text.find('ö').unwrap() as u32;
    let span = Span {
        start,
        end: start + 2,
    };
    let mut diagnostic = problem("some-code", "Invalid value", &source, span)
        .about("A default/a")
        .note("a note")
        .help("a help");
    diagnostic.path = FieldPath::dotted("spec.é");
    diagnostic
}

#[test]
fn people_see_the_line() {
    let expected = "\
error[some-code]: Invalid value
 --> dir/a.yaml:3:6
  |
3 |   é: ö # c
  |      ^
  |
  = in: A default/a, spec.é
  = note: a note
  = help: a help";
    assert_eq!(render(&example(), false), expected);
    assert!(render(&example(), true).contains("\u{1b}["));
}

#[test]
fn a_cluster_has_no_lines() {
    let mut diagnostic = Diagnostic::new("c", Severity::Warning, "m").help("h");
    assert_eq!(render(&diagnostic, false), "warning[c]: m\n |\n = help: h");
    diagnostic.location = Some(Location {
        origin: Origin::Cluster("prod".into()),
        span: Span::default(),
    });
    let expected = "warning[c]: m\n--> prod\n = help: h";
    assert_eq!(render(&diagnostic, false), expected);
    let json = to_json(&diagnostic).to_string();
    let expected = r#"{"code":"c","severity":"warning","message":"m","origin":"prod","help":"h"}"#;
    assert_eq!(json, expected);
}

#[test]
fn programs_see_numbers() {
    let expected = concat!(
        r#"{"code":"some-code","severity":"error","message":"Invalid value","object":"A default/a","#,
        r#""path":"spec.é","file":"dir/a.yaml","line":3,"column":6,"endLine":3,"endColumn":7,"#,
        r#""notes":["a note"],"help":"a help"}"#
    );
    assert_eq!(to_json(&example()).to_string(), expected);
}

#[test]
fn any_span_renders() {
    let text = "a: é\n\n\tb: \u{1b}[31m\r\nc: |\n  1\n  2\n  3\n  4\n  5\n  6\n  7\n";
    let source = Arc::new(SourceText::new("a", text.to_owned()));
    for start in 0..=text.len() as u32 + 2 {
        for end in 0..=text.len() as u32 + 2 {
            let diagnostic = problem("c", "m", &source, Span { start, end });
            assert!(
                render(&diagnostic, false).contains("--> a:"),
                "{start}..{end}"
            );
            to_json(&diagnostic);
        }
    }
}
