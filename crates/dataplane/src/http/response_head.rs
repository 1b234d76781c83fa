// SPDX-License-Identifier: Apache-2.0
//! The response head as it goes to the client.
//!
//! In: the parsed response, the route's changes and the settings of both sides. Out: bytes. Order:
//! the upstream's fields, `x-envoy-upstream-service-time`, the route's additions, `date`, `server`,
//! then what framing needs.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Clock, NameCase,
    field::{Field, Known},
    head::ResponseHead,
    push_decimal, reason,
};
use crate::{
    plan::{ConnectionManager, ServerHeader},
    route::{Condition, Mutations},
};

/// Everything that shapes the head.
pub(crate) struct DownstreamResponse<'a> {
    /// The bytes that the spans of `head` refer to.
    pub(crate) bytes: &'a [u8],
    /// The parsed head.
    pub(crate) head: &'a ResponseHead,
    /// Settings of the client's connection.
    pub(crate) manager: &'a ConnectionManager,
    /// Changes of candidate, route and virtual host.
    pub(crate) mutations: &'a Mutations,
    /// Spelling of names.
    pub(crate) case: NameCase,
    /// From the request sent to this head.
    pub(crate) service_time: Duration,
    /// The client's connection will be closed.
    pub(crate) close: bool,
    /// The body is sent as chunks.
    pub(crate) chunked: bool,
    /// There is no body, and nothing that says so yet.
    pub(crate) empty: bool,
    /// The upgrade that happens: its fields are kept, or added when the upstream is of HTTP/2.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// Values of `set-cookie` fields to add.
    pub(crate) set_cookies: &'a [String],
    /// For the date.
    pub(crate) clock: &'a Clock,
    /// For the date.
    pub(crate) now: Instant,
}

impl DownstreamResponse<'_> {
    /// Writes the head.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        push_decimal(u64::from(self.head.status), out);
        out.push(b' ');
        out.extend_from_slice(reason(self.head.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        let mut seen = Seen::default();
        let changes = !self.mutations.is_empty();
        for field in &self.head.message.fields {
            if changes && self.mutations.removes(field.name.of(self.bytes)) {
                continue;
            }
            self.field(field, &mut seen, out);
        }
        if !seen.service_time && !self.manager.suppress_envoy_headers {
            self.case.push_new(b"x-envoy-upstream-service-time", out);
            self.service_time(out);
        }
        for cookie in self.set_cookies {
            self.new_line(b"set-cookie", cookie.as_bytes(), out);
        }
        if changes {
            self.route_additions(out);
        }
        if !seen.date {
            self.case.push_new(b"date", out);
            out.extend_from_slice(b": ");
            self.clock.push(self.now, out);
            out.extend_from_slice(b"\r\n");
        }
        if !seen.server && self.manager.server_header != ServerHeader::PassThrough {
            self.new_line(b"server", &self.manager.server_name, out);
        }
        if self.close {
            self.new_line(b"connection", b"close", out);
        }
        if let Some(kind) = self.upgrade
            && self.head.message.known & Known::Upgrade.bit() == 0
        {
            self.new_line(b"upgrade", kind, out);
            self.new_line(b"connection", b"upgrade", out);
        }
        if self.empty {
            self.new_line(b"content-length", b"0", out);
        }
        if self.chunked {
            self.new_line(b"transfer-encoding", b"chunked", out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn field(&self, field: &Field, seen: &mut Seen, out: &mut Vec<u8>) {
        let value = field.value.of(self.bytes);
        match field.known {
            Known::KeepAlive | Known::ProxyConnection | Known::TransferEncoding => {}
            Known::Connection | Known::Upgrade if self.upgrade.is_none() => {}
            Known::Connection => self.line(field, b"Upgrade", out),
            // RFC 9110 8.6: a 204 carries no length.
            Known::ContentLength if self.head.status == 204 => {}
            Known::UpstreamServiceTime if !self.manager.suppress_envoy_headers => {
                if !seen.service_time {
                    seen.service_time = true;
                    self.case.push(field, &self.head.message, self.bytes, out);
                    self.service_time(out);
                }
            }
            Known::Date => {
                seen.date = true;
                self.line(field, value, out);
            }
            Known::Server if self.manager.server_header == ServerHeader::Overwrite => {
                if !seen.server {
                    seen.server = true;
                    self.line(field, &self.manager.server_name, out);
                }
            }
            Known::Server => {
                seen.server = true;
                self.line(field, value, out);
            }
            _ => self.line(field, value, out),
        }
    }

    fn service_time(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b": ");
        let milliseconds = u64::try_from(self.service_time.as_millis()).unwrap_or(u64::MAX);
        push_decimal(milliseconds, out);
        out.extend_from_slice(b"\r\n");
    }

    fn line(&self, field: &Field, value: &[u8], out: &mut Vec<u8>) {
        self.case.push(field, &self.head.message, self.bytes, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    fn new_line(&self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        self.case.push_new(name, out);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }

    fn route_additions(&self, out: &mut Vec<u8>) {
        for added in &self.mutations.add {
            let present = || {
                let mut fields = self.head.message.fields.iter();
                fields.any(|field| field.name.of(self.bytes).eq_ignore_ascii_case(&added.name))
            };
            let wanted = match added.condition {
                Condition::Always => true,
                Condition::Absent => !present(),
                Condition::Present => present(),
            };
            if wanted {
                self.new_line(&added.name, &added.value, out);
            }
        }
    }
}

#[derive(Default)]
struct Seen {
    service_time: bool,
    date: bool,
    server: bool,
}
