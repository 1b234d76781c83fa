// SPDX-License-Identifier: Apache-2.0
//! The parsers for what comes from outside, for the targets in `fuzz/`; only with the feature
//! `fuzzing`.
//!
//! In: bytes. Out: what they were taken for, copied, and what would be sent on.

mod http2;

use std::net::SocketAddr;

use sluicegate_xds::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, Rds, http_connection_manager::RouteSpecifier,
};

use crate::{
    http::{
        Framing, Limits, Message, NameCase, Parsed, PathRules, RequestHead, ResponseHead, Trailers,
        UpstreamRequest,
    },
    listen::{of_block, of_line},
    plan::ConnectionManager,
    route::{Mutations, PathRewrite},
};

pub use http2::{Conversation, Served, converse, decode_heads, encode_heads};

/// What became of a message.
#[derive(Debug)]
pub enum Outcome<T> {
    /// It was understood.
    Complete(T),
    /// More must be read.
    Partial,
    /// It is refused.
    Refused,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// After the last chunk.
    Chunked,
    /// After this many bytes.
    Length(u64),
    /// The head does not say.
    Unsaid,
}

/// Fields, names as they were written.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// A request head.
#[derive(Debug)]
pub struct Request {
    /// Its method.
    pub method: Vec<u8>,
    /// Path and query.
    pub target: Vec<u8>,
    /// The authority.
    pub host: Vec<u8>,
    /// Its fields.
    pub fields: Fields,
    /// Its body.
    pub body: Body,
    /// Bytes of the head.
    pub length: usize,
    /// The head as it goes upstream.
    pub forwarded: Vec<u8>,
}

/// A response head.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub fields: Fields,
    /// Its body.
    pub body: Body,
    /// Bytes of the head.
    pub length: usize,
}

/// A chunked body.
#[derive(Debug, PartialEq, Eq)]
pub struct Chunks {
    /// What is sent on.
    pub forwarded: Vec<u8>,
    /// Bytes that it consisted of.
    pub length: usize,
}

/// The settings that the tests of heads have.
#[derive(Debug)]
pub struct Settings(ConnectionManager);

impl Default for Settings {
    fn default() -> Self {
        let manager = HttpConnectionManager {
            route_specifier: Some(RouteSpecifier::Rds(Rds::default())),
            ..HttpConnectionManager::default()
        };
        let compiled = ConnectionManager::compile(&manager, &mut Default::default());
        Self(compiled.expect("invariant: the defaults compile"))
    }
}

/// Reads a request head; one for a tunnel counts as refused: no other request follows it.
pub fn request_head(settings: &Settings, bytes: &[u8]) -> Outcome<Request> {
    let mut head = RequestHead::default();
    match head.parse(bytes, settings.0.limits) {
        Ok(Parsed::Complete) => {}
        Ok(Parsed::Partial) => return Outcome::Partial,
        Err(_) => return Outcome::Refused,
    }
    if head.connect {
        return Outcome::Refused;
    }
    let method = head.method.of(bytes).to_vec();
    let mut forwarded = Vec::new();
    UpstreamRequest {
        bytes,
        head: &head,
        manager: &settings.0,
        client: "",
        peer: "",
        scheme: b"http",
        mutations: &Mutations::default(),
        case: NameCase::Lower,
        host: None,
        forwarded_host: false,
        path: &PathRewrite::None,
        drop_underscores: false,
        expected_timeout: None,
        attempt: None,
        upgrade: false,
        http2: false,
        grpc_timeout: None,
        trace: None,
        shadow: None,
        length: None,
        hides_accept: false,
    }
    .push(&mut forwarded);
    Outcome::Complete(Request {
        method,
        target: head.path_of(bytes).to_vec(),
        host: head.authority.of(bytes).to_vec(),
        fields: fields(&head.message, bytes),
        body: body(&head.message),
        length: head.message.length,
        forwarded,
    })
}

