// SPDX-License-Identifier: Apache-2.0
//! What a request gets on its way upstream beside what its client said.
//!
//! In: the request and the listener's settings. Out: lines behind those of the client.

use super::{
    super::{
        ATTEMPT_COUNT, EXPECTED_TIMEOUT, TRACEPARENT, TRACESTATE, block::Block, field::Known,
        writer::Writer,
    },
    UpstreamRequest, forwarded_for, timeout_milliseconds,
};
use crate::route::PathRewrite;

impl UpstreamRequest<'_> {
    /// The nearest address that is not one of ours: `xff_num_trusted_hops` before the peer.
    pub(super) fn external_address(&self) -> &[u8] {
        let hops = self.manager.trusted_hops as usize;
        let trusted = hops
            .checked_sub(1)
            .and_then(|back| forwarded_for(&self.head.message, self.bytes, back));
        trusted.unwrap_or(self.client.as_bytes())
    }

    pub(super) fn envoy_additions(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
        let manager = self.manager;
        let edge = manager.use_remote_address;
        if edge && !manager.skip_xff_append && !writer.has(Known::ForwardedFor) {
            let peer = match self.shadow {
                Some(node) => &format!("{},{node}", self.peer),
                None => self.peer,
            };
            writer.new_line(b"x-forwarded-for", peer.as_bytes(), out);
        }
        if !writer.has(Known::ForwardedProto) {
            writer.new_line(b"x-forwarded-proto", self.scheme, out);
        }
        if edge && !writer.has(Known::ExternalAddress) {
            writer.new_line(b"x-envoy-external-address", self.external_address(), out);
        }
        if manager.generate_request_id && !writer.has(Known::RequestId) {
            match self.request_id() {
                Some(id) => writer.new_line(b"x-request-id", id, out),
                None => writer.new_line(b"x-request-id", &request_id(), out),
            }
        }
        if let Some(length) = self.length {
            writer.number(b"content-length", length, out);
        }
        if let Some(timeout) = self.expected_timeout
            && !manager.suppress_envoy_headers
        {
            writer.number(EXPECTED_TIMEOUT, timeout_milliseconds(timeout), out);
        }
        if let Some(attempt) = self.attempt
            && !self.has_line(ATTEMPT_COUNT)
        {
            writer.number(ATTEMPT_COUNT, u64::from(attempt), out);
        }
        if let Some(timeout) = &self.grpc_timeout
            && !self.has_line(b"grpc-timeout")
        {
            writer.new_line(b"grpc-timeout", timeout.as_bytes(), out);
        }
    }

    /// A mirror gets its copy from this node, as Envoy's own requests go.
    pub(super) fn shadow_additions(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
        let Some(node) = self.shadow else {
            return;
        };
        writer.new_line(b"x-envoy-internal", b"true", out);
        let appends = self.manager.use_remote_address && !self.manager.skip_xff_append;
        if !appends && !writer.has(Known::ForwardedFor) {
            writer.new_line(b"x-forwarded-for", node.as_bytes(), out);
        }
    }

    pub(super) fn route_additions(&self, writer: &Writer<'_>, target: &[u8], out: &mut Vec<u8>) {
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

    pub(super) fn trace_additions(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
        let context = self.trace.as_ref().and_then(|trace| trace.context.as_ref());
        if let Some((traceparent, tracestate)) = context {
            writer.new_line(TRACEPARENT, traceparent.as_bytes(), out);
            writer.new_line(TRACESTATE, tracestate, out);
        }
    }

    pub(super) fn framing(&self, writer: &Writer<'_>, out: &mut Vec<u8>) {
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

    fn has_line(&self, name: &[u8]) -> bool {
        let mut fields = self.head.message.fields.iter();
        fields.any(|field| field.name.of(self.bytes).eq_ignore_ascii_case(name))
    }
}

/// A version 4 UUID.
pub(crate) fn request_id() -> [u8; 36] {
    let random = fastrand::u128(..);
    let random = random & !(0xf000 << 64) | (0x4000 << 64);
    let random = random & !(0xc000 << 48) | (0x8000 << 48);
    let mut text = [b'-'; 36];
    let [first, second] = Block::new(&random.to_be_bytes()).hexadecimal();
    text[..8].copy_from_slice(&first[..8]);
    text[9..13].copy_from_slice(&first[8..12]);
    text[14..18].copy_from_slice(&first[12..]);
    text[19..23].copy_from_slice(&second[..4]);
    text[24..].copy_from_slice(&second[4..]);
    text
}

/// Methods that need no length when they have no body.
const BODILESS: [&[u8]; 5] = [b"GET", b"HEAD", b"DELETE", b"TRACE", b"CONNECT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_version_4_uuids() {
        for _ in 0..100 {
            let id = request_id();
            assert_eq!(id[14], b'4');
            assert!(b"89ab".contains(&id[19]));
            for (at, byte) in id.into_iter().enumerate() {
                let dash = [8, 13, 18, 23].contains(&at);
                assert!(if dash {
                    byte == b'-'
                } else {
                    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
                });
            }
        }
    }
}
