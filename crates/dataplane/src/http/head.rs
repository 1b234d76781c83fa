// SPDX-License-Identifier: Apache-2.0
//! Parsing of request and response heads, strictly by RFC 9112.
//!
//! In: bytes read so far. Out: a head made of slices of them, or "not all there yet", or why it is
//! refused. `httparse` finds the lines; everything that could be understood in two ways (bare LF,
//! folded lines, two lengths, a length with chunks) is refused here.

mod rendered;

use std::mem::MaybeUninit;

use super::field::{Field, Known, Span};
use super::path::{Normalized, normalize};

/// A request head.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    /// The method.
    pub(crate) method: Span,
    /// Path and query as received. For absolute form, what follows the authority.
    path: Span,
    /// The normal form of path and query, when it differs from what was received.
    normalized: Vec<u8>,
    /// The authority: of the absolute-form target, else the first Host field.
    pub(crate) authority: Span,
    /// Fields and their summary.
    pub(crate) message: Message,
}

/// A response head.
#[derive(Debug, Default)]
pub(crate) struct ResponseHead {
    /// The status code.
    pub(crate) status: u16,
    /// Whether the peer speaks HTTP/1.0.
    pub(crate) old: bool,
    /// Fields and their summary.
    pub(crate) message: Message,
}

/// What requests and responses share.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The field lines, in order.
    pub(crate) fields: Vec<Field>,
    /// Bytes of the head, with the empty line.
    pub(crate) length: usize,
    /// The one content length.
    pub(crate) content_length: Option<u64>,
    /// `transfer-encoding: chunked`.
    pub(crate) chunked: bool,
    /// `connection: close`.
    pub(crate) close: bool,
    /// `connection: keep-alive` (matters to HTTP/1.0).
    pub(crate) keep_alive: bool,
    /// A Connection field names something besides `close` and `keep-alive`.
    pub(crate) names_hops: bool,
    /// `connection: upgrade` and an Upgrade field: the latter's value.
    pub(crate) upgrade: Option<Span>,
    /// Which known names there are, by [`Known::bit`].
    pub(crate) known: u32,
    /// The content type is gRPC's.
    pub(crate) grpc: bool,
    /// Some name contains an underscore.
    pub(crate) underscores: bool,
    /// `expect: 100-continue`.
    pub(crate) expects_continue: bool,
}

/// Limits on a head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Field lines.
    pub(crate) count: usize,
    /// Bytes.
    pub(crate) bytes: usize,
}

/// What parsing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The head is filled in.
    Complete,
    /// The end of the head has not been read yet.
    Partial,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeadError {
    /// Content-Length together with Transfer-Encoding.
    LengthAndChunked,
    /// A byte that no value may hold.
    Characters,
    /// Anything else that is not HTTP.
    Malformed,
    /// No Host.
    MissingHost,
    /// HTTP/1.0.
    OldVersion,
    /// A path that cannot be normalised: it has a fragment, or an escaped NUL.
    Path,
    /// Too many bytes.
    TooLarge,
    /// Too many fields.
    TooMany,
    /// A transfer coding other than a single final `chunked`.
    TransferEncoding,
}

impl RequestHead {
    /// Parses `bytes` into `self`, whose vectors are reused.
    pub(crate) fn parse(&mut self, bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
        let mut more = Vec::new();
        let slots = choose(&mut slots, &mut more, limits);
        let mut request = httparse::Request::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = match config.parse_request_with_uninit_headers(&mut request, bytes, slots) {
            Ok(httparse::Status::Complete(length)) if length <= limits.bytes => length,
            Ok(httparse::Status::Complete(_)) => return Err(HeadError::TooLarge),
            Ok(httparse::Status::Partial) => return partial(bytes, limits),
            Err(error) => return Err(why(error, bytes)),
        };
        if request.headers.len() > limits.count {
            return Err(HeadError::TooMany);
        }
        let method = request.method.unwrap_or_default().as_bytes();
        let target = request.path.unwrap_or_default().as_bytes();
        if !METHODS.iter().any(|known| known.as_bytes() == method) {
            return Err(HeadError::Malformed);
        }
        if !starts_clean(bytes, method, target) {
            return Err(HeadError::Malformed);
        }
        self.method = Span::locate(bytes, method);
        self.normalized.clear();
        let message = &mut self.message;
        message.start(length);
        for header in request.headers.iter() {
            message.field(bytes, header)?;
        }
        if request.version == Some(0) {
            return Err(HeadError::OldVersion);
        }
        message.finish(bytes)?;
        self.target(bytes, target)?;
        Ok(Parsed::Complete)
    }

