// SPDX-License-Identifier: Apache-2.0
//! Decoding of what `ringHash` and `maglev` share.
//!
//! In: the block of either, and the older outer `useHostnameForHashing`. Out: inputs of the hash.

use super::{Cookie, HashPolicy, HashPolicyKind};
use crate::{
    admission::{Block, Field},
    codes,
    value::is_header_name,
};

/// `useHostnameForHashing` beside the algorithm, where it stood until 2025-07-24.
pub(super) struct OuterHostname<'d> {
    field: Option<Field<'d>>,
    value: Option<bool>,
}

impl<'d> OuterHostname<'d> {
    pub(super) fn read(block: &Block<'d>) -> Self {
        let field = block.older("useHostnameForHashing");
        let value = field.as_ref().and_then(Field::boolean);
        Self { field, value }
    }

    /// Says that no algorithm uses the hostname.
    pub(super) fn warn_unused(&self) {
        if let Some(field) = &self.field {
            field.warn(
                codes::NO_EFFECT,
                "`useHostnameForHashing` has no effect without `ringHash` or `maglev`",
            );
        }
    }
}

/// Fields that both hashing algorithms have.
pub(super) struct Hashing {
    pub(super) use_hostname: Option<bool>,
    pub(super) policies: Vec<HashPolicy>,
}

impl Hashing {
    pub(super) fn decode(block: &Block<'_>, outer: &OuterHostname<'_>) -> Self {
        let inner = block.optional("useHostnameForHashing");
        let inner_value = inner.as_ref().and_then(Field::boolean);
        if let Some(field) = &outer.field {
            field.advise(
                codes::OLDER_SPELLING,
                "`useHostnameForHashing` beside the algorithm is an older form".to_owned(),
                format!("move it into `{}`", block.field.path()),
            );
            if let (Some(inner), Some(value), Some(outer)) = (&inner, inner_value, outer.value)
                && value != outer
            {
                field.conflicts_with(&inner.path());
            }
        }
        let items = block.list("hashPolicies", 1..=16);
        Self {
            use_hostname: inner_value.or(outer.value),
            policies: items
                .iter()
                .filter_map(|item| item.object(|block| hash_policy(block, item)).flatten())
                .collect(),
        }
    }
}

fn hash_policy(block: &Block<'_>, item: &Field<'_>) -> Option<HashPolicy> {
    let terminal = block.boolean("terminal");
    let header = block.optional("header");
    let cookie = block.optional("cookie");
    let source_ip = block.optional("sourceIP");
    let present = [&header, &cookie, &source_ip];
    if present.into_iter().flatten().count() != 1 {
        item.reject("exactly one of the fields in [header cookie sourceIP] must be set");
    }
    let header = header.and_then(|field| field.object(header_name).flatten());
    let cookie = cookie.and_then(|field| field.object(decode_cookie).flatten());
    let source_ip = source_ip.and_then(|field| field.object(|_| HashPolicyKind::SourceIp));
    let kind = header.map(HashPolicyKind::Header);
    let kind = kind.or(cookie.map(HashPolicyKind::Cookie)).or(source_ip)?;
    Some(HashPolicy { kind, terminal })
}

fn header_name(block: &Block<'_>) -> Option<String> {
    let field = block.required("name")?;
    let name = field.text(usize::MAX)?;
    if !name.is_empty() && !is_header_name(name) {
        field.reject("must be a header name: letters, digits and !#$%&'*+-.^_`|~");
    }
    Some(name.to_owned())
}

fn decode_cookie(block: &Block<'_>) -> Option<Cookie> {
    let name = block
        .required("name")
        .and_then(|field| field.text(usize::MAX));
    let cookie = Cookie {
        name: name.unwrap_or_default().to_owned(),
        path: block.string("path").map(str::to_owned),
        ttl: block.duration("ttl"),
        attributes: attributes(block),
    };
    name.map(|_| cookie)
}

/// Today's three fields, then what the older map adds, by name: an API server keeps no order of
/// names. A false boolean is no attribute.
fn attributes(block: &Block<'_>) -> Vec<(String, String)> {
    let same_site = block
        .optional("sameSite")
        .and_then(|field| field.word(&["Strict", "Lax", "None"]));
    let flag = |name| block.boolean(name).map(|on| on.then(|| "true".to_owned()));
    let today = [
        ("Secure", "secure", flag("secure")),
        ("HttpOnly", "httpOnly", flag("httpOnly")),
        ("SameSite", "sameSite", same_site.map(Some)),
    ];
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (attribute, _, value) in &today {
        if let Some(Some(value)) = value {
            attributes.push(((*attribute).to_owned(), value.clone()));
        }
    }
    let Some(older) = block.older("attributes") else {
        return attributes;
    };
    older.advise(
        codes::OLDER_SPELLING,
        "`attributes` is an older spelling of `secure`, `httpOnly` and `sameSite`".to_owned(),
        "write `secure`, `httpOnly` and `sameSite` for these three".to_owned(),
    );
    let mut added: Vec<(String, String)> = Vec::new();
    for (key, field) in older.entries() {
        let Some(value) = field.string() else {
            continue;
        };
        let same = today
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(key));
        match same {
            Some((_, name, Some(other))) => {
                if other
                    .as_deref()
                    .is_none_or(|other| !other.eq_ignore_ascii_case(value))
                {
                    field.conflicts_with(&block.field.path().field(name));
                }
            }
            _ => added.push((key.to_owned(), value.to_owned())),
        }
    }
    added.sort();
    attributes.extend(added);
    attributes
}
