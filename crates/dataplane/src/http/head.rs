// SPDX-License-Identifier: Apache-2.0
//! Parsing of request and response heads, strictly by RFC 9112.
//!
//! In: bytes read so far. Out: a head made of slices of them, or "not all there yet", or why it is
//! refused: everything that could be understood in two ways (bare LF, folded lines, two lengths, a
//! length with chunks).

mod lines;
mod rendered;
mod written;

pub(super) use lines::{FieldLine, field_line, line_end, usual_line};
pub(crate) use lines::{is_field_value, is_token, lower_name};
pub(crate) use written::Written;

use super::{
    block::{ALL, Block, find, find_byte},
    field::{Known, Span},
    message::{Message, holds},
    path::{Normalized, PathRules, normalize},
};
use crate::route::without_port;

/// A request head.
#[derive(Debug, Default)]
pub(crate) struct RequestHead {
    /// The method.
    pub(crate) method: Span,
    /// Path and query as received. For absolute form, what follows the authority.
    path: Span,
    /// The normal form of path and query, when it differs from what was received.
    normalized: Vec<u8>,
    /// The client is to be sent to the normal form.
    pub(crate) redirect: bool,
    /// The authority: of the absolute-form target, else the first Host field.
    pub(crate) authority: Span,
    /// Whether the scheme is https, where the client named one.
    pub(crate) https: Option<bool>,
    /// A CONNECT without a path: its authority is where the tunnel leads to.
    pub(crate) connect: bool,
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
    /// A Connection field names what must stay.
    Connection,
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
        let parsed = self.take(bytes, limits)?;
        self.message.judge(parsed, bytes, limits)
    }

    fn take(&mut self, bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let Some(end) = line_end(bytes, 0)? else {
            return Ok(Parsed::Partial);
        };
        let line = &bytes[..end];
        let method = line.iter().position(|byte| *byte == b' ');
        let method = method.ok_or(HeadError::Malformed)?;
        if !METHODS
            .iter()
            .any(|known| known.as_bytes() == &line[..method])
        {
            return Err(HeadError::Malformed);
        }
        let version = line.last_chunk::<9>().ok_or(HeadError::Malformed)?;
        let target = line.get(method + 1..line.len() - version.len());
        let target = target.ok_or(HeadError::Malformed)?;
        let old = match version {
            b" HTTP/1.1" => false,
            b" HTTP/1.0" => true,
            _ => return Err(HeadError::Malformed),
        };
        self.method = Span::new(0, method);
        self.path = Span::new(method + 1, method + 1 + target.len());
        self.normalized.clear();
        self.https = None;
        self.connect = false;
        self.redirect = false;
        if self.message.lines(bytes, end + 2, limits)? == Parsed::Partial {
            return Ok(Parsed::Partial);
        }
        if old {
            return Err(HeadError::OldVersion);
        }
        self.message.finish(bytes)?;
        if self.message.names_hops {
            self.message.check_hops(bytes)?;
        }
        self.target(bytes, target)?;
        Ok(Parsed::Complete)
    }

    fn target(&mut self, bytes: &[u8], target: &[u8]) -> Result<(), HeadError> {
        let wrong = find(target, 0, Block::not_of_targets);
        if wrong < target.len() {
            let only_fragment = target[wrong..].iter().all(u8::is_ascii_graphic);
            return Err(if only_fragment {
                HeadError::Path
            } else {
                HeadError::Malformed
            });
        }
        let mut fields = self.message.fields.iter();
        let host = fields.find(|field| field.known == Known::Host);
        self.authority = host.ok_or(HeadError::MissingHost)?.value;
        // RFC 9112 3.2 asks for exactly one; which of two counts would be anyone's guess.
        let named = self.message.names_hops && self.message.hops_name(bytes, b"host");
        if self.message.two_hosts || !is_authority(self.authority.of(bytes)) || named {
            return Err(HeadError::Malformed);
        }
        let method = self.method.of(bytes);
        if method == b"CONNECT" {
            return self.tunnel(target);
        }
        if target.starts_with(b"/") {
            return Ok(());
        }
        if target == b"*" {
            // RFC 9112 3.2.4.
            let whole_server = method == b"OPTIONS";
            return whole_server.then_some(()).ok_or(HeadError::Malformed);
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
        self.https = Some(target.len() - after_scheme.len() == HTTPS.len());
        let end = self.path.end();
        self.path = Span::new(end - path.len(), end);
        self.authority = Span::new(end - path.len() - authority.len(), end - path.len());
        Ok(())
    }

    /// The target of a CONNECT, which has no path and no body (RFC 9110 9.3.6).
    fn tunnel(&mut self, target: &[u8]) -> Result<(), HeadError> {
        let with_port = without_port(target).len() < target.len() && !target.ends_with(b":");
        if !with_port || !is_authority(target) {
            return Err(HeadError::Malformed);
        }
        if self.message.chunked {
            return Err(HeadError::TransferEncoding);
        }
        if self.message.content_length.is_some_and(|length| length > 0) {
            return Err(HeadError::Malformed);
        }
        self.connect = true;
        self.authority = self.path;
        self.path = Span::new(self.path.end(), self.path.end());
        Ok(())
    }

    /// Leaves the port out of the authority: any port, or this one.
    pub(crate) fn strip_port(&mut self, bytes: &[u8], port: Option<u16>) {
        let authority = self.authority.of(bytes);
        let name = without_port(authority);
        let text = authority.get(name.len() + 1..).unwrap_or_default();
        let matches = port.is_none_or(|port| text == port.to_string().as_bytes());
        if !name.is_empty() && matches {
            let start = self.authority.start();
            self.authority = Span::new(start, start + name.len());
        }
    }

    /// Brings the path into its normal form.
    pub(crate) fn normalize(&mut self, bytes: &[u8], rules: PathRules) -> Result<(), HeadError> {
        let target = self.path.of(bytes);
        if !target.starts_with(b"/") {
            return Ok(());
        }
        let end = find_byte(target, b'?');
        let (path, query) = target.split_at(end.unwrap_or(target.len()));
        match normalize(path, rules, &mut self.normalized) {
            Normalized::Unchanged => self.normalized.clear(),
            Normalized::Changed => self.normalized.extend_from_slice(query),
            Normalized::Redirect => {
                self.redirect = true;
                self.normalized.extend_from_slice(query);
            }
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
        let parsed = self.take(bytes, limits)?;
        self.message.judge(parsed, bytes, limits)
    }

    fn take(&mut self, bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let Some(end) = line_end(bytes, 0)? else {
            return Ok(Parsed::Partial);
        };
        let (version, rest) = bytes[..end]
            .split_first_chunk()
            .ok_or(HeadError::Malformed)?;
        self.old = match version {
            b"HTTP/1.1 " => false,
            b"HTTP/1.0 " => true,
            _ => return Err(HeadError::Malformed),
        };
        let (digits, reason) = rest.split_first_chunk::<3>().ok_or(HeadError::Malformed)?;
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(reason, [] | [b' ', ..]) {
            return Err(HeadError::Malformed);
        }
        let number = digits.iter().map(|digit| u16::from(digit - b'0'));
        self.status = number.fold(0, |sum, digit| sum * 10 + digit);
        if !(100..600).contains(&self.status) {
            return Err(HeadError::Malformed);
        }
        if self.message.lines(bytes, end + 2, limits)? == Parsed::Partial {
            return Ok(Parsed::Partial);
        }
        self.message.finish(bytes)?;
        if self.old && self.message.chunked {
            return Err(HeadError::TransferEncoding);
        }
        Ok(Parsed::Complete)
    }
}

impl Message {
    /// Looks at the limit on bytes.
    fn judge(&self, parsed: Parsed, bytes: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let too_large = match parsed {
            Parsed::Complete => self.length > limits.bytes,
            Parsed::Partial => bytes.len() >= limits.bytes,
        };
        if too_large {
            return Err(HeadError::TooLarge);
        }
        Ok(parsed)
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

/// Whether it is a host, or a host and a port, for everyone: no byte that could belong to another
/// part of a URL, one colon outside brackets, and digits behind it.
fn is_authority(bytes: &[u8]) -> bool {
    let name = find(bytes, 0, |block| !(block.plain() | block.is(b'.')) & ALL);
    name == bytes.len() || is_unusual_authority(bytes)
}

/// The same for others than names and numeric addresses without a port.
fn is_unusual_authority(bytes: &[u8]) -> bool {
    let host = match bytes
        .iter()
        .position(|byte| matches!(byte, b':' | b'[' | b']'))
    {
        None => bytes.len(),
        Some(0) if bytes[0] == b'[' => {
            let end = bytes.iter().position(|byte| *byte == b']');
            end.map_or(0, |end| end + 1)
        }
        Some(colon) => colon,
    };
    let port = match &bytes[host..] {
        [] => true,
        [b':', digits @ ..] => {
            host > 0 && digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    };
    port && bytes[..host].iter().all(|byte| AUTHORITY[*byte as usize])
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