/// The path in its normal form, with slashes merged.
pub fn normalized(settings: &Settings, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut head = RequestHead::default();
    let parsed = head.parse(bytes, settings.0.limits);
    let rules = PathRules {
        normalize: true,
        merge_slashes: true,
        ..PathRules::default()
    };
    if parsed != Ok(Parsed::Complete) || head.normalize(bytes, rules).is_err() {
        return None;
    }
    Some(head.path_of(bytes).to_vec())
}

/// Reads a response head.
pub fn response_head(bytes: &[u8]) -> Outcome<Response> {
    let mut head = ResponseHead::default();
    let limits = Limits {
        count: 100,
        bytes: 80 * 1024,
    };
    match head.parse(bytes, limits) {
        Ok(Parsed::Complete) => Outcome::Complete(Response {
            status: head.status,
            fields: fields(&head.message, bytes),
            body: body(&head.message),
            length: head.message.length,
        }),
        Ok(Parsed::Partial) => Outcome::Partial,
        Err(_) => Outcome::Refused,
    }
}

/// Reads a chunked body that comes in pieces of `step` bytes.
pub fn chunks(input: &[u8], step: usize, trailers: bool) -> Outcome<Chunks> {
    let mut framing = Framing::chunked(if trailers {
        Trailers::Forward
    } else {
        Trailers::Drop
    });
    read(&mut framing, input, step)
}

/// The same, sent on without framing; also returns its trailer lines.
pub fn data(input: &[u8], step: usize) -> Outcome<(Chunks, Vec<u8>)> {
    let mut framing = Framing::chunked(Trailers::Drop).bare();
    match read(&mut framing, input, step) {
        Outcome::Complete(chunks) => Outcome::Complete((chunks, framing.trailers().to_vec())),
        Outcome::Partial => Outcome::Partial,
        Outcome::Refused => Outcome::Refused,
    }
}

/// Who a PROXY line, without its line end, announces.
pub fn proxy_line(line: &[u8]) -> Outcome<Option<(SocketAddr, SocketAddr)>> {
    origin(of_line(line))
}

/// Who a binary PROXY header announces: command and family, then what its length covers.
pub fn proxy_block(kind: [u8; 2], body: &[u8]) -> Outcome<Option<(SocketAddr, SocketAddr)>> {
    origin(of_block(kind, body))
}

fn origin(
    read: std::io::Result<Option<crate::connect::Origin>>,
) -> Outcome<Option<(SocketAddr, SocketAddr)>> {
    match read {
        Ok(origin) => Outcome::Complete(origin.map(|one| (one.source, one.destination))),
        Err(_) => Outcome::Refused,
    }
}

fn read(framing: &mut Framing, input: &[u8], step: usize) -> Outcome<Chunks> {
    let mut chunks = Chunks {
        forwarded: Vec::new(),
        length: 0,
    };
    for piece in input.chunks(step.max(1)) {
        let mut rest = piece;
        while !rest.is_empty() && !framing.done() {
            let Ok(staged) = framing.stage(rest, &mut chunks.forwarded) else {
                return Outcome::Refused;
            };
            chunks.forwarded.extend_from_slice(&rest[staged.raw]);
            chunks.forwarded.extend_from_slice(staged.tail);
            chunks.length += staged.taken;
            rest = &rest[staged.taken..];
        }
    }
    if framing.done() {
        Outcome::Complete(chunks)
    } else {
        Outcome::Partial
    }
}

fn fields(message: &Message, bytes: &[u8]) -> Fields {
    let fields = message.fields.iter();
    fields
        .map(|field| {
            (
                field.name.of(bytes).to_vec(),
                field.value.of(bytes).to_vec(),
            )
        })
        .collect()
}

fn body(message: &Message) -> Body {
    match (message.chunked, message.content_length) {
        (true, _) => Body::Chunked,
        (false, Some(length)) => Body::Length(length),
        (false, None) => Body::Unsaid,
    }
}
