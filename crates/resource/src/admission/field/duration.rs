// SPDX-License-Identifier: Apache-2.0
//! Reader of durations.
//!
//! In: a field. Out: a duration, or an error that says how to write the one that was meant.

use std::time::Duration;

use sluicegate_manifest::Value;

use super::Field;
use crate::{codes, value::parse_duration};

impl Field<'_> {
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

    /// A duration above zero: where Envoy wants one, it refuses a whole update that has a zero.
    pub(crate) fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.reject("must be greater than 0s");
            return None;
        }
        Some(duration)
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
    let duration = Duration::try_from_secs_f64((milliseconds / 1_000.0).max(0.0));
    // Five digits at most in a group: larger amounts are written in larger units.
    let Some(duration) = duration.ok().filter(|found| found.as_secs() < 100_000) else {
        return "write it in hours and minutes, such as \"48h30m\"".to_owned();
    };
    let total = duration.as_millis();
    match (duration.as_secs(), total % 1_000) {
        _ if total < 100_000 => format!("write \"{total}ms\""),
        (seconds, 0) => format!("write \"{seconds}s\""),
        (seconds, rest) => format!("write \"{seconds}s{rest}ms\""),
    }
}

fn short(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}
