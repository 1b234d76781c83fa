// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a text that is not YAML, in words that help.
//!
//! In: the parser's words and place. Out: a diagnostic that points at the line with the mistake,
//! which is often the one before the line where the parser gave up.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::problem;
use crate::{Diagnostic, SourceText, Span};

/// The parser's error as a diagnostic, with help for the mistakes people make.
pub(super) fn explain(source: &Arc<SourceText>, words: &str, span: Span) -> Diagnostic {
    let line = source.position(span.start).line;
    let (place, help) = suspects(source, line).unwrap_or((span, None));
    let help = help.or_else(|| general(words));
    let diagnostic = problem("yaml-syntax", words, source, place);
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// The first character that YAML does not allow anywhere.
pub(super) fn control_character(
    source: &Arc<SourceText>,
    range: Range<usize>,
) -> Option<Diagnostic> {
    let (offset, character) =
        source.text[range.clone()]
            .char_indices()
            .find(|(_, character)| {
                character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}')
            })?;
    let start = (range.start + offset) as u32;
    let span = Span {
        start,
        end: start + character.len_utf8() as u32,
    };
    let words = format!(
        "control characters are not allowed (U+{:04X})",
        u32::from(character)
    );
    Some(problem("yaml-syntax", words, source, span))
}

/// Looks for a known mistake on the line of the error, then on the lines before it.
fn suspects(source: &SourceText, line: usize) -> Option<(Span, Option<String>)> {
    let nearby = (line.saturating_sub(LINES_BACK).max(1)..=line).rev();
    for candidate in nearby {
        let text = source.line(candidate);
        let to_here: Vec<&str> = (candidate..=line)
            .map(|number| source.line(number))
            .collect();
        let open = leaves_open(text) && leaves_open(&to_here.join("\n"));
        let open = open.then(|| "close the bracket that this line opens".to_owned());
        if let Some(help) = open.or_else(|| mistake(text)) {
            return Some((source.line_span(candidate), Some(help)));
        }
    }
    None
}

fn mistake(line: &str) -> Option<String> {
    let text = line.trim();
    let indentation = &line[..line.len() - line.trim_start().len()];
    if indentation.contains('\t') && !text.is_empty() {
        return Some("indent with spaces: YAML does not take tabs there".to_owned());
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_shell = ["kubectl", "cat", "oc", "$"].contains(&first) || text.contains("<<EOF");
    if is_shell || text == "EOF" {
        return Some(
            "this line belongs to the shell: keep only what stands between it and EOF".to_owned(),
        );
    }
    if text.starts_with("```") {
        return Some("this line belongs to a Markdown page: remove it".to_owned());
    }
    if let Some((key, value)) = glued(text) {
        return Some(format!("put a space after the colon: `{key}: {value}`"));
    }
    if unclosed(text) {
        return Some("close the quote that this line opens".to_owned());
    }
    let value = text.split_once(": ").map(|(_, value)| value);
    if value.is_some_and(|value| value.starts_with(['@', '`', '%'])) {
        return Some("put quotes around a value that starts with this character".to_owned());
    }
    if value.is_some_and(|value| value.contains(": ") && !value.starts_with(['"', '\'', '{', '[']))
    {
        return Some("put quotes around a value that contains a colon and a space".to_owned());
    }
    None
}

/// `kind:Service` taken apart.
fn glued(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.trim_start_matches("- ").split_once(':')?;
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let fits = !key.is_empty() && word(key) && value.starts_with(|c: char| c.is_alphanumeric());
    fits.then_some((key, value))
}

/// Whether a value begins with a quote that its line does not close.
fn unclosed(text: &str) -> bool {
    let value = text.split_once(": ").map_or(text, |(_, value)| value);
    let value = value.trim_start_matches("- ");
    ['"', '\'']
        .into_iter()
        .any(|quote| value.starts_with(quote) && value.matches(quote).count() == 1)
}

/// Whether a text opens more brackets than it closes.
fn leaves_open(text: &str) -> bool {
    let opened = text.matches(['[', '{']).count();
    opened > text.matches([']', '}']).count()
}

fn general(words: &str) -> Option<String> {
    let help = match words {
        "mapping values are not allowed in this context" => {
            "check the indentation: keys of one mapping start in the same column"
        }
        "simple key expect ':'" | "simple key expected" => "write `key: value`",
        "while parsing a block collection, did not find expected '-' indicator" => {
            "a list and keys cannot stand in the same column: indent one of them"
        }
        "while parsing node, found unknown anchor" => {
            "define it with `&name` in the same document, or put quotes around a text with `*`"
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            "close the brace, or put a comma between the entries"
        }
        "while parsing a flow sequence, expected ',' or ']'" => {
            "close the bracket, or put a comma between the items"
        }
        _ if words.contains("quoted scalar") => "close the quote",
        _ if words.contains("tab") => "indent with spaces: YAML does not take tabs there",
        _ if words.contains("indentation") || words.contains("expected key") => {
            "check the indentation: keys of one mapping start in the same column"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

/// How far before the parser's place a mistake is looked for.
const LINES_BACK: usize = 2;
