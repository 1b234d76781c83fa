// SPDX-License-Identifier: Apache-2.0
//! Diagnostics for people.
//!
//! In: a diagnostic. Out: text in the manner of rustc: what is wrong, where, the line itself with
//! the place underlined, notes, help.

use std::ops::Range;

use annotate_snippets::renderer::{DEFAULT_TERM_WIDTH, DecorStyle};
use annotate_snippets::{AnnotationKind, Group, Level, Origin as Place, Renderer, Snippet};

use super::json::severity;
use super::{Diagnostic, Location, Severity};
use crate::{Origin, SourceText, Span};

/// The text of one diagnostic, without a line end; `colour` adds terminal colours.
pub fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Advice => Level::HELP,
    };
    let title = level
        .with_name(severity(diagnostic.severity))
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code);
    let mut group = Group::with_title(title);
    match &diagnostic.location {
        Some(Location {
            origin: Origin::Text(source),
            span,
        }) => group = snippet(group, source, *span),
        Some(Location {
            origin: Origin::Cluster(name),
            ..
        }) => group = group.element(Place::path(name.as_ref())),
        None => {}
    }
    let subject = subject(diagnostic);
    if !subject.is_empty() {
        group = group.element(Level::NOTE.with_name("in").message(subject));
    }
    for note in &diagnostic.notes {
        group = group.element(Level::NOTE.message(note.as_str()));
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer
        .decor_style(DecorStyle::Ascii)
        .term_width(DEFAULT_TERM_WIDTH)
        .render(&[group])
}

/// `Kind namespace/name, field spec.x`, or the half that is known.
fn subject(diagnostic: &Diagnostic) -> String {
    let path = diagnostic.path.to_string();
    match (diagnostic.object.as_str(), path.as_str()) {
        ("", "") => String::new(),
        (object, "") => object.to_owned(),
        ("", path) => path.to_owned(),
        (object, path) => format!("{object}, {path}"),
    }
}

/// Adds the lines that a span touches. Only these are handed to the renderer: it would walk the
/// whole file for each diagnostic.
fn snippet<'a>(group: Group<'a>, source: &'a SourceText, span: Span) -> Group<'a> {
    let name = source.name.as_ref();
    let first = source.position(span.start).line;
    let last = source.position(span.end.max(span.start)).line;
    let lines = source.lines_between(first, last.min(first + MAX_LINES - 1));
    let text = source.slice(lines).unwrap_or_default();
    if text.trim().is_empty() || text.len() > MAX_TEXT {
        let position = source.position(span.start);
        return group.element(
            Place::path(name)
                .line(position.line)
                .char_column(position.column),
        );
    }
    let annotation = AnnotationKind::Primary.span(within(text, lines.start, span));
    group.element(
        Snippet::source(text)
            .line_start(first)
            .path(name)
            .annotation(annotation),
    )
}

/// The span counted from the start of `text` and cut to it, at character boundaries.
fn within(text: &str, base: u32, span: Span) -> Range<usize> {
    let start = (span.start.saturating_sub(base) as usize).min(text.len());
    let end = (span.end.saturating_sub(base) as usize).clamp(start, text.len());
    text.floor_char_boundary(start)..text.ceil_char_boundary(end)
}

/// A value of more lines than this is shown by its beginning.
const MAX_LINES: usize = 6;

/// Longer text than this on those lines (a certificate, a minified file) helps nobody.
const MAX_TEXT: usize = 2000;
