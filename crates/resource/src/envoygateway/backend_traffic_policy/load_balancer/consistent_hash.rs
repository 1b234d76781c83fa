// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer.consistentHash`.
//!
//! In: the block. Out: what is hashed, and the size of the table.

use std::{collections::BTreeMap, time::Duration};

use super::{super::reader, decode::header};
use crate::admission::{Block, Field};

/// Maglev hashing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistentHash {
    /// `type`, with what belongs to it.
    pub input: HashInput,
    /// `tableSize`, a prime 2..5000011. Absent: 65537 (Envoy default).
    pub table_size: Option<u32>,
}

/// What is hashed. Several entries are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashInput {
    /// `Cookie`.
    Cookie(Cookie),
    /// `Headers`, or the older `Header` with its one: names.
    Headers(Vec<String>),
    /// `QueryParams`: names.
    QueryParams(Vec<String>),
    /// `SourceIP`.
    SourceIp,
}

/// A cookie that keeps a client at its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// `name`, not empty.
    pub name: String,
    /// `ttl`: how long a generated cookie lives; zero is a session cookie. Absent: the gateway
    /// generates none.
    pub ttl: Option<Duration>,
    /// `path`, or the attribute `Path`, of a generated cookie.
    pub path: Option<String>,
    /// `attributes` of a generated cookie, without `Path`, by name.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Cookie,
    Header,
    Headers,
    QueryParams,
    SourceIp,
}

/// The types with the member that each needs.
const TYPES: [(&str, Type, Option<&str>); 5] = [
    ("SourceIP", Type::SourceIp, None),
    ("Header", Type::Header, Some("header")),
    ("Headers", Type::Headers, Some("headers")),
    ("Cookie", Type::Cookie, Some("cookie")),
    ("QueryParams", Type::QueryParams, Some("queryParams")),
];

impl ConsistentHash {
    pub(super) fn decode(block: &Block<'_>) -> Option<Self> {
        let choices = TYPES.map(|(name, chosen, _)| (name, chosen));
        let chosen = block.required("type").and_then(|it| it.choice(&choices));
        let single = block.object("header", |block| header(&block.required("name")?));
        let headers = names(block, "headers");
        let cookie = block.object("cookie", Cookie::decode).flatten();
        let parameters = names(block, "queryParams");
        let table_size = block.optional("tableSize");
        let table_size = table_size.and_then(|field| table_size_of(&field));
        let chosen = chosen?;
        check_members(block, chosen);
        let input = match chosen {
            Type::Cookie => HashInput::Cookie(cookie?),
            Type::Header => HashInput::Headers(vec![single.flatten()?]),
            Type::Headers => HashInput::Headers(headers),
            Type::QueryParams => HashInput::QueryParams(parameters),
            Type::SourceIp => HashInput::SourceIp,
        };
        Some(Self { input, table_size })
    }
}

fn check_members(block: &Block<'_>, chosen: Type) {
    for (name, owner, member) in TYPES {
        let Some(member) = member else { continue };
        match (block.optional(member), owner == chosen) {
            (None, true) => block.missing(member),
            (Some(field), false) => field.reject_with(
                format!("{member} may only be set when type is {name}"),
                format!("write `type: {name}`, or remove `{member}`"),
            ),
            _ => {}
        }
    }
}

fn names(block: &Block<'_>, list: &'static str) -> Vec<String> {
    let Some(field) = block.optional(list) else {
        return Vec::new();
    };
    let items = field.items(1..=usize::MAX);
    let names = items.iter().filter_map(|item| {
        let name = item.object(|block| match list {
            "headers" => header(&block.required("name")?),
            _ => reader::required_name(block, "name", usize::MAX),
        });
        name.flatten()
    });
    names.collect()
}

impl Cookie {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let name = reader::required_name(block, "name", usize::MAX);
        let ttl = block.duration("ttl");
        let path_field = block.optional("path");
        let mut path = path_field.as_ref().and_then(Field::header_safe);
        let mut attributes = BTreeMap::new();
        let written = block.optional("attributes");
        for (key, field) in written.iter().flat_map(Field::entries) {
            let Some(value) = field.header_safe() else {
                continue;
            };
            if key.is_empty() || key.chars().any(char::is_control) {
                field.reject("the name of an attribute must be a word");
            }
            if !key.eq_ignore_ascii_case("path") {
                attributes.insert(key.to_owned(), value);
                continue;
            }
            // Two ways to say one thing.
            match (&path, &path_field) {
                (Some(other), Some(first)) if *other != value => {
                    field.conflicts_with(&first.path());
                }
                _ => path = Some(value),
            }
        }
        Some(Self {
            name: name?,
            ttl,
            path,
            attributes,
        })
    }
}

fn table_size_of(field: &Field<'_>) -> Option<u32> {
    let size = field.u32(2..=5_000_011)?;
    if !is_prime(size) {
        let next = (size..).find(|size| is_prime(*size)).unwrap_or(65_537);
        field.reject_with(
            "must be a prime number",
            format!("the next prime is {next}"),
        );
        return None;
    }
    Some(size)
}

fn is_prime(number: u32) -> bool {
    let mut divisors = (2..).take_while(|divisor| divisor * divisor <= number);
    number > 1 && divisors.all(|divisor| !number.is_multiple_of(divisor))
}
