// SPDX-License-Identifier: Apache-2.0
//! What can be said against a value, in the API server's words.
//!
//! In: a field and the rule that it breaks. Out: diagnostics in its report.

use std::ops::RangeInclusive;

use sluicegate_manifest::{Diagnostic, FieldPath, Severity, Value};

use super::Field;
use crate::codes;

impl Field<'_> {
    /// Reports that the API's limit on entries is broken.
    pub(crate) fn check_length(&self, found: usize, allowed: RangeInclusive<usize>) {
        let (least, most) = allowed.into_inner();
        if found < least {
            let message = format!(
                "Invalid value: \"{}\": must have at least {least} items",
                self.node.shape()
            );
            self.push(self.error(codes::INVALID_VALUE, message));
        } else if found > most {
            let message = format!("Too many: {found}: must have at most {most} items");
            self.push(self.error(codes::TOO_MANY, message));
        }
    }

    /// Reports that the value breaks a rule; `rule` says what it must be.
    pub(crate) fn reject(&self, rule: impl AsRef<str>) {
        self.push(self.rejection(rule));
    }

    /// As [`Field::reject`], with the likely fix.
    pub(crate) fn reject_with(&self, rule: impl AsRef<str>, help: impl Into<String>) {
        self.push(self.rejection(rule).help(help));
    }

    /// Reports that this repeats an earlier entry.
    pub(crate) fn duplicate(&self, what: impl AsRef<str>) {
        let message = format!("Duplicate value: \"{}\"", what.as_ref());
        self.push(self.error(codes::DUPLICATE_VALUE, message));
    }

    /// Reports that another spelling of the same setting says something else.
    pub(crate) fn conflicts_with(&self, other: &FieldPath) {
        let message = format!(
            "`{other}` and `{}` are spellings of one setting and have different values",
            self.path()
        );
        self.push(
            self.error(codes::CONFLICTING_SPELLINGS, message)
                .help("keep one of the two"),
        );
    }

    pub(crate) fn warn(&self, code: &'static str, message: impl Into<String>) {
        self.push(self.diagnostic(code, Severity::Warning, message));
    }

    pub(crate) fn advise(&self, code: &'static str, message: String, help: String) {
        self.push(self.diagnostic(code, Severity::Advice, message).help(help));
    }

    /// An error at this place, not yet reported.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(code, Severity::Error, message)
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.report.push(diagnostic);
    }

    fn diagnostic(
        &self,
        code: &'static str,
        severity: Severity,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, severity, message).at(
            self.report.document,
            self.path(),
            self.node.span,
        )
    }

    fn rejection(&self, rule: impl AsRef<str>) -> Diagnostic {
        let value = match &self.node.value {
            Value::String(text) => format!("{text:?}"),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            _ => format!("\"{}\"", self.node.shape()),
        };
        let message = format!("Invalid value: {value}: {}", rule.as_ref());
        self.error(codes::INVALID_VALUE, message)
    }

    pub(super) fn type_error(&self, wanted: &str) -> Diagnostic {
        let message = format!(
            "Invalid value: \"{}\": must be of type {wanted}",
            self.node.shape()
        );
        self.error(codes::INVALID_TYPE, message)
    }

    /// Reports a value of the wrong JSON type.
    pub(crate) fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        let error = self.type_error(wanted);
        let help = match (&self.node.value, wanted) {
            (Value::Bool(_) | Value::Number(_), "string") => {
                Some(format!("put it in quotes: \"{}\"", self.as_written()))
            }
            (Value::String(text), "integer") if text.parse::<i64>().is_ok() => {
                Some(format!("write {text} without quotes"))
            }
            (Value::String(text), "boolean") => boolean_fix(text),
            (Value::Mapping(_) | Value::String(_), "array") => {
                Some("write it as a list, with `- ` in front".to_owned())
            }
            _ => None,
        };
        self.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
        None
    }

    /// The text of a scalar as the author wrote it: `on`, not `true`.
    fn as_written(&self) -> String {
        let source = sluicegate_manifest::written(self.report.document, self.node);
        match source.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => text.to_owned(),
            None => self.node.to_json().to_string(),
        }
    }
}

fn boolean_fix(text: &str) -> Option<String> {
    let value = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => "true",
        "false" | "no" | "off" | "n" => "false",
        _ => return None,
    };
    Some(format!("write {value} without quotes"))
}
