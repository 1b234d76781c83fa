// SPDX-License-Identifier: Apache-2.0
//! An answer of the admin API.
//!
//! In: status, type and text. Out: an HTTP response with the headers that every answer of Envoy's
//! admin carries, sent in chunks.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame},
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, SERVER,
    },
};

/// Status, content type and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Value of `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// Value of `content-security-policy`, where there is one.
    pub security_policy: Option<String>,
}

impl Answer {
    /// HTML with status 200.
    pub fn html(body: String) -> Self {
        Self::new(StatusCode::OK, "text/html; charset=UTF-8", body)
    }

    /// JSON with status 200.
    pub fn json(body: String) -> Self {
        Self::new(StatusCode::OK, "application/json", body)
    }

    /// Text with status 200.
    pub fn text(body: impl Into<String>) -> Self {
        Self::failure(StatusCode::OK, body)
    }

    /// Text with another status.
    pub fn failure(status: StatusCode, body: impl Into<String>) -> Self {
        Self::new(status, "text/plain; charset=UTF-8", body.into())
    }

    /// The error of a name that nothing has.
    pub fn not_found(body: impl Into<String>) -> Self {
        Self::failure(StatusCode::NOT_FOUND, body)
    }

    /// The error of a page that could not be made.
    pub fn internal_error(body: impl Into<String>) -> Self {
        Self::failure(StatusCode::INTERNAL_SERVER_ERROR, body)
    }

    /// The error of a bad query.
    pub fn bad_request(body: impl Into<String>) -> Self {
        Self::failure(StatusCode::BAD_REQUEST, body)
    }

    /// Anything else.
    pub fn new(status: StatusCode, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            content_type,
            body,
            security_policy: None,
        }
    }

    pub(crate) fn into_response(self) -> Response<Chunks> {
        let mut response = Response::new(Chunks(self.body.into()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache, max-age=0"),
        );
        headers.insert(
            HeaderName::from_static("x-content-type-options"),
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(SERVER, HeaderValue::from_static("envoy"));
        let policy = self.security_policy.map(HeaderValue::try_from);
        if let Some(Ok(policy)) = policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// A body of unstated length, sent in pieces.
pub(crate) struct Chunks(Bytes);

impl Body for Chunks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let size = self.0.len().min(CHUNK);
        let piece = self.0.split_to(size);
        Poll::Ready((size > 0).then(|| Ok(Frame::data(piece))))
    }
}

/// Bytes in a chunk. Ours: large enough that a dump of many megabytes costs few writes.
const CHUNK: usize = 64 * 1024;
