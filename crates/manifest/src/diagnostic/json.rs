// SPDX-License-Identifier: Apache-2.0
//! Diagnostics for programs.
//!
//! In: a diagnostic. Out: one flat JSON object; what is not known is left out.

use serde_json::{Map, Value};

use super::{Diagnostic, Location, Severity};
use crate::Origin;

/// The JSON form: `code`, `severity`, `message`, then as known `object`, `path`, `file`, `line`,
/// `column`, `endLine`, `endColumn`, `origin`, `notes`, `help`. Lines and columns count from 1; the
/// end is exclusive.
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let mut json = Map::new();
    let mut put = |name: &str, value: Value| {
        json.insert(name.to_owned(), value);
    };
    put("code", diagnostic.code.into());
    put("severity", severity(diagnostic.severity).into());
    put("message", diagnostic.message.as_str().into());
    if !diagnostic.object.is_empty() {
        put("object", diagnostic.object.as_str().into());
    }
    if !diagnostic.path.segments().is_empty() {
        put("path", diagnostic.path.to_string().into());
    }
    match &diagnostic.location {
        Some(Location {
            origin: Origin::Text(source),
            span,
        }) => {
            let start = source.position(span.start);
            let end = source.position(span.end);
            put("file", source.name.as_ref().into());
            put("line", start.line.into());
            put("column", start.column.into());
            put("endLine", end.line.into());
            put("endColumn", end.column.into());
        }
        Some(Location {
            origin: Origin::Cluster(name),
            ..
        }) => put("origin", name.as_ref().into()),
        None => {}
    }
    if !diagnostic.notes.is_empty() {
        put("notes", diagnostic.notes.as_slice().into());
    }
    if let Some(help) = &diagnostic.help {
        put("help", help.as_str().into());
    }
    Value::Object(json)
}

/// The name of a severity, the same in every output.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Advice => "advice",
    }
}
