// SPDX-License-Identifier: Apache-2.0
//! One field's rules, ready to apply.
//!
//! In: the `validate.FieldRules` annotation of a field. Out: what a value breaks, in words.

use std::fmt::Display;

use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use regex::Regex;

/// The rules of one field.
pub(super) struct Rule {
    pub(super) required: bool,
    pub(super) skip: bool,
    check: Check,
}

enum Check {
    Bytes(Length),
    Duration(Bounds),
    Enum(Choice),
    Map {
        min_pairs: u64,
        values: Option<Box<Rule>>,
    },
    None,
    Number(Bounds),
    Repeated {
        min_items: u64,
        max_items: u64,
        items: Option<Box<Rule>>,
    },
    String(Box<StringRule>),
}

/// Bounds of a number, or of a duration in seconds.
#[derive(Default)]
struct Bounds {
    above: Option<f64>,
    at_least: Option<f64>,
    below: Option<f64>,
    at_most: Option<f64>,
    one_of: Vec<f64>,
    ignore_empty: bool,
}

#[derive(Default)]
struct Length {
    min: u64,
    max: Option<u64>,
}

/// `defined_only` is not read: every number that our types can hold is a variant.
#[derive(Default)]
struct Choice {
    one_of: Vec<f64>,
    none_of: Vec<f64>,
}

#[derive(Default)]
struct StringRule {
    chars: Length,
    bytes: Length,
    prefix: String,
    pattern: Option<Regex>,
    header: Option<HeaderRule>,
    one_of: Vec<String>,
    ignore_empty: bool,
}

#[derive(Clone, Copy)]
struct HeaderRule {
    name: bool,
    strict: bool,
}

impl Rule {
    /// Reads a `validate.FieldRules` message.
    pub(super) fn compile(annotation: &DynamicMessage) -> Self {
        let mut rule = Self {
            required: false,
            skip: false,
            check: Check::None,
        };
        if let Some(message) = part(annotation, "message") {
            rule.required = flag(&message, "required");
            rule.skip = flag(&message, "skip");
        }
        for kind in ["uint32", "uint64", "int32", "int64", "double", "float"] {
            if let Some(rules) = part(annotation, kind) {
                rule.check = Check::Number(Bounds::compile(&rules));
            }
        }
        if let Some(rules) = part(annotation, "duration") {
            rule.required |= flag(&rules, "required");
            rule.check = Check::Duration(Bounds::compile(&rules));
        }
        if let Some(rules) = part(annotation, "any") {
            rule.required |= flag(&rules, "required");
        }
        if let Some(rules) = part(annotation, "string") {
            rule.check = Check::String(Box::new(StringRule::compile(&rules)));
        }
        if let Some(rules) = part(annotation, "bytes") {
            rule.check = Check::Bytes(Length::compile(&rules, "min_len", "max_len"));
        }
        if let Some(rules) = part(annotation, "enum") {
            rule.check = Check::Enum(Choice {
                one_of: numbers(&rules, "in"),
                none_of: numbers(&rules, "not_in"),
            });
        }
        if let Some(rules) = part(annotation, "repeated") {
            rule.check = Check::Repeated {
                min_items: number(&rules, "min_items").unwrap_or(0.0) as u64,
                max_items: number(&rules, "max_items").map_or(u64::MAX, |most| most as u64),
                items: part(&rules, "items").map(|items| Box::new(Self::compile(&items))),
            };
        }
        if let Some(rules) = part(annotation, "map") {
            rule.check = Check::Map {
                min_pairs: number(&rules, "min_pairs").unwrap_or(0.0) as u64,
                values: part(&rules, "values").map(|values| Box::new(Self::compile(&values))),
            };
        }
        rule
    }

