// SPDX-License-Identifier: Apache-2.0
//! One value of a document, with typed readers.
//!
//! In: a node and its path. Out: the value as the type that the field wants, or nothing and a
//! diagnostic. A reader never guesses: the likely fix goes into the help.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use sluicegate_manifest::{Diagnostic, FieldPath, Node, Severity, Value};

use super::{Block, Report, nearest};
use crate::{
    codes,
    value::{Written, parse_duration, parse_quantity},
};

/// The largest value of the APIs' 32-bit integers.
pub(crate) const I32_MAX: u32 = i32::MAX as u32;

/// A value, where it is, and where to complain about it.
#[derive(Clone)]
pub(crate) struct Field<'d> {
    pub(crate) report: &'d Report<'d>,
    pub(crate) node: &'d Node,
    pub(crate) path: FieldPath,
}

impl<'d> Field<'d> {
    /// The whole document.
    pub(crate) fn root(report: &'d Report<'d>) -> Self {
        Self {
            report,
            node: &report.document.root,
            path: FieldPath::root(),
        }
    }

    pub(super) fn child(&self, name: &str, node: &'d Node) -> Self {
        Self {
            report: self.report,
            node,
            path: self.path.field(name),
        }
    }

    /// Reads a mapping; every field that `read` does not ask for is unknown.
    pub(crate) fn object<T>(&self, read: impl FnOnce(&Block<'d>) -> T) -> Option<T> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object");
        };
        let block = Block::new(self.clone(), entries);
        let value = read(&block);
        block.finish();
        Some(value)
    }

    /// Reads some fields of a mapping and leaves the others alone.
    pub(crate) fn open<T>(&self, read: impl FnOnce(&Block<'d>) -> T) -> Option<T> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object");
        };
        Some(read(&Block::new(self.clone(), entries)))
    }

