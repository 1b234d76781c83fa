// SPDX-License-Identifier: Apache-2.0
//! Answers made here.
//!
//! In: status, body and circumstances. Out: bytes in the order that Envoy writes them.

use tokio::time::Instant;

use super::{ATTEMPT_COUNT, Clock, DECORATOR, push_decimal, reason};
use crate::{plan::ConnectionManager, route::Mutations};

/// An answer.
pub(crate) struct LocalReply<'a> {
    /// The status.
    pub(crate) status: u16,
    /// The body; text.
    pub(crate) body: &'a [u8],
    /// It is encoded, and in chunks where the client speaks HTTP/1.
    pub(crate) encoded: bool,
    /// `x-envoy-overloaded: true` is sent.
    pub(crate) overloaded: bool,
    /// Where a redirect leads.
    pub(crate) location: Option<&'a [u8]>,
    /// `x-envoy-attempt-count`, if it is to be told.
    pub(crate) attempts: Option<u32>,
    /// The connection will be closed.
    pub(crate) close: bool,
    /// The request was a HEAD: the same head, no body.
    pub(crate) head_only: bool,
    /// The request was gRPC: status 200, the outcome in `grpc-status`.
    pub(crate) grpc: bool,
    /// What gRPC is told, where that does not follow from the status.
    pub(crate) grpc_status: Option<u32>,
    /// The client speaks HTTP/2: a missing body is not announced.
    pub(crate) http2: bool,
    /// Additions of the route, if one was found.
    pub(crate) mutations: Option<&'a Mutations>,
    /// What filters add.
    pub(crate) added: &'a [(&'static [u8], Vec<u8>)],
    /// The name of the route, for a client that traces.
    pub(crate) operation: Option<&'a str>,
    /// Settings of the client's connection.
    pub(crate) manager: &'a ConnectionManager,
    /// For the date.
    pub(crate) clock: &'a Clock,
    /// For the date.
    pub(crate) now: Instant,
}

impl LocalReply<'_> {
    /// Writes the answer.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        let status = if self.grpc { 200 } else { self.status };
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(u64::from(status), out);
        out.push(b' ');
        out.extend_from_slice(reason(status).as_bytes());
        out.extend_from_slice(b"\r\n");
        if self.overloaded {
            self.line(b"x-envoy-overloaded", b"true", out);
        }
        if let Some(location) = self.location {
            self.line(b"location", location, out);
        }
        self.additions(out);
        let has_body = !self.body.is_empty() && !self.grpc;
        if self.grpc {
            self.grpc_lines(out);
        } else if has_body {
            if !self.encoded {
                self.length(self.body.len(), out);
            }
            let mut added = self.mutations.iter().flat_map(|mutations| &mutations.add);
            if !added.any(|added| added.name.eq_ignore_ascii_case(b"content-type")) {
                self.line(b"content-type", b"text/plain", out);
            }
        }
        for (name, value) in self.added {
            self.line(name, value, out);
        }
        self.manager.response_case.push_new(b"date", out);
        out.extend_from_slice(b": ");
        self.clock.push(self.now, out);
        out.extend_from_slice(b"\r\n");
        self.line(b"server", &self.manager.server_name, out);
        if let Some(operation) = self.operation {
            self.line(DECORATOR, operation.as_bytes(), out);
        }
        if self.close {
            self.line(b"connection", b"close", out);
        }
        if self.encoded && !self.http2 {
            self.line(b"transfer-encoding", b"chunked", out);
        }
        if !has_body && !self.http2 {
            self.length(0, out);
        }
        out.extend_from_slice(b"\r\n");
        if has_body && !self.head_only {
            out.extend_from_slice(self.body);
        }
    }

    fn additions(&self, out: &mut Vec<u8>) {
        for added in self.mutations.iter().flat_map(|mutations| &mutations.add) {
            self.line(&added.name, &added.value, out);
        }
        if let Some(attempts) = self.attempts {
            let mut text = Vec::new();
            push_decimal(u64::from(attempts), &mut text);
            self.line(ATTEMPT_COUNT, &text, out);
        }
    }

    fn grpc_lines(&self, out: &mut Vec<u8>) {
        self.line(b"content-type", b"application/grpc", out);
        let mut status = Vec::new();
        let code = self.grpc_status.unwrap_or(grpc_status(self.status));
        push_decimal(u64::from(code), &mut status);
        self.line(b"grpc-status", &status, out);
        if !self.body.is_empty() {
            self.line(b"grpc-message", &percent_encoded(self.body), out);
        }
    }

    fn length(&self, length: usize, out: &mut Vec<u8>) {
        self.manager.response_case.push_new(b"content-length", out);
        out.extend_from_slice(b": ");
        push_decimal(length as u64, out);
        out.extend_from_slice(b"\r\n");
    }

    fn line(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        self.manager.response_case.push_new(name, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// A text as gRPC writes it into a field.
fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' '..=b'~' if *byte != b'%' => out.push(*byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

/// The gRPC status that stands for an HTTP status.
pub(crate) fn grpc_status(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}