    /// What `value` breaks; `None` when it breaks nothing.
    pub(super) fn broken_by(&self, value: &Value) -> Option<String> {
        match (&self.check, value) {
            (Check::None, _) => None,
            (Check::Number(bounds), value) => bounds.broken_by(as_number(value)?, ""),
            (Check::Duration(bounds), Value::Message(duration)) => {
                bounds.broken_by(seconds(duration), "s")
            }
            (Check::String(rule), value) => rule.broken_by(as_text(value)?.as_str()),
            (Check::Bytes(length), Value::Bytes(bytes)) => {
                length.broken_by(bytes.len() as u64, "bytes")
            }
            (Check::Enum(choice), Value::EnumNumber(chosen)) => choice.broken_by(*chosen),
            (
                Check::Repeated {
                    min_items,
                    max_items,
                    items,
                },
                Value::List(list),
            ) => {
                let count = list.len() as u64;
                if count < *min_items {
                    return Some(format!("value must contain at least {min_items} item(s)"));
                }
                if count > *max_items {
                    return Some(format!(
                        "value must contain no more than {max_items} item(s)"
                    ));
                }
                list.iter().find_map(|item| items.as_ref()?.broken_by(item))
            }
            (Check::Map { min_pairs, values }, Value::Map(entries)) => {
                if (entries.len() as u64) < *min_pairs {
                    return Some(format!("value must contain at least {min_pairs} pair(s)"));
                }
                entries
                    .values()
                    .find_map(|item| values.as_ref()?.broken_by(item))
            }
            _ => None,
        }
    }
}

impl Bounds {
    fn compile(rules: &DynamicMessage) -> Self {
        Self {
            above: number(rules, "gt"),
            at_least: number(rules, "gte"),
            below: number(rules, "lt"),
            at_most: number(rules, "lte"),
            one_of: numbers(rules, "in"),
            ignore_empty: flag(rules, "ignore_empty"),
        }
    }

    fn broken_by(&self, value: f64, unit: &str) -> Option<String> {
        if self.ignore_empty && value == 0.0 {
            return None;
        }
        let fails = |bound: Option<f64>, holds: fn(&f64, &f64) -> bool, words: &str| {
            let bound = bound.filter(|bound| !holds(&value, bound))?;
            Some(format!("value must be {words} {bound}{unit}"))
        };
        fails(self.above, f64::gt, "greater than")
            .or_else(|| fails(self.at_least, f64::ge, "greater than or equal to"))
            .or_else(|| fails(self.below, f64::lt, "less than"))
            .or_else(|| fails(self.at_most, f64::le, "less than or equal to"))
            .or_else(|| not_in_list(&self.one_of, &value))
    }
}

impl Length {
    fn compile(rules: &DynamicMessage, min: &str, max: &str) -> Self {
        Self {
            min: number(rules, min).unwrap_or(0.0) as u64,
            max: number(rules, max).map(|most| most as u64),
        }
    }

    fn broken_by(&self, length: u64, unit: &str) -> Option<String> {
        if length < self.min {
            return Some(format!("value length must be at least {} {unit}", self.min));
        }
        let most = self.max.filter(|most| length > *most)?;
        Some(format!("value length must be at most {most} {unit}"))
    }
}

impl Choice {
    fn broken_by(&self, chosen: i32) -> Option<String> {
        let chosen = f64::from(chosen);
        if self.none_of.contains(&chosen) {
            return Some(format!("value must not be {chosen}"));
        }
        not_in_list(&self.one_of, &chosen)
    }
}

impl StringRule {
    fn compile(rules: &DynamicMessage) -> Self {
        let well_known = match field(rules, "well_known_regex") {
            Some(Value::EnumNumber(1)) => Some(true),
            Some(Value::EnumNumber(2)) => Some(false),
            _ => None,
        };
        let strict = field(rules, "strict") != Some(Value::Bool(false));
        Self {
            chars: Length::compile(rules, "min_len", "max_len"),
            bytes: Length::compile(rules, "min_bytes", "max_bytes"),
            prefix: text(rules, "prefix"),
            pattern: Some(text(rules, "pattern"))
                .filter(|pattern| !pattern.is_empty())
                .and_then(|pattern| Regex::new(&pattern).ok()),
            header: well_known.map(|name| HeaderRule { name, strict }),
            one_of: match field(rules, "in") {
                Some(Value::List(items)) => items.iter().filter_map(as_text).collect(),
                _ => Vec::new(),
            },
            ignore_empty: flag(rules, "ignore_empty"),
        }
    }

