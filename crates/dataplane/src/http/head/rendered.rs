// SPDX-License-Identifier: Apache-2.0
//! HTTP/2 heads in the form that HTTP/1 heads have.
//!
//! In: the parts of a head that an HTTP/2 codec decoded and checked. Out: its bytes, appended to one buffer, and
//! the same spans that parsing yields, so that routing and header rules have one form to deal with.

use http::response;

use super::{
    Block, HeadError, Known, Limits, Message, RequestHead, ResponseHead, Span, find, holds,
    is_authority,
};
use crate::http::field::Field;

impl RequestHead {
    /// Starts a head whose parts come one by one.
    pub(crate) fn open(&mut self) {
        self.normalized.clear();
        self.redirect = false;
        self.https = None;
        self.connect = false;
        self.method = Span::default();
        self.path = Span::default();
        self.authority = Span::default();
        self.message.start();
    }

    /// Says where the path is.
    pub(crate) fn set_path(&mut self, path: Span) {
        self.path = path;
    }

    /// Appends a line, of which the first `name` bytes are the name.
    pub(crate) fn add_line(
        &mut self,
        line: &[u8],
        name: usize,
        known: Known,
        out: &mut Vec<u8>,
    ) -> Result<(), HeadError> {
        let start = out.len();
        out.extend_from_slice(line);
        let value = Span::new(start + name + 2, out.len() - 2);
        let field = Field {
            name: Span::new(start, start + name),
            value,
            known,
            upper: false,
            exact: true,
        };
        self.message.classify(field, value.of(out))
    }

    /// Appends a name and a value as a line.
    pub(crate) fn add_field(
        &mut self,
        name: &[u8],
        value: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), HeadError> {
        self.message.add(name, value, out)
    }

    /// All parts are there. `body` says that one may follow, `tunnel` that it is an upgrade.
    pub(crate) fn close(
        &mut self,
        bytes: &[u8],
        body: bool,
        tunnel: bool,
    ) -> Result<(), HeadError> {
        self.message.length = bytes.len();
        if !tunnel {
            self.message.upgrade = None;
        }
        self.message.chunked = body && !tunnel && self.message.content_length.is_none();
        let mut fields = self.message.fields.iter();
        let host = fields.find(|field| field.known == Known::Host);
        self.authority = host.ok_or(HeadError::MissingHost)?.value;
        let path = self.path.of(bytes);
        if holds(path, b'#') {
            return Err(HeadError::Path);
        }
        let whole_server = path == b"*" && self.method.of(bytes) == b"OPTIONS";
        let wrong_path = !path.starts_with(b"/") && !whole_server
            || find(path, 0, Block::not_of_targets) < path.len();
        // Which of two hosts counts would be anyone's guess.
        if wrong_path || self.message.two_hosts || !is_authority(self.authority.of(bytes)) {
            return Err(HeadError::Malformed);
        }
        Ok(())
    }
}

impl ResponseHead {
    /// The head of a response that nobody sent.
    pub(crate) fn make(&mut self, status: u16) {
        self.status = status;
        self.old = false;
        self.message.start();
        self.message.length = 0;
    }

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
