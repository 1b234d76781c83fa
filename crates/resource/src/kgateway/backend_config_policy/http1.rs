// SPDX-License-Identifier: Apache-2.0
//! `http1ProtocolOptions`.
//!
//! In: the block, in either spelling of the header format. Out: the options.

use crate::{
    admission::{Block, Field},
    codes,
    value::Written,
};

/// Options of HTTP/1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Http1ProtocolOptions {
    /// `enableTrailers`.
    pub enable_trailers: Option<bool>,
    /// `preserveHttp1HeaderCase`, or the older `headerFormat`. `preserveHttp1HeaderCase: false` is `None`.
    pub header_format: Option<HeaderFormat>,
    /// `overrideStreamErrorOnInvalidHttpMessage`.
    pub override_stream_error_on_invalid_http_message: Option<bool>,
}

/// How header names are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFormat {
    /// As the sender wrote them.
    PreserveCase,
    /// First letter, and every letter after a special character, in upper case.
    ProperCase,
}

impl Http1ProtocolOptions {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        Self {
            enable_trailers: block.boolean("enableTrailers"),
            header_format: header_format(block),
            override_stream_error_on_invalid_http_message: block
                .boolean("overrideStreamErrorOnInvalidHttpMessage"),
        }
    }
}

/// The older `headerFormat` and today's `preserveHttp1HeaderCase` are one setting.
fn header_format(block: &Block<'_>) -> Option<HeaderFormat> {
    let today = block.optional("preserveHttp1HeaderCase");
    let today = today.and_then(|field| {
        field.written_as(|field| Some(field.boolean()?.then_some(HeaderFormat::PreserveCase)))
    });
    let Some(field) = block.older("headerFormat") else {
        return today.and_then(|today| today.value);
    };
    let older = older_header_format(&field)?;
    if let Some(Written { value, path }) = &today
        && *value != Some(older)
    {
        field.conflicts_with(path);
    }
    Some(older)
}

fn older_header_format(field: &Field<'_>) -> Option<HeaderFormat> {
    // Seed spelling and the old enum differ in the case of the first letter.
    let format = field.choice(&[
        ("PreserveCaseHeaderKeyFormat", HeaderFormat::PreserveCase),
        ("ProperCaseHeaderKeyFormat", HeaderFormat::ProperCase),
        ("preserveCaseHeaderKeyFormat", HeaderFormat::PreserveCase),
        ("properCaseHeaderKeyFormat", HeaderFormat::ProperCase),
    ])?;
    match format {
        HeaderFormat::PreserveCase => field.advise(
            codes::OLDER_SPELLING,
            "`headerFormat` is an older spelling of `preserveHttp1HeaderCase`".to_owned(),
            "write `preserveHttp1HeaderCase: true`".to_owned(),
        ),
        HeaderFormat::ProperCase => field.advise(
            codes::OLDER_SPELLING,
            "`headerFormat` was removed upstream; this value has no newer form".to_owned(),
            "keep it, or write `preserveHttp1HeaderCase: true` to keep names as sent".to_owned(),
        ),
    }
    Some(format)
}
