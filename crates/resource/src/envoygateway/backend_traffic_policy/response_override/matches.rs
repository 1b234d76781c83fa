// SPDX-License-Identifier: Apache-2.0
//! `responseOverride[].match`.
//!
//! In: the block. Out: statuses and headers of the responses that are meant.

use super::super::reader;
use crate::{
    admission::{Block, Field},
    value::{is_header_name, regex},
};

/// Conditions on a response; one of each list that is not empty must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseMatch {
    /// `statusCodes`, 1..50.
    pub status_codes: Vec<StatusRange>,
    /// `responseHeaders`, 1..16, by name.
    pub response_headers: Vec<(String, StringMatch)>,
}

/// Statuses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The first.
    pub start: u16,
    /// The last; that of `Value` is the first.
    pub end: u16,
}

/// A condition on a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StringMatch {
    /// `Exact`.
    Exact(String),
    /// `Prefix`.
    Prefix(String),
    /// `RegularExpression`.
    RegularExpression(String),
    /// `Suffix`.
    Suffix(String),
}

impl ResponseMatch {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let codes = block.list("statusCodes", 1..=50);
        let headers = block.list("responseHeaders", 1..=16);
        if block.is_empty() {
            block
                .field
                .reject("at least one of the fields in [statusCodes responseHeaders] must be set");
        }
        Self {
            status_codes: codes
                .iter()
                .filter_map(|item| item.object(StatusRange::decode).flatten())
                .collect(),
            response_headers: headers
                .iter()
                .filter_map(|item| item.object(header).flatten())
                .collect(),
        }
    }
}

impl StatusRange {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let kind = block.optional("type");
        let kind = kind.and_then(|field| field.word(&["Value", "Range"]));
        let value_field = block.optional("value");
        let range_field = block.optional("range");
        let value = value_field.as_ref().and_then(reader::status);
        let range = range_field
            .as_ref()
            .and_then(|field| field.object(|block| range(block, field)).flatten());
        let ranged = kind.as_deref() == Some("Range");
        let (wanted, other) = match ranged {
            true => ("range", (&range_field, &value_field)),
            false => ("value", (&value_field, &range_field)),
        };
        if other.0.is_none() {
            block.missing(wanted);
        }
        if let Some(field) = other.1 {
            field.reject(format!(
                "may not be set when type is {}",
                if ranged { "Range" } else { "Value" }
            ));
        }
        match ranged {
            true => range,
            false => value.map(|value| Self {
                start: value,
                end: value,
            }),
        }
    }
}

fn range(block: &Block<'_>, field: &Field<'_>) -> Option<StatusRange> {
    let bound = |name| reader::status(&block.required(name)?);
    let (start, end) = (bound("start"), bound("end"));
    let (start, end) = (start?, end?);
    if end <= start {
        field.reject("end must be greater than start");
        return None;
    }
    Some(StatusRange { start, end })
}

fn header(block: &Block<'_>) -> Option<(String, StringMatch)> {
    let name = block.required("name").and_then(|field| {
        let name = field.text(256)?;
        if !name.is_empty() && !is_header_name(name) {
            field.reject("must be a header name: letters, digits and !#$%&'*+-.^_`|~");
        }
        Some(name.to_owned())
    });
    let value = block.required("value");
    let value = value.and_then(|field| field.object(string_match).flatten());
    Some((name?, value?))
}

fn string_match(block: &Block<'_>) -> Option<StringMatch> {
    let kind = block.optional("type");
    let kind =
        kind.and_then(|field| field.word(&["Exact", "Prefix", "Suffix", "RegularExpression"]));
    let field = block.required("value")?;
    let value = field.text(1024)?.to_owned();
    if kind.as_deref() == Some("RegularExpression")
        && let Some(problem) = regex::problem(&value)
    {
        field.reject(format!("must be a regular expression of RE2: {problem}"));
    }
    Some(match kind.as_deref() {
        Some("Prefix") => StringMatch::Prefix(value),
        Some("Suffix") => StringMatch::Suffix(value),
        Some("RegularExpression") => StringMatch::RegularExpression(value),
        _ => StringMatch::Exact(value),
    })
}
