// SPDX-License-Identifier: Apache-2.0
//! Parsing of request and response heads, strictly by RFC 9112.
//!
//! In: bytes read so far. Out: a head made of slices of them, or "not all there yet", or why it is
//! refused. `httparse` finds the lines; everything that could be understood in two ways (bare LF,
//! folded lines, two lengths, a length with chunks) is refused here.

mod rendered;

use std::mem::MaybeUninit;

use super::{
    field::{Known, Span},
    message::{Message, holds},
    path::{Normalized, normalize},
};

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
    /// Whether the scheme is https, where the client named one.
    pub(crate) https: Option<bool>,
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
        self.https = None;
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
        let after_scheme = [&b"http://"[..], HTTPS]
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
        self.https = Some(target.len() - after_scheme.len() == HTTPS.len());
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

const HTTPS: &[u8] = b"https://";

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