    fn target(&mut self, bytes: &[u8], target: &[u8]) -> Result<(), HeadError> {
        let bad = |found, byte: &u8| found | u8::from(!matches!(byte, 0x21..=0x7e));
        if target.iter().fold(0, bad) != 0 {
            return Err(HeadError::Malformed);
        }
        if holds(target, b'#') {
            return Err(HeadError::Path);
        }
        let fields = self.message.fields.iter();
        let mut hosts = fields.filter(|field| field.known == Known::Host);
        self.authority = hosts.next().ok_or(HeadError::MissingHost)?.value;
        // RFC 9112 3.2 asks for exactly one; which of two counts would be anyone's guess.
        if hosts.next().is_some() || !is_authority(self.authority.of(bytes)) {
            return Err(HeadError::Malformed);
        }
        self.path = Span::locate(bytes, target);
        if target.starts_with(b"/") || target == b"*" || self.method.of(bytes) == b"CONNECT" {
            return Ok(());
        }
        let after_scheme = [&b"http://"[..], b"https://"]
            .iter()
            .find(|scheme| {
                target.len() > scheme.len() && target[..scheme.len()].eq_ignore_ascii_case(scheme)
            })
            .map(|scheme| &target[scheme.len()..])
            .ok_or(HeadError::Malformed)?;
        let slash = after_scheme
            .iter()
            .position(|byte| matches!(byte, b'/' | b'?'))
            .unwrap_or(after_scheme.len());
        let (authority, path) = after_scheme.split_at(slash);
        if authority.is_empty() || !is_authority(authority) || path.starts_with(b"?") {
            return Err(HeadError::Malformed);
        }
        self.authority = Span::locate(bytes, authority);
        self.path = Span::locate(bytes, path);
        Ok(())
    }

    /// Brings the path into its normal form.
    pub(crate) fn normalize(&mut self, bytes: &[u8], merge_slashes: bool) -> Result<(), HeadError> {
        let target = self.path.of(bytes);
        if !target.starts_with(b"/") {
            return Ok(());
        }
        let end = target.iter().position(|byte| *byte == b'?');
        let (path, query) = target.split_at(end.unwrap_or(target.len()));
        match normalize(path, merge_slashes, &mut self.normalized) {
            Normalized::Unchanged => self.normalized.clear(),
            Normalized::Changed => self.normalized.extend_from_slice(query),
            Normalized::Refused => return Err(HeadError::Path),
        }
        Ok(())
    }

    /// The path to route on, with its query: normalised where the listener asks for it, and `/` for
    /// an absolute form that ends at its authority.
    pub(crate) fn path_of<'a>(&'a self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.normalized.is_empty() {
            &self.normalized
        } else if self.path.is_empty() {
            b"/"
        } else {
            self.path.of(bytes)
        }
    }
}

impl ResponseHead {
    /// Parses `bytes` into `self`, whose vectors are reused.
    pub(crate) fn parse(&mut self, bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let mut slots = [const { MaybeUninit::uninit() }; SLOTS];
        let mut more = Vec::new();
        let slots = choose(&mut slots, &mut more, limits);
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = match config.parse_response_with_uninit_headers(&mut response, bytes, slots) {
            Ok(httparse::Status::Complete(length)) if length <= limits.bytes => length,
            Ok(httparse::Status::Complete(_)) => return Err(HeadError::TooLarge),
            Ok(httparse::Status::Partial) => return partial(bytes, limits),
            Err(error) => return Err(why(error, bytes)),
        };
        if response.headers.len() > limits.count {
            return Err(HeadError::TooMany);
        }
        self.status = response.code.unwrap_or_default();
        self.old = response.version == Some(0);
        if !(100..600).contains(&self.status) || !bytes.starts_with(b"HTTP/") {
            return Err(HeadError::Malformed);
        }
        let message = &mut self.message;
        message.start(length);
        for header in response.headers.iter() {
            message.field(bytes, header)?;
        }
        message.finish(bytes)?;
        if self.old && message.chunked {
            return Err(HeadError::TransferEncoding);
        }
        Ok(Parsed::Complete)
    }
}

