// SPDX-License-Identifier: Apache-2.0
//! `healthCheck.active.http`.
//!
//! In: the block. Out: the request, and which answers are good.

use super::{super::reader, payload::payload};
use crate::{
    admission::{Block, Field},
    codes,
    value::is_precise_hostname,
};

/// An HTTP probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpHealthCheck {
    /// `path`, 1..1024 characters.
    pub path: String,
    /// `hostname`. Absent: that of the endpoint, then of the route, then `<service>.<namespace>`
    /// (ours: upstream may send `*`).
    pub hostname: Option<String>,
    /// `method` in upper case. Absent: GET (Envoy default).
    pub method: Option<String>,
    /// `expectedStatuses`, 100..599; empty: 200 (Envoy Gateway default).
    pub expected_statuses: Vec<u16>,
    /// `retriableStatuses`, 100..599: failures that count towards the unhealthy threshold.
    pub retriable_statuses: Vec<u16>,
    /// `expectedResponse` as bytes: what the body must contain.
    pub expected_response: Option<Vec<u8>>,
    /// `requestBody` as bytes, with POST and PUT.
    pub request_body: Option<Vec<u8>>,
}

/// The methods that Envoy probes with, all but CONNECT.
const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
];

impl HttpHealthCheck {
    pub(super) fn decode(block: &Block<'_>) -> Option<Self> {
        let path = block.required("path");
        let path = path.and_then(|field| reader::name(&field, 1024));
        let hostname = block
            .optional("hostname")
            .and_then(|field| hostname(&field));
        let method = block.optional("method").and_then(|field| method(&field));
        let expected_statuses = reader::statuses(block, "expectedStatuses");
        let retriable_statuses = reader::statuses(block, "retriableStatuses");
        let response = block.optional("expectedResponse");
        let expected_response = response.as_ref().and_then(payload);
        let body = block.optional("requestBody");
        let request_body = body.as_ref().and_then(payload);
        if let Some(field) = &response {
            warn_without_body(block, field, &expected_statuses, method.as_deref());
        }
        let carries = matches!(method.as_deref(), Some("POST" | "PUT"));
        if let Some(field) = body
            && !carries
        {
            field.reject_with(
                "requestBody may only be set when method is POST or PUT",
                "write `method: POST`, or remove `requestBody`",
            );
        }
        Some(Self {
            path: path?,
            hostname,
            method,
            expected_statuses,
            retriable_statuses,
            expected_response,
            request_body,
        })
    }
}

fn hostname(field: &Field<'_>) -> Option<String> {
    let hostname = field.text(253)?;
    if !hostname.is_empty() && !is_precise_hostname(hostname) {
        field.reject("must be a lower case DNS name without wildcard");
    }
    Some(hostname.to_owned())
}

/// Upstream makes GET of a word that it does not know, and Envoy refuses CONNECT.
fn method(field: &Field<'_>) -> Option<String> {
    let upper = field.string()?.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        return Some(upper);
    }
    field.word(&METHODS)
}

/// Answers that have no body can never have the expected one.
fn warn_without_body(
    block: &Block<'_>,
    response: &Field<'_>,
    expected: &[u16],
    method: Option<&str>,
) {
    for status in expected.iter().filter(|status| matches!(status, 204 | 304)) {
        if let Some(field) = block.optional("expectedStatuses") {
            let message = format!(
                "an answer {status} has no body, so it always fails while `{}` is set",
                response.path()
            );
            field.warn(codes::DOUBTFUL_VALUE, message);
        }
    }
    if method == Some("HEAD") {
        response.warn(
            codes::DOUBTFUL_VALUE,
            "an answer to HEAD has no body, so this check always fails",
        );
    }
}
