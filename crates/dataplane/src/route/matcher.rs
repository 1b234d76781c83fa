// SPDX-License-Identifier: Apache-2.0
//! Route conditions.
//!
//! In: a request as slices. Out: whether it fits.

use std::iter;

use regex::bytes::Regex;

use crate::http::{Message, RequestHead, ResponseHead, Span, find_byte};

/// What matching looks at.
#[derive(Clone, Copy)]
pub(crate) struct RequestView<'a> {
    /// The bytes that the spans of `head` refer to.
    pub(crate) bytes: &'a [u8],
    /// The parsed head.
    pub(crate) head: &'a RequestHead,
    /// The authority as received.
    pub(crate) authority: &'a [u8],
    /// The scheme.
    pub(crate) scheme: &'a [u8],
    /// Path and query.
    pub(crate) target: &'a [u8],
    /// Path without query.
    pub(crate) path: &'a [u8],
    /// Query without its question mark.
    pub(crate) query: &'a [u8],
}

impl<'a> RequestView<'a> {
    /// Looks at a parsed head.
    pub(crate) fn new(bytes: &'a [u8], head: &'a RequestHead, scheme: &'a [u8]) -> Self {
        let target = head.path_of(bytes);
        let (path, query) = split_query(target);
        Self {
            bytes,
            head,
            authority: head.authority.of(bytes),
            scheme,
            target,
            path,
            query,
        }
    }
}

/// All conditions of one route.
#[derive(Debug, Default)]
pub(crate) struct RouteMatch {
    /// On the path without query.
    pub(crate) path: PathMatch,
    /// On header fields, all of which must hold.
    pub(crate) headers: Vec<HeaderMatch>,
    /// On query parameters, all of which must hold.
    pub(crate) query: Vec<QueryMatch>,
    /// Content type `application/grpc` only.
    pub(crate) grpc: bool,
    /// Share of requests in millionths, when not all.
    pub(crate) fraction: Option<u32>,
}

/// A condition on the path.
#[derive(Debug, Default)]
pub(crate) struct PathMatch {
    /// What it must be.
    pub(crate) path: Path,
    /// `case_sensitive: false`.
    pub(crate) ignore_case: bool,
}

/// Kinds of path condition, in the order of Envoy's oneof.
#[derive(Debug)]
pub(crate) enum Path {
    /// Starts with these bytes.
    Prefix(Box<[u8]>),
    /// Is this.
    Exact(Box<[u8]>),
    /// Matches as a whole.
    Regex(Regex),
    /// Is this, or continues with `/`.
    SeparatedPrefix(Box<[u8]>),
    /// A CONNECT request.
    Connect,
}

/// A condition on a header.
#[derive(Debug)]
pub(crate) struct HeaderMatch {
    /// Lower case; may be a pseudo header.
    pub(crate) name: Box<[u8]>,
    /// What the value must be.
    pub(crate) value: ValueMatch,
    /// `invert_match`.
    pub(crate) invert: bool,
    /// `treat_missing_header_as_empty`.
    pub(crate) missing_is_empty: bool,
}

/// A condition on a query parameter.
#[derive(Debug)]
pub(crate) struct QueryMatch {
    /// Its name.
    pub(crate) name: Box<[u8]>,
    /// What the first value must be.
    pub(crate) value: ValueMatch,
}

/// A condition on a value.
#[derive(Debug)]
pub(crate) enum ValueMatch {
    /// Contains.
    Contains(Box<[u8]>, bool),
    /// Equals; the flag ignores case.
    Exact(Box<[u8]>, bool),
    /// Starts with.
    Prefix(Box<[u8]>, bool),
    /// Exists, or does not.
    Present(bool),
    /// Is a number in `start..end`.
    Range(i64, i64),
    /// Matches as a whole.
    Regex(Regex),
    /// Ends with.
    Suffix(Box<[u8]>, bool),
}

impl RouteMatch {
    /// Whether `request` fits.
    pub(crate) fn matches(&self, request: &RequestView<'_>) -> bool {
        request.head.connect == matches!(self.path.path, Path::Connect)
            && self.path.matches(request.path)
            && self.headers.iter().all(|header| header.matches(request))
            && self
                .query
                .iter()
                .all(|wanted| wanted.matches(request.query))
            && (!self.grpc || is_grpc(request))
            && self
                .fraction
                .is_none_or(|share| fastrand::u32(..1_000_000) < share)
    }
}

impl Default for Path {
    fn default() -> Self {
        Self::Prefix(b"/".as_slice().into())
    }
}

