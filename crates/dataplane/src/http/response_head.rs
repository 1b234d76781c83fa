// SPDX-License-Identifier: Apache-2.0
//! The response head as it goes to the client.
//!
//! In: the parsed response, the route's changes and the settings of both sides. Out: bytes. Order:
//! the upstream's fields, `x-envoy-upstream-service-time`, the route's additions, `date`, `server`,
//! then what framing needs.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    ATTEMPT_COUNT, Clock, DECORATOR, NameCase,
    field::{Field, Known},
    head::ResponseHead,
    push_decimal, reason,
    writer::{Writer, set, upgrade_alone},
};
use crate::{
    filter::Edits,
    plan::{ConnectionManager, ServerHeader},
    route::Mutations,
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
    /// From the request sent to this head; none for an answer that came before that.
    pub(crate) service_time: Option<Duration>,
    /// The client's connection will be closed.
    pub(crate) close: bool,
    /// The body is sent as chunks.
    pub(crate) chunked: bool,
    /// There is no body, and nothing that says so yet.
    pub(crate) empty: bool,
    /// It opens the tunnel that CONNECT asked for, which has no length.
    pub(crate) tunnel: bool,
    /// The upgrade that happens: its fields are kept, or added when the upstream is of HTTP/2.
    pub(crate) upgrade: Option<&'a [u8]>,
    /// `x-envoy-attempt-count`, if it is to be told.
    pub(crate) attempts: Option<u32>,
    /// Fields that filters change or take out.
    pub(crate) edits: &'a Edits,
    /// What filters add.
    pub(crate) added: &'a [(&'static [u8], Vec<u8>)],
    /// The name of the route, for a client that traces.
    pub(crate) operation: Option<&'a str>,
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
        let mut start = *b"HTTP/1.1 000 ";
        for (at, unit) in [(9, 100), (10, 10), (11, 1)] {
            start[at] += (self.head.status / unit % 10) as u8;
        }
        out.extend_from_slice(&start);
        out.extend_from_slice(reason(self.head.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        let changes = !self.mutations.is_empty();
        let writer = Writer {
            bytes: self.bytes,
            message: &self.head.message,
            case: self.case,
        };
        let passes = |known, name| writer.has(known) && !(changes && self.mutations.removes(name));
        let drops = |field: &Field| {
            let name = field.name.of(self.bytes);
            // A length is the only end that its body has.
            let removable = changes && field.known != Known::ContentLength;
            removable && self.mutations.removes(name)
                || self.attempts.is_some() && name.eq_ignore_ascii_case(ATTEMPT_COUNT)
        };
        let plain = !changes && self.attempts.is_none() && self.edits.is_empty();
        let mut seen = Seen::default();
        writer.fields(plain, self.special(), out, |field, out| {
            if let Some((at, edit)) = self.edit(field) {
                if let Some(value) = edit
                    && !seen.edited.contains(&at)
                {
                    writer.line(field, value, out);
                }
                seen.edited.push(at);
            } else if !drops(field) {
                self.field(&writer, field, &mut seen, out);
            }
        });
        if let Some(kind) = self.upgrade
            && !writer.has(Known::Upgrade)
        {
            writer.new_line(b"upgrade", kind, out);
            writer.new_line(b"connection", b"upgrade", out);
        }
        if let Some(time) = self.announced_time()
            && !seen.service_time
        {
            self.case.push_new(b"x-envoy-upstream-service-time", out);
            push_time(time, out);
        }
        for cookie in self.set_cookies {
            writer.new_line(b"set-cookie", cookie.as_bytes(), out);
        }
        if changes {
            writer.additions(self.mutations, out);
        }
        if let Some(attempts) = self.attempts {
            writer.number(ATTEMPT_COUNT, u64::from(attempts), out);
        }
        for (name, value) in self.added {
            writer.new_line(name, value, out);
        }
        if !passes(Known::Date, b"date") {
            self.case.push_new(b"date", out);
            out.extend_from_slice(b": ");
            self.clock.push(self.now, out);
            out.extend_from_slice(b"\r\n");
        }
        if !passes(Known::Server, b"server")
            && self.manager.server_header != ServerHeader::PassThrough
        {
            writer.new_line(b"server", &self.manager.server_name, out);
        }
        if let Some(operation) = self.operation {
            writer.new_line(DECORATOR, operation.as_bytes(), out);
        }
        if self.close {
            writer.new_line(b"connection", b"close", out);
        }
        if self.empty {
            writer.new_line(b"content-length", b"0", out);
        }
        if self.chunked {
            writer.new_line(b"transfer-encoding", b"chunked", out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn special(&self) -> u32 {
        let mut special = SPECIAL;
        if self.head.status == 204 || self.tunnel {
            special |= Known::ContentLength.bit();
        }
        if self.manager.server_header == ServerHeader::Overwrite {
            special |= Known::Server.bit();
        }
        special
    }

    fn field(&self, writer: &Writer<'_>, field: &Field, seen: &mut Seen, out: &mut Vec<u8>) {
        let value = field.value.of(self.bytes);
        match field.known {
            Known::KeepAlive | Known::ProxyConnection | Known::TransferEncoding => {}
            Known::Connection | Known::Upgrade if self.upgrade.is_none() => {}
            Known::Connection => writer.line(field, upgrade_alone(value), out),
            // RFC 9110 8.6: a 204 carries no length.
            Known::ContentLength if self.head.status == 204 || self.tunnel => {}
            Known::UpstreamServiceTime => match self.announced_time() {
                None => writer.line(field, value, out),
                Some(time) if !seen.service_time => {
                    seen.service_time = true;
                    writer.name(field, out);
                    push_time(time, out);
                }
                Some(_) => {}
            },
            Known::Server if self.manager.server_header == ServerHeader::Overwrite => {
                if !seen.server {
                    seen.server = true;
                    writer.line(field, &self.manager.server_name, out);
                }
            }
            _ => writer.line(field, value, out),
        }
    }

    /// What becomes of a field that a filter changes.
    fn edit(&self, field: &Field) -> Option<(usize, Option<&[u8]>)> {
        let name = field.name.of(self.bytes);
        let mut edits = self.edits.iter();
        let at = edits.position(|(edit, _)| edit.eq_ignore_ascii_case(name))?;
        Some((at, self.edits[at].1.as_deref()))
    }

    fn announced_time(&self) -> Option<Duration> {
        self.service_time
            .filter(|_| !self.manager.suppress_envoy_headers)
    }
}

fn push_time(time: Duration, out: &mut Vec<u8>) {
    out.extend_from_slice(b": ");
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    push_decimal(milliseconds, out);
    out.extend_from_slice(b"\r\n");
}

#[derive(Default)]
struct Seen {
    service_time: bool,
    server: bool,
    /// Edits whose first line was met.
    edited: Vec<usize>,
}

/// Fields that are not always passed on as they are.
const SPECIAL: u32 = set(&[
    Known::Connection,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::TransferEncoding,
    Known::Upgrade,
    Known::UpstreamServiceTime,
]);
