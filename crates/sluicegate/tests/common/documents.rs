// SPDX-License-Identifier: Apache-2.0
//! The founding documents as text.
//!
//! In: a file of `tests/seeds/`. Out: its manifests and the output that it promises.

// Each test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{fs, iter};

use crate::harness::repository;

pub(crate) fn seed(name: &str) -> String {
    fs::read_to_string(repository().join("tests/seeds").join(name)).unwrap()
}

/// The fenced blocks of `language`, without their indentation.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let blocks = fenced(document).into_iter();
    let blocks = blocks.filter(|(of, _)| of == language);
    blocks.map(|(_, block)| block).collect()
}

/// The commands, in their order, as they are typed.
pub(crate) fn commands(document: &str) -> Vec<String> {
    let blocks = fenced(document).into_iter();
    let blocks = blocks.filter(|(language, _)| language == "sh" || language == "yaml");
    let is_command = |block: &String| ["kubectl ", "curl "].iter().any(|it| block.starts_with(it));
    blocks.map(|(_, block)| block).filter(is_command).collect()
}

/// The fenced blocks with their languages, without their indentation.
fn fenced(document: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(fence) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let indentation = line.len() - line.trim_start().len();
        let body = lines.by_ref().take_while(|line| line.trim() != "```");
        let body: Vec<&str> = body
            .map(|line| line.get(indentation..).unwrap_or_default())
            .collect();
        let language = fence.split_whitespace().next().unwrap_or_default();
        blocks.push((language.to_owned(), body.join("\n")));
    }
    blocks
}

/// The YAML blocks; a here-document's wrapper is taken off.
pub(crate) fn manifests(document: &str) -> Vec<String> {
    let unwrap = |block: String| {
        let lines = block.lines().filter(|line| {
            let line = line.trim();
            line != "kubectl apply -f- <<EOF" && line != "EOF"
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    blocks(document, "yaml").into_iter().map(unwrap).collect()
}

/// What the document shows between `...` and `...`.
pub(crate) fn example_output(document: &str) -> String {
    let blocks = blocks(document, "console");
    let [block] = blocks.as_slice() else {
        panic!("one block of output, not {}", blocks.len());
    };
    let lines: Vec<&str> = block.lines().collect();
    let marks: Vec<usize> = (0..lines.len())
        .filter(|index| lines[*index].trim() == "...")
        .collect();
    let [first, last] = marks.as_slice() else {
        panic!("two marks in {block}");
    };
    lines[first + 1..*last].join("\n")
}

/// `dump` has the lines of `example`, nested in the same way.
pub(crate) fn assert_shows(dump: &str, example: &str) {
    let have: Vec<&str> = dump.lines().collect();
    let want: Vec<&str> = example.lines().collect();
    let same = |have: &[&str]| {
        let pairs = iter::zip(have, &want);
        pairs.clone().all(|(a, b)| a.trim() == b.trim())
    };
    let found = have.windows(want.len()).find(|lines| same(lines));
    let found = found.unwrap_or_else(|| panic!("{example}\nnot in\n{dump}"));
    let offset = |a: &str, b: &str| {
        let indentation = |line: &str| line.len() - line.trim_start().len();
        indentation(b) as isize - indentation(a) as isize
    };
    let offsets: Vec<_> = iter::zip(found, &want)
        .skip(1)
        .map(|(a, b)| offset(a, b))
        .collect();
    assert!(
        offsets.windows(2).all(|pair| pair[0] == pair[1]),
        "{example}\nnested as in\n{dump}"
    );
}