    /// The items of a list whose length must lie in `length`.
    pub(crate) fn items(&self, length: RangeInclusive<usize>) -> Vec<Field<'d>> {
        let Value::Sequence(nodes) = &self.node.value else {
            return self.wrong_type("array").unwrap_or_default();
        };
        self.check_length(nodes.len(), length);
        let items = nodes.iter().enumerate().map(|(index, node)| Self {
            report: self.report,
            node,
            path: self.path.index(index),
        });
        items.collect()
    }

    /// A list of strings.
    pub(crate) fn strings(&self, length: RangeInclusive<usize>) -> Vec<String> {
        let items = self.items(length);
        items
            .iter()
            .filter_map(|item| item.string().map(str::to_owned))
            .collect()
    }

    /// A mapping from strings to strings.
    pub(crate) fn string_map(&self) -> BTreeMap<String, String> {
        self.entries()
            .into_iter()
            .filter_map(|(key, field)| Some((key.to_owned(), field.string()?.to_owned())))
            .collect()
    }

    /// The entries of a mapping whose keys the schema does not fix.
    pub(crate) fn entries(&self) -> Vec<(&'d str, Field<'d>)> {
        let Value::Mapping(entries) = &self.node.value else {
            return self.wrong_type("object").unwrap_or_default();
        };
        entries
            .iter()
            .map(|entry| (entry.key.as_str(), self.child(&entry.key, &entry.value)))
            .collect()
    }

    pub(crate) fn string(&self) -> Option<&'d str> {
        match &self.node.value {
            Value::String(text) => Some(text),
            _ => self.wrong_type("string"),
        }
    }

    /// A string of at least one and at most `most` bytes.
    pub(crate) fn text(&self, most: usize) -> Option<&'d str> {
        let text = self.string()?;
        if text.is_empty() {
            self.reject("must be at least 1 chars long");
        }
        self.check_text_length(text, most);
        Some(text)
    }

    /// Reports a text longer than `most` bytes.
    pub(crate) fn check_text_length(&self, text: &str, most: usize) {
        if text.len() > most {
            let message = format!("Too long: may not be more than {most} bytes");
            self.push(self.error(codes::TOO_LONG, message));
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.node.value {
            Value::Bool(value) => Some(value),
            _ => self.wrong_type("boolean"),
        }
    }

    /// An integer of any size that JSON readers agree on.
    pub(crate) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let Value::Number(number) = &self.node.value else {
            return self.wrong_type("integer");
        };
        let whole = number.as_i64().or_else(|| {
            // 2^53: the last whole number that every JSON reader keeps.
            let value = number
                .as_f64()
                .filter(|value| value.abs() < 9_007_199_254_740_992.0)?;
            #[allow(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
            (value.fract() == 0.0).then_some(value as i64)
        });
        let Some(value) = whole else {
            if number.as_u64().is_some() {
                self.reject(format!("must be less than or equal to {}", range.end()));
                return None;
            }
            return self.wrong_type("integer");
        };
        if value < *range.start() {
            self.reject(format!(
                "must be greater than or equal to {}",
                range.start()
            ));
            return None;
        }
        if value > *range.end() {
            self.reject(format!("must be less than or equal to {}", range.end()));
            return None;
        }
        Some(value)
    }

    pub(crate) fn u32(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let (least, most) = range.into_inner();
        let value = self.integer(least.into()..=most.into())?;
        u32::try_from(value).ok()
    }

    pub(crate) fn u64(&self, least: u64) -> Option<u64> {
        let least = i64::try_from(least).unwrap_or(i64::MAX);
        u64::try_from(self.integer(least..=i64::MAX)?).ok()
    }

    /// A port number, 1..65535.
    pub(crate) fn port(&self) -> Option<u16> {
        u16::try_from(self.integer(1..=65535)?).ok()
    }

    /// A Kubernetes quantity, as a number or as text, rounded up, within `range`.
    pub(crate) fn quantity(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let value = match &self.node.value {
            Value::Number(number) => parse_quantity(&number.to_string()),
            Value::String(text) => parse_quantity(text),
            _ => return self.wrong_type("integer or string"),
        };
        let Some(value) = value else {
            let message = "must be a quantity such as 65535, \"64Ki\" or \"1M\"";
            self.reject(message);
            return None;
        };
        let inside = u32::try_from(value)
            .ok()
            .filter(|value| range.contains(value));
        if inside.is_none() {
            self.reject(format!(
                "must be between {} and {} inclusive",
                range.start(),
                range.end()
            ));
        }
        inside
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        let text = match &self.node.value {
            Value::String(text) => text,
            Value::Number(number) => {
                self.push(
                    self.type_error("string")
                        .help(duration_fix(&number.to_string())),
                );
                return None;
            }
            _ => return self.wrong_type("string"),
        };
        let duration = parse_duration(text);
        if duration.is_none() {
            let error = self.error(
                codes::INVALID_VALUE,
                format!("Invalid value: {text:?}: invalid duration value"),
            );
            self.push(error.help(duration_fix(text)));
        }
        duration
    }

    /// A duration no shorter than `least`.
    pub(crate) fn duration_from(&self, least: Duration) -> Option<Duration> {
        let duration = self.duration()?;
        if duration < least {
            self.reject(format!("must be at least {}", short(least)));
            return None;
        }
        Some(duration)
    }

    /// One of a closed set of words, in the order that the API lists them.
    pub(crate) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(value.clone());
        }
        let names: Vec<String> = choices
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let message = format!(
            "Unsupported value: {text:?}: supported values: {}",
            names.join(", ")
        );
        let error = self.error(codes::UNSUPPORTED_VALUE, message);
        self.push(match nearest(text, choices.iter().map(|(name, _)| *name)) {
            Some(name) => error.help(format!("did you mean `{name}`?")),
            None => error,
        });
        None
    }

    /// One of a closed set of words, as text.
    pub(crate) fn word(&self, words: &[&str]) -> Option<String> {
        let choices: Vec<(&str, &str)> = words.iter().map(|word| (*word, *word)).collect();
        self.choice(&choices).map(str::to_owned)
    }

    /// The value that `read` finds, with this path.
    pub(crate) fn written_as<T>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Written<T>> {
        read(self).map(|value| Written {
            value,
            path: self.path.clone(),
        })
    }

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
            self.path
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
            self.path.clone(),
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

    fn type_error(&self, wanted: &str) -> Diagnostic {
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

/// What the author of an unreadable duration probably wants to write.
fn duration_fix(text: &str) -> String {
    const GENERAL: &str = "write numbers with units `h`, `m`, `s` or `ms`, such as \"1m30s\"";
    let text = text.trim();
    if text.parse::<u32>().is_ok_and(|number| number <= 99_999) {
        return format!("write \"{text}s\"");
    }
    let digits = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "h" => 3_600_000.0,
        "m" => 60_000.0,
        "s" | "" => 1_000.0,
        "ms" => 1.0,
        _ => return GENERAL.to_owned(),
    };
    match number.parse::<f64>() {
        Ok(number) if number.is_finite() => milliseconds_fix(number * factor),
        _ => GENERAL.to_owned(),
    }
}

fn milliseconds_fix(milliseconds: f64) -> String {
    // Five digits at most: larger amounts are written in seconds.
    let (amount, unit) = if milliseconds < 100_000.0 {
        (milliseconds, "ms")
    } else {
        (milliseconds / 1_000.0, "s")
    };
    if amount >= 100_000.0 {
        return "write it in hours and minutes, such as \"48h30m\"".to_owned();
    }
    format!("write \"{}{unit}\"", amount.round())
}

fn short(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
