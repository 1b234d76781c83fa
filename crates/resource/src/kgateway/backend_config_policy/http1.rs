// SPDX-License-Identifier: Apache-2.0
//! `http1ProtocolOptions`.

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
