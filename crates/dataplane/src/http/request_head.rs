// SPDX-License-Identifier: Apache-2.0
//! The request head as it goes upstream.
//!
//! In: the parsed request, the route's changes and the settings of both sides. Out: bytes. Order:
//! `host`, the client's fields, Envoy's additions, the route's additions, `transfer-encoding`.

mod additions;

use std::{net::IpAddr, time::Duration};

pub(crate) use additions::request_id;

use super::{
    ATTEMPT_COUNT, DECORATOR, NameCase, TRACEPARENT, TRACESTATE,
    field::{Field, Known},
    head::RequestHead,
    message::{Message, tokens},
    writer::{Writer, set, upgrade_alone},
};
use crate::{
    plan::ConnectionManager,
    route::{Mutations, PathRewrite, push_path, without_port},
};

/// Everything that shapes the head.
pub(crate) struct UpstreamRequest<'a> {
    /// The bytes that the spans of `head` refer to.
    pub(crate) bytes: &'a [u8],
    /// The parsed head.
    pub(crate) head: &'a RequestHead,
    /// Settings of the client's connection.
    pub(crate) manager: &'a ConnectionManager,
    /// Text of the client's address.
    pub(crate) client: &'a str,
    /// The same as `x-forwarded-for` has it: the node's own for a client on the loopback.
    pub(crate) peer: &'a str,
    /// The scheme of the client's connection.
    pub(crate) scheme: &'static [u8],
    /// Changes of candidate, route and virtual host.
    pub(crate) mutations: &'a Mutations,
    /// Spelling of names.
    pub(crate) case: NameCase,
    /// The new host.
    pub(crate) host: Option<&'a [u8]>,
    /// `x-forwarded-host` is sent.
    pub(crate) forwarded_host: bool,
    /// The new path.
    pub(crate) path: &'a PathRewrite,
    /// Fields with underscores in their names are left out.
    pub(crate) drop_underscores: bool,
    /// Remaining route timeout to announce.
    pub(crate) expected_timeout: Option<Duration>,
    /// Number of the attempt, if it is told.
    pub(crate) attempt: Option<u32>,
    /// Upgrade headers are kept.
    pub(crate) upgrade: bool,
    /// The upstream speaks HTTP/2, which has its own framing.
    pub(crate) http2: bool,
    /// `grpc-timeout` for the upstream.
    pub(crate) grpc_timeout: Option<String>,
    /// The length of a body that came without one, and is known by now.
    pub(crate) length: Option<u64>,
    /// What tracing makes of its fields.
    pub(crate) trace: Option<TraceFields<'a>>,
    /// `accept-encoding` stays here: responses are compressed here.
    pub(crate) hides_accept: bool,
    /// The copy for a mirror: its host says so, and it comes from this address of the node.
    pub(crate) shadow: Option<&'a str>,
}

/// Fields that carry a trace along.
#[derive(Debug, Clone, Default)]
pub(crate) struct TraceFields<'a> {
    /// `x-request-id`, if it is sent.
    pub(crate) request_id: Option<&'a [u8]>,
    /// `traceparent` and `tracestate`; without them, the client's go on as they are.
    pub(crate) context: Option<(String, &'a [u8])>,
    /// Whether `x-envoy-decorator-operation` was meant for us, and ends here.
    pub(crate) decorator: bool,
}