impl PathMatch {
    fn matches(&self, path: &[u8]) -> bool {
        let same = |a: &[u8], b: &[u8]| {
            if self.ignore_case {
                a.eq_ignore_ascii_case(b)
            } else {
                a == b
            }
        };
        let starts = |text: &[u8]| path.len() >= text.len() && same(&path[..text.len()], text);
        match &self.path {
            Path::Prefix(text) => starts(text),
            Path::Exact(text) => same(path, text),
            Path::Regex(regex) => regex.is_match(path),
            Path::SeparatedPrefix(text) => {
                starts(text) && matches!(path.get(text.len()), None | Some(b'/'))
            }
            // It has none.
            Path::Connect => true,
        }
    }
}

impl HeaderMatch {
    /// Whether it fits a request.
    pub(crate) fn matches(&self, request: &RequestView<'_>) -> bool {
        let one = |value| self.holds(iter::once(value));
        match self.name.as_ref() {
            b":method" => one(request.head.method.of(request.bytes)),
            b":path" => one(request.target),
            b":authority" | b"host" => one(request.authority),
            b":scheme" => one(request.scheme),
            name => self.holds(values(request.bytes, &request.head.message, name)),
        }
    }

    /// Whether it fits the fields of a response.
    pub(crate) fn matches_response(&self, bytes: &[u8], head: &ResponseHead) -> bool {
        if *self.name != *b":status" {
            return self.holds(values(bytes, &head.message, &self.name));
        }
        let mut digits = [0; 3];
        let mut left = head.status;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        self.holds(iter::once(digits.as_slice()))
    }

    /// Whether it fits the only value, if there is one.
    pub(crate) fn matches_value(&self, value: Option<&[u8]>) -> bool {
        self.holds(value.into_iter())
    }

    /// One of several values is enough, as in Envoy; inverted, none may fit. Where there is none,
    /// only a presence condition can hold.
    fn holds<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>) -> bool {
        let empty = self.missing_is_empty.then_some(b"".as_slice());
        match values.next().or(empty) {
            Some(first) => {
                let mut all = iter::once(first).chain(values);
                all.any(|value| self.value.matches(value)) != self.invert
            }
            None => match self.value {
                ValueMatch::Present(wanted) => wanted == self.invert,
                _ => false,
            },
        }
    }
}

impl QueryMatch {
    /// Whether it fits a query.
    pub(crate) fn matches(&self, query: &[u8]) -> bool {
        let first = query
            .split(|byte| *byte == b'&')
            .map(|pair| {
                let at = pair.iter().position(|byte| *byte == b'=');
                let at = at.unwrap_or(pair.len());
                (&pair[..at], pair.get(at + 1..).unwrap_or_default())
            })
            .find(|(name, _)| *name == &*self.name && !query.is_empty());
        match first {
            Some((_, value)) => self.value.matches(value),
            None => matches!(self.value, ValueMatch::Present(false)),
        }
    }
}

impl ValueMatch {
    /// Whether a value that is there fits.
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        let same = |a: &[u8], b: &[u8], ignore_case: bool| {
            if ignore_case {
                a.eq_ignore_ascii_case(b)
            } else {
                a == b
            }
        };
        match self {
            Self::Contains(text, ignore) => {
                text.is_empty()
                    || value
                        .windows(text.len())
                        .any(|part| same(part, text, *ignore))
            }
            Self::Exact(text, ignore) => same(value, text, *ignore),
            Self::Prefix(text, ignore) => {
                value.len() >= text.len() && same(&value[..text.len()], text, *ignore)
            }
            Self::Present(wanted) => *wanted,
            Self::Range(start, end) => std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse::<i64>().ok())
                .is_some_and(|number| (*start..*end).contains(&number)),
            Self::Regex(regex) => regex.is_match(value),
            Self::Suffix(text, ignore) => {
                value.len() >= text.len() && same(&value[value.len() - text.len()..], text, *ignore)
            }
        }
    }
}

/// The values of a header, line by line.
fn values<'v>(
    bytes: &'v [u8],
    message: &'v Message,
    name: &'v [u8],
) -> impl Iterator<Item = &'v [u8]> {
    let fields = message.fields.iter();
    fields
        .filter(move |field| field.name.of(bytes).eq_ignore_ascii_case(name))
        .map(|field| Span::of(&field.value, bytes))
}

fn is_grpc(request: &RequestView<'_>) -> bool {
    let mut kinds = values(request.bytes, &request.head.message, b"content-type");
    let first = kinds.next().filter(|_| kinds.next().is_none());
    let rest = first.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// Path without query, and query without its question mark.
pub(crate) fn split_query(target: &[u8]) -> (&[u8], &[u8]) {
    match find_byte(target, b'?') {
        Some(at) => (&target[..at], &target[at + 1..]),
        None => (target, b""),
    }
}