impl Message {
    fn start(&mut self, length: usize) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            length,
            ..Self::default()
        };
    }

    fn field(&mut self, bytes: &[u8], header: &httparse::Header<'_>) -> Result<(), HeadError> {
        let name = header.name.as_bytes();
        let field = Field {
            name: Span::locate(bytes, name),
            value: Span::locate(bytes, header.value),
            known: Known::of(name),
        };
        // The line before must have ended in CR LF: httparse takes a bare LF.
        let start = field.name.start();
        if start < 2 || &bytes[start - 2..start] != b"\r\n" {
            return Err(HeadError::Malformed);
        }
        self.classify(field, header.value)
    }

    fn classify(&mut self, field: Field, value: &[u8]) -> Result<(), HeadError> {
        self.known |= field.known.bit();
        match field.known {
            Known::Other => {}
            Known::ContentType => self.grpc = value.starts_with(b"application/grpc"),
            Known::ContentLength => self.length_field(value)?,
            Known::TransferEncoding => self.coding_field(value)?,
            Known::Connection => self.connection_field(value),
            Known::Upgrade => self.upgrade = Some(field.value),
            Known::Expect => {
                self.expects_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        self.fields.push(field);
        Ok(())
    }

    fn length_field(&mut self, value: &[u8]) -> Result<(), HeadError> {
        let digits = !value.is_empty() && value.len() < 20 && value.iter().all(u8::is_ascii_digit);
        if !digits || self.content_length.is_some() {
            return Err(HeadError::Malformed);
        }
        let number = value.iter().try_fold(0_u64, |sum, digit| {
            sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
        self.content_length = Some(number.ok_or(HeadError::Malformed)?);
        Ok(())
    }

    fn coding_field(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::TransferEncoding);
        }
        self.chunked = true;
        Ok(())
    }

    fn connection_field(&mut self, value: &[u8]) {
        for token in tokens(value) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.names_hops = true;
            }
        }
    }

    fn finish(&mut self, bytes: &[u8]) -> Result<(), HeadError> {
        // One wide pass over all bytes is cheaper than one over each name.
        let head = &bytes[..self.length];
        if holds(head, b'_') {
            let names = self.fields.iter().map(|field| field.name.of(bytes));
            self.underscores = names.into_iter().any(|name| name.contains(&b'_'));
        }
        if !bytes[..self.length].ends_with(b"\r\n\r\n") {
            return Err(HeadError::Malformed);
        }
        if self.chunked && self.content_length.is_some() {
            return Err(HeadError::LengthAndChunked);
        }
        if self.upgrade.is_some() && !(self.names_hops && self.hops_name(bytes, b"upgrade")) {
            self.upgrade = None;
        }
        Ok(())
    }

    /// Whether a Connection field names `name`.
    pub(crate) fn hops_name(&self, bytes: &[u8], name: &[u8]) -> bool {
        self.fields
            .iter()
            .filter(|field| field.known == Known::Connection)
            .flat_map(|field| tokens(field.value.of(bytes)))
            .any(|token| token.eq_ignore_ascii_case(name))
    }
}

/// The comma-separated tokens of a value.
pub(crate) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}

/// Bytes of empty lines that may stand before a request line (RFC 9112 2.2).
pub(crate) fn leading_empty_lines(bytes: &[u8]) -> usize {
    let mut at = 0;
    while bytes[at..].starts_with(b"\r\n") {
        at += 2;
    }
    at
}

fn choose<'s, 'b>(
    slots: &'s mut [MaybeUninit<httparse::Header<'b>>],
    more: &'s mut Vec<MaybeUninit<httparse::Header<'b>>>,
    limits: Limits,
) -> &'s mut [MaybeUninit<httparse::Header<'b>>] {
    if limits.count < slots.len() {
        return slots;
    }
    more.resize_with(limits.count + 1, MaybeUninit::uninit);
    more
}

fn partial(bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
    if bytes.len() >= limits.bytes {
        return Err(HeadError::TooLarge);
    }
    Ok(Parsed::Partial)
}

fn why(error: httparse::Error, bytes: &[u8]) -> HeadError {
    match error {
        httparse::Error::TooManyHeaders => HeadError::TooMany,
        httparse::Error::HeaderValue if bytes.contains(&0) => HeadError::Characters,
        _ => HeadError::Malformed,
    }
}

/// The request line must start the bytes and use single blanks.
fn starts_clean(bytes: &[u8], method: &[u8], target: &[u8]) -> bool {
    let at = Span::locate(bytes, target).start();
    bytes.starts_with(method) && at == method.len() + 1
}

/// Whether `wanted` is among `bytes`; written so that it compiles to wide comparisons.
fn holds(bytes: &[u8], wanted: u8) -> bool {
    let found = |found, byte: &u8| found | u8::from(*byte == wanted);
    bytes.iter().fold(0, found) != 0
}

/// Bytes that can stand in a host and port; anything else could be read as another part of a URL.
fn is_authority(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| AUTHORITY[*byte as usize])
}

const AUTHORITY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = !matches!(
            byte as u8,
            b'/' | b'\\' | b'?' | b'#' | b'@' | b',' | b'<' | b'>' | b'"'
        );
        byte += 1;
    }
    table
};

/// Header slots on the stack: Envoy's default limit of 100, and one to notice an excess.
const SLOTS: usize = 101;

/// The methods that Envoy's HTTP/1 codec knows.
const METHODS: [&str; 36] = [
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "ACL",
    "BIND",
    "CHECKOUT",
    "COPY",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "M-SEARCH",
    "NOTIFY",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "PRI",
    "QUERY",
];

#[cfg(test)]
mod tests;
