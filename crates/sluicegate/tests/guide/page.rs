// SPDX-License-Identifier: Apache-2.0
//! A page in parts.
//!
//! In: Markdown. Out: the manifests, the terminals and the commands in it, in order.

use std::{fs, path::PathBuf};

/// A page of the repository.
pub(crate) struct Page {
    name: String,
    pub(crate) text: String,
}

/// Part of a page, with its fences.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Lines `$ command`, each followed by what it prints.
    Console(&'a str),
    /// The name of a manifest and its text.
    Manifest(&'a str, &'a str),
    /// The command of a terminal of its own, which goes on.
    Terminal(&'a str),
    /// Anything else.
    Text(&'a str),
}

/// A command and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) command: String,
    pub(crate) output: String,
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(repository().join(name)).unwrap();
        Self {
            name: name.to_owned(),
            text,
        }
    }

    /// Holds the page to what it ought to be; `UPDATE_DOCS=1` writes it.
    pub(crate) fn compare(&self, shown: &str) {
        if is_update() {
            fs::write(repository().join(&self.name), shown).unwrap();
            return;
        }
        let mut pairs = self.text.lines().zip(shown.lines());
        let first = pairs.find(|(written, shown)| written != shown);
        assert!(
            self.text == shown,
            "{} is out of date; run with UPDATE_DOCS=1\nfirst difference: {first:#?}",
            self.name
        );
    }
}

/// Whether pages are to be written, not compared.
pub(crate) fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// The parts of a text, which make it up again.
pub(crate) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("```") {
        let (text, fenced) = rest.split_at(at);
        parts.push(Part::Text(text));
        let (kind, body) = fenced[3..].split_once('\n').unwrap();
        let (body, after) = body.split_at(body.find("```").unwrap());
        parts.push(match kind.split_once(' ') {
            Some(("yaml", file)) => Part::Manifest(file, body),
            _ if kind == "console" => Part::Console(body),
            _ if kind == "sh" => Part::Terminal(body),
            _ => panic!("what is ```{kind}?"),
        });
        rest = &after[3..];
    }
    parts.push(Part::Text(rest));
    parts
}

/// The commands of a console block with their outputs; a line that ends with a backslash goes on in
/// the next.
pub(crate) fn exchanges(console: &str) -> Vec<Exchange> {
    let mut all: Vec<Exchange> = Vec::new();
    let mut goes_on = false;
    for line in console.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            all.push(Exchange {
                command: command.to_owned(),
                output: String::new(),
            });
        } else if let Some(last) = all.last_mut() {
            if goes_on {
                last.command.push('\n');
                last.command.push_str(line);
            } else {
                last.output.push_str(line);
                last.output.push('\n');
            }
        }
        goes_on = line.ends_with('\\') && (line.starts_with("$ ") || goes_on);
    }
    all
}

#[test]
fn a_page_is_its_parts() {
    let page = "## A\n\ntext\n\n```yaml a.yaml\nb: c\n```\n\n```sh\ny\n```\n\n\
                ```console\n$ x \\\n  y\nz\n$ w\n```\n";
    let all = parts(page);
    assert_eq!(all[1], Part::Manifest("a.yaml", "b: c\n"));
    assert_eq!(all[3], Part::Terminal("y\n"));
    let Part::Console(console) = all[5] else {
        panic!("{all:?}");
    };
    let exchange = |command: &str, output: &str| Exchange {
        command: command.to_owned(),
        output: output.to_owned(),
    };
    assert_eq!(
        exchanges(console),
        [exchange("x \\\n  y", "z\n"), exchange("w", "")]
    );
}
