// SPDX-License-Identifier: Apache-2.0
//! Decoding of matches.
//!
//! In: the block of one match. Out: a match with the API's defaults; repeated names are dropped.

use super::{HeaderMatch, Matcher, PathMatch, QueryParamMatch, RouteMatch};
use crate::{
    admission::{Block, Field},
    value::{is_header_name, regex},
};

const METHODS: &[&str] = &[
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

impl RouteMatch {
    /// API default: path prefix `/`.
    pub(super) fn default_match() -> Self {
        Self {
            path: PathMatch::PathPrefix("/".to_owned()),
            headers: Vec::new(),
            query_params: Vec::new(),
            method: None,
        }
    }

    pub(super) fn decode(block: &Block<'_>) -> Self {
        let path = block.optional("path");
        let method = block.optional("method");
        Self {
            path: path
                .and_then(|field| field.object(|block| path_match(block, &field)))
                .unwrap_or_else(|| PathMatch::PathPrefix("/".to_owned())),
            headers: headers(&block.list("headers", 0..=16)),
            query_params: query_params(&block.list("queryParams", 0..=16)),
            method: method.and_then(|field| field.word(METHODS)),
        }
    }
}

fn path_match(block: &Block<'_>, field: &Field<'_>) -> PathMatch {
    let kind = block
        .optional("type")
        .and_then(|field| field.word(&["Exact", "PathPrefix", "RegularExpression"]));
    let value = block.optional("value").and_then(|value| {
        let text = value.string()?;
        value.check_text_length(text, 1024);
        Some(text.to_owned())
    });
    let value = value.unwrap_or_else(|| "/".to_owned());
    match kind.as_deref() {
        Some("RegularExpression") => {
            check_regex(&value, field);
            PathMatch::RegularExpression(value)
        }
        Some("Exact") => {
            check_path(&value, field);
            PathMatch::Exact(value)
        }
        _ => {
            check_path(&value, field);
            PathMatch::PathPrefix(value)
        }
    }
}

pub(super) fn check_regex(pattern: &str, field: &Field<'_>) {
    if let Some(problem) = regex::problem(pattern) {
        field.reject(format!("must be a regular expression of RE2: {problem}"));
    }
}

fn check_path(path: &str, field: &Field<'_>) {
    if !path.starts_with('/') {
        field.reject("value must be an absolute path and start with '/'");
    }
    for part in ["//", "/./", "/../", "%2f", "%2F", "#"] {
        if path.contains(part) {
            field.reject(format!("must not contain '{part}'"));
        }
    }
    for end in ["/..", "/."] {
        if path.ends_with(end) {
            field.reject(format!("must not end with '{end}'"));
        }
    }
    if !path.contains('#') && !has_path_characters(path) {
        field.reject("must only contain characters that a URI path may have");
    }
}

/// The characters of a URI path, with `%` only in front of two hexadecimal digits.
fn has_path_characters(path: &str) -> bool {
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                tail
            }
            (byte, _) if byte.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(byte) => {
                tail
            }
            _ => return false,
        };
    }
    true
}

pub(super) fn headers(items: &[Field<'_>]) -> Vec<HeaderMatch> {
    let mut headers: Vec<HeaderMatch> = Vec::new();
    for item in items {
        let Some((name, value)) = item.object(|block| named(block, 4096)).flatten() else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        // The first of a name counts (API rule).
        if headers.iter().all(|other| other.name != name) {
            headers.push(HeaderMatch { name, value });
        }
    }
    headers
}

/// One header, outside of a list of them.
pub(crate) fn header_match(field: &Field<'_>) -> Option<HeaderMatch> {
    let (name, value) = field.object(|block| named(block, 4096)).flatten()?;
    let name = name.to_ascii_lowercase();
    Some(HeaderMatch { name, value })
}

fn query_params(items: &[Field<'_>]) -> Vec<QueryParamMatch> {
    let mut params: Vec<QueryParamMatch> = Vec::new();
    for item in items {
        let Some((name, value)) = item.object(|block| named(block, 1024)).flatten() else {
            continue;
        };
        if params.iter().all(|other| other.name != name) {
            params.push(QueryParamMatch { name, value });
        }
    }
    params
}

/// A named value with its way of comparison, `Exact` unless written.
fn named(block: &Block<'_>, longest: usize) -> Option<(String, Matcher)> {
    let kind = block
        .optional("type")
        .and_then(|field| field.word(&["Exact", "RegularExpression"]));
    let name = block.required("name").and_then(|field| {
        let name = field.text(256)?;
        if !name.is_empty() && !is_header_name(name) {
            field.reject("must be a token of letters, digits and !#$%&'*+-.^_`|~");
        }
        Some(name.to_owned())
    });
    let value = block.required("value").and_then(|field| {
        let value = field.text(longest)?;
        if kind.as_deref() == Some("RegularExpression") {
            check_regex(value, &field);
        }
        Some(value)
    });
    let value = value?.to_owned();
    let matcher = match kind.as_deref() {
        Some("RegularExpression") => Matcher::RegularExpression(value),
        _ => Matcher::Exact(value),
    };
    Some((name?, matcher))
}
