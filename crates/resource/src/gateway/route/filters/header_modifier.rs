// SPDX-License-Identifier: Apache-2.0
//! Decoding of header modifiers.
//!
//! In: the block of a modifier. Out: what to set, add and remove.

use super::super::{HeaderModifier, HeaderValue};
use crate::{
    admission::{Block, Field},
    value::is_header_name,
};

impl HeaderModifier {
    pub(crate) fn decode(block: &Block<'_>) -> Self {
        let remove = block.list("remove", 0..=16);
        Self {
            set: values(&block.list("set", 0..=16)),
            add: values(&block.list("add", 0..=16)),
            remove: remove
                .iter()
                .filter_map(|item| {
                    let name = item.string()?;
                    check_name(name, item);
                    Some(name.to_owned())
                })
                .collect(),
        }
    }
}

/// The first of a name counts (API rule).
fn values(items: &[Field<'_>]) -> Vec<HeaderValue> {
    let mut values: Vec<HeaderValue> = Vec::new();
    for item in items {
        let Some(value) = item.object(header_value).flatten() else {
            continue;
        };
        let same = |other: &HeaderValue| other.name.eq_ignore_ascii_case(&value.name);
        if !values.iter().any(same) {
            values.push(value);
        }
    }
    values
}

fn header_value(block: &Block<'_>) -> Option<HeaderValue> {
    let name = block.required("name").and_then(|field| {
        let name = field.text(256)?;
        check_name(name, &field);
        Some(name.to_owned())
    });
    let value = block.required("value").and_then(|field| {
        let value = field.text(4096)?;
        if value.contains(['\r', '\n', '\0']) {
            field.reject("must not contain line breaks or NUL");
        }
        Some(value.to_owned())
    });
    Some(HeaderValue {
        name: name?,
        value: value?,
    })
}

/// Envoy refuses every route of the port for a modifier of `host`.
fn check_name(name: &str, field: &Field<'_>) {
    if !name.is_empty() && !is_header_name(name) {
        field.reject("must be a token of letters, digits and !#$%&'*+-.^_`|~");
    }
    if name.eq_ignore_ascii_case("host") {
        field.reject_with(
            "a header modifier cannot change `host`",
            "use a URLRewrite filter with `hostname`",
        );
    }
}
