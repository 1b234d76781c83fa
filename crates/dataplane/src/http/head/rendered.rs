// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 heads in the form that HTTP/1 heads have.
//!
//! In: a head that the HTTP/2 codec decoded and checked. Out: its bytes, appended to one buffer, and
//! the same spans that parsing yields, so that routing and header rules have one form to deal with.

use h2::ext::Protocol;
use http::{header::HOST, request, response, uri::Scheme};

use super::{HeadError, Known, Limits, Message, RequestHead, ResponseHead, Span};
use super::{holds, is_authority};
use crate::http::field::Field;

impl RequestHead {
    /// Renders a request to the end of `out`, which is empty. `ends` says that no body follows.
    pub(crate) fn render(
        &mut self,
        parts: &request::Parts,
        ends: bool,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), HeadError> {
        // Envoy counts the four pseudo fields.
        if parts.headers.len() + PSEUDO > limits.count {
            return Err(HeadError::TooMany);
        }
        self.normalized.clear();
        self.redirect = false;
        self.message.start();
        let protocol = parts.extensions.get::<Protocol>();
        // An extended CONNECT is what asks for an upgrade here.
        let method = protocol.map_or(parts.method.as_str(), |_| "GET");
        self.method = append(method.as_bytes(), out);
        self.https = parts.uri.scheme().map(|scheme| *scheme == Scheme::HTTPS);
        let path = parts.uri.path_and_query();
        self.path = append(path.map_or("/", |path| path.as_str()).as_bytes(), out);
        let authority = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str().as_bytes()),
            None => parts.headers.get(HOST).map(|host| host.as_bytes()),
        };
        if let Some(authority) = authority {
            self.message.add(b"host", authority, out)?;
        }
        let mut hosts = 0;
        for (name, value) in &parts.headers {
            if name == HOST {
                hosts += 1;
            } else {
                let name = name.as_str().as_bytes();
                self.message.add(name, value.as_bytes(), out)?;
            }
        }
        // Which of two counts would be anyone's guess.
        if hosts > 1 {
            return Err(HeadError::Malformed);
        }
        self.message.upgrade = None;
        if let Some(protocol) = protocol {
            self.message.add(b"upgrade", protocol.as_ref(), out)?;
            self.message.add(b"connection", b"upgrade", out)?;
        }
        self.message.length = out.len();
        let bodiless = ends || protocol.is_some();
        self.message.chunked = !bodiless && self.message.content_length.is_none();
        let host = authority.ok_or(HeadError::MissingHost)?;
        self.authority = self.message.fields[0].value;
        let path = self.path.of(out);
        if holds(path, b'#') {
            return Err(HeadError::Path);
        }
        if !is_authority(host) || !path.iter().all(|byte| matches!(byte, 0x21..=0x7e)) {
            return Err(HeadError::Malformed);
        }
        Ok(())
    }
}

impl ResponseHead {
    /// Renders a response to the end of `out`, which is empty.
    pub(crate) fn render(
        &mut self,
        parts: &response::Parts,
        limits: Limits,
        out: &mut Vec<u8>,
    ) -> Result<(), HeadError> {
        // `:status` counts.
        if parts.headers.len() + 1 > limits.count {
            return Err(HeadError::TooMany);
        }
        self.status = parts.status.as_u16();
        self.old = false;
        self.message.start();
        for (name, value) in &parts.headers {
            let name = name.as_str().as_bytes();
            self.message.add(name, value.as_bytes(), out)?;
        }
        self.message.length = out.len();
        self.message.upgrade = None;
        Ok(())
    }
}

impl Message {
    /// Adds a field as a line of its own, so that lines which stay as they are can be copied together.
    fn add(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) -> Result<(), HeadError> {
        out.reserve(name.len() + value.len() + 4);
        let name_span = append(name, out);
        out.extend_from_slice(b": ");
        let value_span = append(value, out);
        out.extend_from_slice(b"\r\n");
        self.underscores |= holds(name, b'_');
        let field = Field {
            name: name_span,
            value: value_span,
            known: Known::of(name),
            upper: false,
            exact: true,
        };
        self.classify(field, value)
    }
}

fn append(bytes: &[u8], out: &mut Vec<u8>) -> Span {
    let start = out.len();
    out.extend_from_slice(bytes);
    Span::new(start, out.len())
}

/// `:method`, `:scheme`, `:authority`, `:path`.
const PSEUDO: usize = 4;
