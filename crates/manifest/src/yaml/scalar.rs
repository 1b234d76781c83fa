// SPDX-License-Identifier: Apache-2.0
//! What a scalar means to Kubernetes.
//!
//! In: a scalar's text, whether it was unquoted, its tag. Out: a JSON value. The rules are those
//! of go-yaml v2 followed by a JSON encoder, which is what `kubectl` and the API server use:
//! YAML 1.1 words for booleans, `0x`, `0o`, `0b` and leading-zero octal integers, underscores in
//! numbers, no base 60, timestamps left as text, and numbers without a fraction as integers.

use saphyr_parser::Tag;
use serde_json::Number;

use crate::Value;

/// The JSON value, or why there is none.
pub(super) fn resolve(text: String, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    let wanted = match tag {
        None if plain => None,
        None => return Ok(Value::String(text)),
        Some(tag) => match core_name(tag) {
            Some("binary") => {
                return Err("the tag !!binary is not supported: JSON has no bytes".to_owned());
            }
            Some(name @ ("bool" | "float" | "int" | "null")) => Some(name),
            _ => return Ok(Value::String(text)),
        },
    };
    let found = Scalar::guess(&text);
    match (wanted, &found) {
        (None, _)
        | (Some("bool"), Scalar::Bool(_))
        | (Some("float"), Scalar::Float(_) | Scalar::Integer(_))
        | (Some("int"), Scalar::Integer(_))
        | (Some("null"), Scalar::Null) => {}
        (Some(name), _) => return Err(format!("cannot read {text:?} as !!{name}")),
    }
    match found {
        Scalar::Null => Ok(Value::Null),
        Scalar::Bool(value) => Ok(Value::Bool(value)),
        Scalar::Integer(value) => Ok(Value::Number(value)),
        Scalar::Float(value) => match number(value) {
            Some(value) => Ok(Value::Number(value)),
            None => Err(format!("{text:?} is a number that JSON cannot hold")),
        },
        Scalar::Text => Ok(Value::String(text)),
    }
}

/// Whether an unquoted word is read as a boolean.
pub(super) fn is_boolean_word(word: &str) -> bool {
    matches!(Scalar::guess(word), Scalar::Bool(_))
}

/// A float as the JSON encoder of Go writes it: `1.0` becomes `1`. None if it is not finite.
pub(crate) fn number(value: f64) -> Option<Number> {
    // 2^63: below it every integral float is an i64.
    if value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0 {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}

/// `str` for `!!str` and for its verbatim form; None for tags of other vocabularies.
fn core_name(tag: &Tag) -> Option<&str> {
    if tag.is_yaml_core_schema() {
        return Some(&tag.suffix);
    }
    if tag.handle.is_empty() {
        return tag.suffix.strip_prefix("tag:yaml.org,2002:");
    }
    None
}

/// What an unquoted text looks like.
enum Scalar {
    Null,
    Bool(bool),
    Integer(Number),
    Float(f64),
    Text,
}

impl Scalar {
    fn guess(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
                return Self::Bool(true);
            }
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False"
            | "FALSE" => return Self::Bool(false),
            ".nan" | ".NaN" | ".NAN" => return Self::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
                return Self::Float(f64::INFINITY);
            }
            "-.inf" | "-.Inf" | "-.INF" => return Self::Float(f64::NEG_INFINITY),
            _ => {}
        }
        match text.as_bytes()[0] {
            b'+' | b'-' | b'0'..=b'9' => Self::number(&text.replace('_', "")),
            b'.' => Self::float(&text.replace('_', "")),
            _ => Self::Text,
        }
    }

    fn number(digits: &str) -> Self {
        integer(digits).map_or_else(|| Self::float(digits), Self::Integer)
    }

    fn float(text: &str) -> Self {
        if !is_float(text) {
            return Self::Text;
        }
        // A magnitude beyond f64 stays text, as a failed conversion does in Go.
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Self::Float(value),
            _ => Self::Text,
        }
    }
}

/// An integer in any of Go's notations, if it fits 64 bits.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        0_i64.checked_sub_unsigned(magnitude).map(Number::from)
    } else {
        Some(Number::from(magnitude))
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !unsigned.is_empty() && digits(unsigned)
    });
    mantissa_fits && exponent_fits
}

#[cfg(test)]
mod tests;
