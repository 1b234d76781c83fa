// SPDX-License-Identifier: Apache-2.0
//! The request head as it goes upstream.
//!
//! In: the parsed request, the route's changes and the settings of both sides. Out: bytes. Order:
//! `host`, the client's fields, Envoy's additions, the route's additions, `transfer-encoding`.

use std::time::Duration;

use super::{
    NameCase,
    field::{Field, Known},
    head::RequestHead,
    message::tokens,
    writer::{Writer, set},
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
    /// Upgrade headers are kept.
    pub(crate) upgrade: bool,
    /// The upstream speaks HTTP/2, which has its own framing.
    pub(crate) http2: bool,
    /// The copy for a mirror: its host says so.
    pub(crate) shadow: bool,
}

impl UpstreamRequest<'_> {
    /// Writes the head.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.method.of(self.bytes));
        out.push(b' ');
        let target = self.head.path_of(self.bytes);
        if matches!(self.path, PathRewrite::None) {
            out.extend_from_slice(target);
        } else {
            push_path(target, self.path, out);
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.host(out);
        let plain = self.is_plain();
        let writer = self.writer();
        writer.fields(plain, SPECIAL, out, |field, out| {
            if plain || !self.drops(field) {
                self.field(&writer, field, out);
            }
        });
        self.envoy_additions(&writer, out);
        self.route_additions(&writer, target, out);
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
            && !self.head.message.names_hops
            && !(self.head.message.underscores && self.drop_underscores)
    }

    fn drops(&self, field: &Field) -> bool {
        let name = field.name.of(self.bytes);
        let message = &self.head.message;
        self.mutations.removes(name)
            || (self.drop_underscores && name.contains(&b'_'))
            || (message.names_hops
                && !matches!(field.known, Known::Connection | Known::Upgrade | Known::Te)
                && message.hops_name(self.bytes, name))
    }

    fn host(&self, out: &mut Vec<u8>) {
        let original = self.head.message.fields.iter();
        let original = original.clone().find(|field| field.known == Known::Host);
        match original {
            Some(field) => self.case.push(field, &self.head.message, self.bytes, out),
            None => self.case.push_new(b"host", out),
        }
        out.extend_from_slice(b": ");
        let host = self.host.unwrap_or(self.head.authority.of(self.bytes));
        if self.shadow {
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
            Known::Connection | Known::Upgrade if !self.upgrade => {}
            Known::Connection => writer.line(field, b"Upgrade", out),
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => {}
            Known::Te => {
                if tokens(value).any(|token| token.eq_ignore_ascii_case(b"trailers")) {
                    writer.line(field, b"trailers", out);
                }
            }
            Known::ForwardedFor if edge && !self.manager.skip_xff_append => {
                writer.line(field, value, out);
                if self.is_last(field) {
                    out.truncate(out.len() - 2);
                    out.push(b',');
                    out.extend_from_slice(self.peer.as_bytes());
                    out.extend_from_slice(b"\r\n");
                }
            }
            Known::ForwardedProto if edge && self.manager.trusted_hops == 0 => {
                writer.line(field, self.scheme, out);
            }
            Known::ExternalAddress if edge => {}
            Known::RequestId if edge && !self.manager.preserve_request_id => {
                writer.line(field, &request_id(), out);
            }
            _ => writer.line(field, value, out),
        }
    }

    fn envoy_additions(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
        let manager = self.manager;
        let edge = manager.use_remote_address;
        if edge && !manager.skip_xff_append && !writer.has(Known::ForwardedFor) {
            writer.new_line(b"x-forwarded-for", self.peer.as_bytes(), out);
        }
        if !writer.has(Known::ForwardedProto) {
            writer.new_line(b"x-forwarded-proto", self.scheme, out);
        }
        if edge {
            writer.new_line(b"x-envoy-external-address", self.peer.as_bytes(), out);
        }
        if manager.generate_request_id && !writer.has(Known::RequestId) {
            writer.new_line(b"x-request-id", &request_id(), out);
        }
        if let Some(timeout) = self.expected_timeout
            && !manager.suppress_envoy_headers
        {
            self.case.push_new(b"x-envoy-expected-rq-timeout-ms", out);
            out.extend_from_slice(b": ");
            let milliseconds = timeout.as_micros().div_ceil(1000);
            super::push_decimal(u64::try_from(milliseconds).unwrap_or(u64::MAX), out);
            out.extend_from_slice(b"\r\n");
        }
    }

    fn route_additions(&self, writer: &Writer<'_>, target: &[u8], out: &mut Vec<u8>) {
        writer.additions(self.mutations, out);
        let received = self.head.authority.of(self.bytes);
        if self.host.is_some() && !self.manager.suppress_envoy_headers {
            writer.new_line(b"x-envoy-original-host", received, out);
        }
        if self.forwarded_host {
            writer.new_line(b"x-forwarded-host", received, out);
        }
        if !matches!(self.path, PathRewrite::None) && !self.manager.suppress_envoy_headers {
            writer.new_line(b"x-envoy-original-path", target, out);
        }
    }

    fn framing(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
        let message = &self.head.message;
        if message.chunked {
            writer.new_line(b"transfer-encoding", b"chunked", out);
        } else if message.content_length.is_none() && !self.upgrade {
            let method = self.head.method.of(self.bytes);
            if !BODILESS.contains(&method) {
                writer.new_line(b"content-length", b"0", out);
            }
        }
    }

    fn is_last(&self, field: &Field) -> bool {
        let same = |other: &&Field| other.known == field.known;
        self.head.message.fields.iter().rfind(same) == Some(field)
    }
}

/// A version 4 UUID.
fn request_id() -> [u8; 36] {
    let random = fastrand::u128(..);
    let random = random & !(0xf000 << 64) | (0x4000 << 64);
    let random = random & !(0xc000 << 48) | (0x8000 << 48);
    let mut text = [b'-'; 36];
    let places = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
    for (byte, place) in random.to_be_bytes().into_iter().zip(places) {
        text[place] = b"0123456789abcdef"[usize::from(byte >> 4)];
        text[place + 1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    text
}

/// Fields that are not always passed on as they are.
const SPECIAL: u32 = set(&[
    Known::Connection,
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

/// Methods that need no length when they have no body.
const BODILESS: [&[u8]; 6] = [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_4_uuids() {
        for _ in 0..100 {
            let id = request_id();
            assert_eq!(id[14], b'4');
            assert!(b"89ab".contains(&id[19]));
            let dashes = id.iter().filter(|byte| **byte == b'-').count();
            assert_eq!(dashes, 4);
        }
    }
}
