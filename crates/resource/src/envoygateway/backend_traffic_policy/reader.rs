// SPDX-License-Identifier: Apache-2.0
//! Readers of the scalar types that only this kind has.
//!
//! In: fields. Out: bytes, statuses, fractions, decimal numbers, words that must not be empty.

use std::ops::RangeInclusive;

use sluicegate_manifest::Value;

use crate::{
    admission::{Block, Field, I32_MAX},
    value::parse_quantity,
};

/// Bytes: an integer, or digits with one of upstream's suffixes, within `range`. Fractions and
/// exponents, which other quantities allow, have no whole number of bytes.
pub(super) fn bytes(field: &Field<'_>, range: RangeInclusive<u32>) -> Option<u32> {
    let (least, most) = range.into_inner();
    let value = whole_bytes(field)?;
    let inside = u32::try_from(value)
        .ok()
        .filter(|value| (least..=most).contains(value));
    if inside.is_none() {
        field.reject(format!("must be between {least} and {most} bytes"));
    }
    inside
}

/// Bytes without a limit.
pub(super) fn whole_bytes(field: &Field<'_>) -> Option<u64> {
    let Value::String(text) = &field.node.value else {
        return field.u64(0);
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let suffix = &text[digits..];
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let decimal = ["", "k", "M", "G", "T", "P", "E"];
    let formed = digits > 0 && !text.starts_with('0');
    let value = parse_quantity(text).and_then(|value| u64::try_from(value).ok());
    match value {
        Some(value) if formed && (binary.contains(&suffix) || decimal.contains(&suffix)) => {
            Some(value)
        }
        _ => {
            let rule = "must be a whole number of bytes such as 32768, \"32Ki\" or \"1M\"";
            match suffix {
                "K" | "KB" | "kB" | "kb" => {
                    field.reject_with(rule, format!("write \"{}Ki\"", &text[..digits]));
                }
                "MB" | "Mb" | "mb" => {
                    field.reject_with(rule, format!("write \"{}Mi\"", &text[..digits]));
                }
                _ => field.reject(rule),
            }
            None
        }
    }
}

/// HTTP statuses, 100..599.
pub(super) fn statuses(block: &Block<'_>, name: &'static str) -> Vec<u16> {
    let items = block.list(name, 0..=usize::MAX);
    items.iter().filter_map(status).collect()
}

/// An HTTP status, 100..599.
pub(super) fn status(field: &Field<'_>) -> Option<u16> {
    u16::try_from(field.integer(100..=599)?).ok()
}

/// A share in percent: `{numerator, denominator}` with a denominator of 100 where none is written.
pub(crate) fn fraction(field: &Field<'_>) -> Option<f64> {
    field.object(|block| {
        let numerator = block.required("numerator");
        let numerator = numerator.and_then(|field| field.u32(0..=I32_MAX));
        let denominator = block.u32("denominator", 1..=I32_MAX).unwrap_or(100);
        let numerator = numerator?;
        if numerator > denominator {
            field.reject("numerator must be less than or equal to denominator");
            return None;
        }
        Some(f64::from(numerator) / f64::from(denominator) * 100.0)
    })?
}

/// A percentage as a plain number, or as a fraction.
pub(super) fn percentage(field: &Field<'_>) -> Option<f64> {
    match field.node.value {
        Value::Mapping(_) => fraction(field),
        _ => number(field, 0.0..=100.0),
    }
}

/// A decimal number within `range`.
pub(super) fn number(field: &Field<'_>, range: RangeInclusive<f64>) -> Option<f64> {
    let Value::Number(number) = &field.node.value else {
        return field.wrong_type("number");
    };
    let value = number.as_f64().filter(|value| range.contains(value));
    if value.is_none() {
        let (least, most) = range.into_inner();
        field.reject(if most.is_finite() {
            format!("must be between {least} and {most}")
        } else {
            format!("must be greater than or equal to {least}")
        });
    }
    value
}

/// Header-safe text of at least one and at most `most` bytes.
pub(super) fn name(field: &Field<'_>, most: usize) -> Option<String> {
    field.text(most)?;
    field.header_safe().filter(|text| !text.is_empty())
}

/// The name under `name`, which must be there.
pub(super) fn required_name(block: &Block<'_>, key: &'static str, most: usize) -> Option<String> {
    name(&block.required(key)?, most)
}
