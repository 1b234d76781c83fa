// SPDX-License-Identifier: Apache-2.0
//! Readers of scalars.
//!
//! In: a field. Out: text, booleans, numbers, quantities and words of closed sets.

use std::ops::RangeInclusive;

use sluicegate_manifest::{Value, nearest};

use super::Field;
use crate::{codes, value::parse_quantity};

impl<'d> Field<'d> {
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

    /// Text that can be sent in a header.
    pub(crate) fn header_safe(&self) -> Option<String> {
        let text = self.string()?;
        if text.chars().any(char::is_control) {
            self.reject("must not contain control characters");
        }
        Some(text.to_owned())
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
}
