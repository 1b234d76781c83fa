// SPDX-License-Identifier: Apache-2.0
//! `bandwidthLimit`.
//!
//! In: the block. Out: bytes per second, by direction.

use super::reader;
use crate::{
    admission::{Block, Field},
    value::is_header_name,
};

/// Limits of the bytes that bodies may take; at least one direction is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BandwidthLimit {
    /// `request.limit`.
    pub request: Option<Bandwidth>,
    /// `response.limit`.
    pub response: Option<Bandwidth>,
    /// `response.responseTrailers.prefix`: names of trailers that tell the delay begin so. Absent:
    /// no such trailers; `Some(None)` where the block is there without a prefix.
    pub response_trailers: Option<Option<String>>,
}

/// A bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// `value` by `unit` in KiB per second, at least 1, rounded down.
    pub kib_per_second: u64,
}

const UNITS: [(&str, u64); 3] = [("Second", 1), ("Minute", 60), ("Hour", 3_600)];

impl BandwidthLimit {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let request = block.object("request", limit);
        let response = block.object("response", |block| {
            let trailers = block.object("responseTrailers", |block| {
                let prefix = block.optional("prefix");
                prefix.and_then(|field| trailer_prefix(&field))
            });
            (limit(block), trailers)
        });
        if request.is_none() && response.is_none() {
            block
                .field
                .reject("at least one of the fields in [request response] must be set");
        }
        let (response, response_trailers) = response.unwrap_or_default();
        Self {
            request: request.flatten(),
            response,
            response_trailers,
        }
    }
}

fn trailer_prefix(field: &Field<'_>) -> Option<String> {
    let prefix = reader::name(field, 256)?;
    if !is_header_name(&prefix) {
        field.reject("must begin a header name: letters, digits and !#$%&'*+-.^_`|~");
    }
    Some(prefix)
}

fn limit(block: &Block<'_>) -> Option<Bandwidth> {
    let field = block.required("limit")?;
    field.object(|block| bandwidth(block, &field)).flatten()
}

fn bandwidth(block: &Block<'_>, field: &Field<'_>) -> Option<Bandwidth> {
    let value = block.required("value");
    let value = value.and_then(|field| reader::whole_bytes(&field));
    let unit = block.required("unit").and_then(|it| it.choice(&UNITS));
    let kib_per_second = value? / unit? / 1024;
    if kib_per_second == 0 {
        field.reject("must be at least 1 KiB per second");
        return None;
    }
    Some(Bandwidth { kib_per_second })
}