impl UpstreamRequest<'_> {
    /// Writes the head.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.method.of(self.bytes));
        out.push(b' ');
        let target = self.head.path_of(self.bytes);
        if self.head.connect {
            out.extend_from_slice(self.authority());
        } else if matches!(self.path, PathRewrite::None) {
            out.extend_from_slice(target);
        } else {
            push_path(target, self.path, out);
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.host(out);
        let plain = self.is_plain();
        let writer = self.writer();
        let mut special = SPECIAL;
        if self.head.connect {
            special |= Known::ContentLength.bit();
        }
        writer.fields(plain, special, out, |field, out| {
            if plain {
                self.field(&writer, field, out);
            } else if let Some(value) = self.told(field) {
                if self.is_first_line(field) {
                    writer.line(field, value.as_bytes(), out);
                }
            } else if !self.drops(field) {
                self.field(&writer, field, out);
            }
        });
        self.envoy_additions(&writer, out);
        self.route_additions(&writer, target, out);
        self.trace_additions(&writer, out);
        self.shadow_additions(&writer, out);
        if !self.http2 {
            self.framing(&writer, out);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn writer(&self) -> Writer<'_> {
        Writer {
            bytes: self.bytes,
            message: &self.head.message,
            case: self.case,
        }
    }

    /// Whether no rule can take an ordinary field out.
    fn is_plain(&self) -> bool {
        self.mutations.remove.is_empty()
            && self.attempt.is_none()
            && self.grpc_timeout.is_none()
            && !self.hides_accept
            && self.trace.is_none()
            && !self.head.message.names_hops
            && !(self.head.message.underscores && self.drop_underscores)
    }

    fn drops(&self, field: &Field) -> bool {
        // Without it, the body would be read as the next request.
        if field.known == Known::ContentLength {
            return false;
        }
        let name = field.name.of(self.bytes);
        let message = &self.head.message;
        self.mutations.removes(name)
            || (self.hides_accept && name.eq_ignore_ascii_case(b"accept-encoding"))
            || self
                .trace
                .as_ref()
                .is_some_and(|trace| trace.replaces(name))
            || (self.drop_underscores && name.contains(&b'_'))
            || (message.names_hops
                && !matches!(field.known, Known::Connection | Known::Upgrade | Known::Te)
                && message.hops_name(self.bytes, name))
    }

    fn authority(&self) -> &[u8] {
        self.host.unwrap_or(self.head.authority.of(self.bytes))
    }

    fn host(&self, out: &mut Vec<u8>) {
        let original = self.head.message.fields.iter();
        let original = original.clone().find(|field| field.known == Known::Host);
        match original {
            Some(field) if self.case == NameCase::Preserve => {
                self.case.push(field, &self.head.message, self.bytes, out)
            }
            _ => self.case.push_new(b"host", out),
        }
        out.extend_from_slice(b": ");
        let host = self.authority();
        if self.shadow.is_some() {
            let name = without_port(host);
            out.extend_from_slice(name);
            out.extend_from_slice(b"-shadow");
            out.extend_from_slice(&host[name.len()..]);
        } else {
            out.extend_from_slice(host);
        }
        out.extend_from_slice(b"\r\n");
    }

    fn field(&self, writer: &Writer<'_>, field: &Field, out: &mut Vec<u8>) {
        let value = field.value.of(self.bytes);
        let edge = self.manager.use_remote_address;
        match field.known {
            Known::Host
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::TransferEncoding
            | Known::ExpectedTimeout
            | Known::EnvoyInternal => {}
            Known::ClientCert if !self.manager.forward_client_cert => {}
            Known::EdgeOnly if edge => {}
            Known::Connection | Known::Upgrade if !self.upgrade => {}
            // A tunnel has none.
            Known::ContentLength if self.head.connect => {}
            Known::Connection => writer.line(field, upgrade_alone(value), out),
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => {}
            Known::Te => {
                if tokens(value).any(|token| token.eq_ignore_ascii_case(b"trailers")) {
                    writer.line(field, b"trailers", out);
                }
            }
            Known::ForwardedFor => {
                if self.is_first(field) {
                    self.forwarded_for(writer, field, out);
                }
            }
            Known::ForwardedProto if edge && self.manager.trusted_hops == 0 => {
                writer.line(field, self.scheme, out);
            }
            Known::ExternalAddress if edge => {
                if self.is_first(field) {
                    writer.line(field, self.external_address(), out);
                }
            }
            Known::RequestId if self.trace.is_some() => {
                if let Some(id) = self.request_id()
                    && self.is_first(field)
                {
                    writer.line(field, id, out);
                }
            }
            Known::RequestId if self.manager.replaces_request_id() => {
                writer.line(field, &request_id(), out);
            }
            _ => writer.line(field, value, out),
        }
    }

    /// All lines in one, and who comes last.
    fn forwarded_for(&self, writer: &Writer<'_>, first: &Field, out: &mut Vec<u8>) {
        writer.name(first, out);
        out.extend_from_slice(b": ");
        let values = self.head.message.values(self.bytes, Known::ForwardedFor);
        for (at, value) in values.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(value);
        }
        if self.manager.use_remote_address && !self.manager.skip_xff_append {
            out.push(b',');
            out.extend_from_slice(self.peer.as_bytes());
        }
        if let Some(node) = self.shadow {
            out.push(b',');
            out.extend_from_slice(node.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// The one of a request that is looked at for tracing.
    fn request_id(&self) -> Option<&[u8]> {
        self.trace.as_ref().and_then(|trace| trace.request_id)
    }

    /// What is told upstream in the place of what the client said.
    fn told(&self, field: &Field) -> Option<String> {
        let name = field.name.of(self.bytes);
        if name.eq_ignore_ascii_case(ATTEMPT_COUNT) {
            return self.attempt.map(|attempt| attempt.to_string());
        }
        let timeout = self.grpc_timeout.as_ref();
        timeout
            .filter(|_| name.eq_ignore_ascii_case(b"grpc-timeout"))
            .cloned()
    }

    fn is_first_line(&self, field: &Field) -> bool {
        let name = field.name.of(self.bytes);
        let mut fields = self.head.message.fields.iter();
        let first = fields.find(|other| other.name.of(self.bytes).eq_ignore_ascii_case(name));
        first == Some(field)
    }

    fn is_first(&self, field: &Field) -> bool {
        let same = |other: &&Field| other.known == field.known;
        self.head.message.fields.iter().find(same) == Some(field)
    }
}

impl TraceFields<'_> {
    /// Whether a client's field of this name is replaced, or meant for us.
    fn replaces(&self, name: &[u8]) -> bool {
        let is = |other| name.eq_ignore_ascii_case(other);
        self.decorator && is(DECORATOR)
            || self.context.is_some() && (is(TRACEPARENT) || is(TRACESTATE))
    }
}

/// What is announced upstream of a timeout with this much left of it.
pub(crate) fn timeout_milliseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// The timeout to announce for an attempt; a millisecond at least, because none would mean none.
pub(crate) fn expected_timeout(
    per_try: Option<Duration>,
    left: Option<Duration>,
) -> Option<Duration> {
    let left = left.map(|left| left.max(Duration::from_millis(1)));
    [per_try, left].into_iter().flatten().min()
}

/// Replaces the value of a field in a head that was written, if it is there.
pub(crate) fn replace_value(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let mut start = 0;
    while let Some(length) = head[start..].iter().position(|byte| *byte == b'\n') {
        let line = &head[start..start + length];
        let colon = line.iter().position(|byte| *byte == b':');
        if let Some(colon) = colon
            && line[..colon].eq_ignore_ascii_case(name)
        {
            let from = start + colon + ": ".len();
            let to = start + length - "\r".len();
            head.splice(from..to, value.iter().copied());
            return;
        }
        start += length + 1;
    }
}

/// The address that stands this many places before the end of `x-forwarded-for`.
pub(crate) fn forwarded_for<'a>(
    message: &'a Message,
    bytes: &'a [u8],
    back: usize,
) -> Option<&'a [u8]> {
    let lines = message.values(bytes, Known::ForwardedFor).rev();
    let addresses = lines.flat_map(|line| line.rsplit(|byte| *byte == b','));
    let text = addresses.map(<[u8]>::trim_ascii).nth(back)?;
    let ip = std::str::from_utf8(text).ok()?.parse::<IpAddr>();
    ip.is_ok().then_some(text)
}

/// Fields that are not always passed on as they are.
const SPECIAL: u32 = set(&[
    Known::ClientCert,
    Known::Connection,
    Known::EdgeOnly,
    Known::EnvoyInternal,
    Known::Expect,
    Known::ExpectedTimeout,
    Known::ExternalAddress,
    Known::ForwardedFor,
    Known::ForwardedProto,
    Known::Host,
    Known::KeepAlive,
    Known::ProxyConnection,
    Known::RequestId,
    Known::Te,
    Known::TransferEncoding,
    Known::Upgrade,
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_replaced_in_place() {
        let mut head = b"GET /a:b HTTP/1.1\r\nHost: x\r\nA-B: 1\r\n\r\n".to_vec();
        replace_value(&mut head, b"a-b", b"22");
        replace_value(&mut head, b"host", b"longer");
        replace_value(&mut head, b"absent", b"3");
        let wanted = b"GET /a:b HTTP/1.1\r\nHost: longer\r\nA-B: 22\r\n\r\n";
        assert_eq!(head, wanted);
    }
}
