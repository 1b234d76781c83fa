// SPDX-License-Identifier: Apache-2.0
//! Whom a rate limit rule counts.
//!
//! In: a client selector. Out: conditions, all of which a request must meet.

use std::net::IpAddr;

use super::super::reader;
use crate::{
    admission::{Block, Field},
    value::{is_header_name, regex},
};

/// Conditions on a request; at least one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientSelector {
    /// `headers`, at most 128, by name.
    pub headers: Vec<(String, ValueMatch)>,
    /// `methods`, with whether each is inverted.
    pub methods: Vec<(String, bool)>,
    /// `path`.
    pub path: Option<ValueMatch>,
    /// `sourceCIDR`.
    pub source_cidr: Option<SourceCidr>,
    /// `queryParams`, at most 16, by name.
    pub query_params: Vec<(String, ValueMatch)>,
}

/// A condition on a text, and whether it is inverted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueMatch {
    /// `Distinct`: every value has a count of its own.
    Distinct,
    /// `Exact`.
    Exact(String, bool),
    /// `PathPrefix`, of paths only.
    PathPrefix(String, bool),
    /// `RegularExpression`.
    RegularExpression(String, bool),
}

/// Addresses of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCidr {
    /// `value`: a range such as `10.0.0.0/8`.
    pub value: String,
    /// `type: Distinct`: every address of the range has a count of its own.
    pub distinct: bool,
    /// `invert`.
    pub invert: bool,
}

const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

impl ClientSelector {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let headers = block.list("headers", 0..=128);
        let methods = block.list("methods", 0..=usize::MAX);
        let query_params = block.list("queryParams", 0..=16);
        let path = block.optional("path");
        let source = block.optional("sourceCIDR");
        if block.is_empty() {
            block.field.reject(
                "at least one of the fields in [headers methods path sourceCIDR queryParams] must \
                 be set",
            );
        }
        Self {
            headers: named(&headers, true),
            methods: methods
                .iter()
                .filter_map(|item| item.object(method).flatten())
                .collect(),
            path: path.and_then(|field| field.object(path_match).flatten()),
            source_cidr: source.and_then(|field| field.object(SourceCidr::decode).flatten()),
            query_params: named(&query_params, false),
        }
    }
}

fn named(items: &[Field<'_>], headers: bool) -> Vec<(String, ValueMatch)> {
    let matches = items.iter().filter_map(|item| {
        item.object(|block| {
            let field = block.required("name");
            let name = field.as_ref().and_then(|field| reader::name(field, 256));
            if let (true, Some(name), Some(field)) = (headers, &name, &field)
                && !is_header_name(name)
            {
                field.reject("must be a header name: letters, digits and !#$%&'*+-.^_`|~");
            }
            let types = ["Exact", "RegularExpression", "Distinct"];
            let value = value_match(block, &types, "Exact", None);
            Some((name?, value?))
        })?
    });
    matches.collect()
}

fn path_match(block: &Block<'_>) -> Option<ValueMatch> {
    let types = ["Exact", "PathPrefix", "RegularExpression"];
    value_match(block, &types, "PathPrefix", Some("/"))
}

fn value_match(
    block: &Block<'_>,
    types: &[&str],
    default_type: &str,
    default_value: Option<&str>,
) -> Option<ValueMatch> {
    let kind = match block.optional("type") {
        Some(field) => field.word(types)?,
        None => default_type.to_owned(),
    };
    let field = block.optional("value");
    let value = field.as_ref().and_then(|field| {
        let text = field.string()?;
        field.check_text_length(text, 1024);
        Some(text)
    });
    let invert_field = block.optional("invert");
    let invert = invert_field.as_ref().and_then(Field::boolean) == Some(true);
    if kind == "Distinct" {
        if let Some(field) = &field {
            field.reject("value may not be set when type is Distinct");
        }
        if let Some(field) = invert_field.filter(|_| invert) {
            field.reject("invert may not be set when type is Distinct");
        }
        return Some(ValueMatch::Distinct);
    }
    if field.is_none() && default_value.is_none() {
        block.missing("value");
    }
    let text = value.or(default_value)?.to_owned();
    if let ("RegularExpression", Some(field)) = (kind.as_str(), &field)
        && let Some(problem) = regex::problem(&text)
    {
        field.reject(format!("must be a regular expression of RE2: {problem}"));
    }
    Some(match kind.as_str() {
        "PathPrefix" => ValueMatch::PathPrefix(text, invert),
        "RegularExpression" => ValueMatch::RegularExpression(text, invert),
        _ => ValueMatch::Exact(text, invert),
    })
}

fn method(block: &Block<'_>) -> Option<(String, bool)> {
    let value = block.required("value");
    let value = value.and_then(|field| field.word(&METHODS));
    let invert = block.boolean("invert");
    Some((value?, invert.unwrap_or(false)))
}

impl SourceCidr {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let kind = block.optional("type");
        let kind = kind.and_then(|field| field.word(&["Exact", "Distinct"]));
        let distinct = kind.as_deref() == Some("Distinct");
        let value = block.required("value").and_then(|field| {
            let value = field.text(256)?;
            if !is_cidr(value) {
                field.reject_with(
                    "must be a range of addresses in CIDR form",
                    "write it as \"10.0.0.0/8\"; one address is \"10.1.2.3/32\"",
                );
            }
            Some(value.to_owned())
        });
        let invert_field = block.optional("invert");
        let invert = invert_field.as_ref().and_then(Field::boolean) == Some(true);
        if let Some(field) = invert_field.filter(|_| invert && distinct) {
            field.reject("invert may not be set when type is Distinct");
        }
        Some(Self {
            value: value?,
            distinct,
            invert,
        })
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let plain = length.bytes().all(|byte| byte.is_ascii_digit());
    let length = length.parse::<u8>().ok().filter(|_| plain);
    match (address.parse::<IpAddr>(), length) {
        (Ok(IpAddr::V4(_)), Some(length)) => length <= 32,
        (Ok(IpAddr::V6(_)), Some(length)) => length <= 128,
        _ => false,
    }
}