    fn broken_by(&self, value: &str) -> Option<String> {
        if self.ignore_empty && value.is_empty() {
            return None;
        }
        let chars = value.chars().count() as u64;
        self.chars
            .broken_by(chars, "characters")
            .or_else(|| self.bytes.broken_by(value.len() as u64, "bytes"))
            .or_else(|| {
                let broken = !value.starts_with(&self.prefix);
                broken.then(|| format!("value does not have prefix {:?}", self.prefix))
            })
            .or_else(|| {
                let pattern = self
                    .pattern
                    .as_ref()
                    .filter(|pattern| !pattern.is_match(value))?;
                Some(format!("value does not match {:?}", pattern.as_str()))
            })
            .or_else(|| {
                self.header
                    .filter(|rule| !rule.allows(value))
                    .map(HeaderRule::message)
            })
            .or_else(|| not_in_list(&self.one_of, &value.to_owned()))
    }
}

impl HeaderRule {
    fn allows(self, value: &str) -> bool {
        let control = |byte: u8| (byte < 0x20 && byte != b'\t') || byte == 0x7f;
        match (self.name, self.strict) {
            (true, true) => {
                let name = value.strip_prefix(':').unwrap_or(value);
                !name.is_empty() && name.bytes().all(is_token)
            }
            (false, true) => !value.bytes().any(control),
            (_, false) => !value.contains(['\0', '\n', '\r']),
        }
    }

    fn message(self) -> String {
        let what = if self.name { "name" } else { "value" };
        format!("value is not a valid HTTP header {what}")
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn not_in_list<T: PartialEq + Display>(list: &[T], value: &T) -> Option<String> {
    let broken = !list.is_empty() && !list.contains(value);
    broken.then(|| format!("value must be in list, got {value}"))
}

fn field(message: &DynamicMessage, name: &str) -> Option<Value> {
    let field = message.descriptor().get_field_by_name(name)?;
    message
        .has_field(&field)
        .then(|| message.get_field(&field).into_owned())
}

fn part(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    match field(message, name)? {
        Value::Message(part) => Some(part),
        _ => None,
    }
}

fn flag(message: &DynamicMessage, name: &str) -> bool {
    field(message, name) == Some(Value::Bool(true))
}

fn text(message: &DynamicMessage, name: &str) -> String {
    field(message, name)
        .as_ref()
        .and_then(as_text)
        .unwrap_or_default()
}

fn number(message: &DynamicMessage, name: &str) -> Option<f64> {
    match field(message, name)? {
        Value::Message(duration) => Some(seconds(&duration)),
        value => as_number(&value),
    }
}

fn numbers(message: &DynamicMessage, name: &str) -> Vec<f64> {
    match field(message, name) {
        Some(Value::List(items)) => items.iter().filter_map(as_number).collect(),
        _ => Vec::new(),
    }
}

/// A number, or the number in a wrapper message. Bounds in the API are far below 2^53.
fn as_number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::I32(value) | Value::EnumNumber(value) => f64::from(*value),
        Value::I64(value) => *value as f64,
        Value::U32(value) => f64::from(*value),
        Value::U64(value) => *value as f64,
        Value::F32(value) => f64::from(*value),
        Value::F64(value) => *value,
        Value::Message(wrapper) => {
            return as_number(wrapper.get_field_by_name("value")?.as_ref());
        }
        _ => return None,
    })
}

/// Text, or the text in a wrapper message.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Message(wrapper) => as_text(wrapper.get_field_by_name("value")?.as_ref()),
        _ => None,
    }
}

fn seconds(duration: &DynamicMessage) -> f64 {
    let part = |name| {
        duration
            .get_field_by_name(name)
            .and_then(|value| as_number(&value))
    };
    part("seconds").unwrap_or(0.0) + part("nanos").unwrap_or(0.0) / 1e9
}
