// SPDX-License-Identifier: Apache-2.0
//! The operators, and what each of them writes.
//!
//! In: what is known of a request. Out: the value of an operator, or word that there is none.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Facts, Protocol, Wire, grpc, path::Path, time::push_time};
use crate::{failure::long_flag, http::push_decimal, http::request_id};

/// A compiled operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operator {
    /// A part of an address.
    Address(Address, Piece),
    /// A field of a message.
    Field {
        /// Which one.
        message: Message,
        /// Its names, the first that is there counts.
        names: Vec<String>,
        /// Bytes at most.
        limit: usize,
    },
    /// How a gRPC request ended.
    Grpc(grpc::Style),
    /// A part of the path.
    Path(Path),
    /// One without parameters.
    Plain(Plain),
    /// Milliseconds, or smaller units, from one moment to another.
    Span(Moment, Moment, Unit),
    /// A constant.
    Text(Vec<u8>),
    /// A time of day.
    Time(Day, Option<String>),
    /// One that Envoy knows, and for which nothing is known here, in words.
    Unfilled(&'static str),
}

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// The trusted address of the client.
    Client,
    /// The host that was picked.
    Host,
    /// Our end of the client's connection.
    Local,
    /// The other end of it.
    Peer,
    /// Our end of the connection to the host.
    Source,
    /// The other end of it, once it is there.
    Upstream,
}

/// A part of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Without its port.
    Ip,
    /// The port alone.
    Port,
    /// Both.
    Whole,
}

/// A message with fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// The request.
    Request,
    /// The response.
    Response,
    /// The trailers of the response.
    Trailers,
}

/// Operators without parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Attempts,
    Cluster,
    Connection,
    Details,
    DownstreamReceived,
    DownstreamSent,
    Flags,
    FlagsLong,
    HostName,
    Kind,
    LocalReplyBody,
    Protocol,
    Received,
    Route,
    Sent,
    ServerName,
    SpanId,
    Status,
    Termination,
    TlsFailure,
    TlsVersion,
    TraceId,
    TransportFailure,
    UniqueId,
    UpstreamProtocol,
    UpstreamReceived,
    UpstreamSent,
}

/// Something that happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its first byte is received.
    Begin,
    /// See [`super::Moments`].
    Received,
    /// The same.
    Forwarded,
    /// The same.
    Answered,
    /// The same.
    Responded,
    /// It is over, however it ended.
    End,
    /// Nothing that is known here.
    Never,
}

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Milliseconds.
    Milli,
    /// Microseconds.
    Micro,
    /// Nanoseconds.
    Nano,
}

/// Times of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Day {
    /// Now.
    Emit,
    /// When the request began.
    Start,
}

impl Moment {
    fn at(self, facts: &Facts<'_>) -> Option<Duration> {
        match self {
            Self::Begin => Some(Duration::ZERO),
            Self::Received => facts.moments.received,
            Self::Forwarded => facts.moments.forwarded,
            Self::Answered => facts.moments.answered,
            Self::Responded => facts.moments.responded,
            Self::End => Some(facts.age),
            Self::Never => None,
        }
    }
}

impl Operator {
    /// Whether its value is a number in JSON.
    pub(crate) fn is_number(&self) -> bool {
        match self {
            Self::Address(_, piece) => *piece == Piece::Port,
            Self::Grpc(style) => *style == grpc::Style::Number,
            Self::Plain(plain) => matches!(
                plain,
                Plain::Attempts
                    | Plain::Connection
                    | Plain::DownstreamReceived
                    | Plain::DownstreamSent
                    | Plain::Received
                    | Plain::Sent
                    | Plain::Status
                    | Plain::UpstreamReceived
                    | Plain::UpstreamSent
            ),
            Self::Span(..) => true,
            Self::Field { .. }
            | Self::Path(_)
            | Self::Text(_)
            | Self::Time(..)
            | Self::Unfilled(_) => false,
        }
    }

    /// Writes its value, if it has one.
    pub(crate) fn push(&self, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::Address(which, piece) => push_address(which.of(facts), *piece, out),
            Self::Field {
                message,
                names,
                limit,
            } => {
                let find = match message {
                    Message::Request => facts.request,
                    Message::Response => facts.response,
                    Message::Trailers => facts.trailers,
                };
                let value = find.and_then(|find| names.iter().find_map(|name| find(name)));
                push_bytes(value.map(|value| &value[..value.len().min(*limit)]), out)
            }
            Self::Grpc(style) => facts.grpc.is_some_and(|status| {
                style.push(status, out);
                true
            }),
            Self::Path(path) => path.push(facts, out),
            Self::Plain(plain) => plain.push(facts, out),
            Self::Span(from, to, unit) => {
                let ends = from.at(facts).zip(to.at(facts));
                let span = ends.and_then(|(from, to)| to.checked_sub(from));
                push_number(span.map(|span| unit.count(span)), out)
            }
            Self::Text(text) => push_bytes(Some(text), out),
            Self::Time(day, format) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let back = match day {
                    Day::Emit => Duration::ZERO,
                    Day::Start => facts.age,
                };
                let time = now.unwrap_or_default().saturating_sub(back);
                let format = format.as_deref().unwrap_or("%Y-%m-%dT%H:%M:%E3SZ");
                push_time(format, time, out);
                true
            }
            Self::Unfilled(_) => false,
        }
    }
}

impl Address {
    fn of(self, facts: &Facts<'_>) -> Option<SocketAddr> {
        match self {
            Self::Client => facts.client,
            Self::Host => facts.host,
            Self::Local => facts.local,
            Self::Peer => facts.peer,
            Self::Source => facts.upstream.and_then(|upstream| upstream.local),
            Self::Upstream => facts.host.filter(|_| facts.upstream.is_some()),
        }
    }
}

impl Plain {
    /// Nothing is known of it while the request runs.
    pub(super) fn is_known_at_the_end(self) -> bool {
        matches!(
            self,
            Self::DownstreamReceived
                | Self::DownstreamSent
                | Self::Kind
                | Self::SpanId
                | Self::Termination
                | Self::TraceId
                | Self::UpstreamReceived
                | Self::UpstreamSent
        )
    }

    fn push(self, facts: &Facts<'_>, out: &mut Vec<u8>) -> bool {
        let some = |text: &str, out: &mut Vec<u8>| {
            push_bytes(Some(text.as_bytes()).filter(|text| !text.is_empty()), out)
        };
        let wire = |wire: Option<Wire>, of: fn(Wire) -> u64| wire.map(|wire| u128::from(of(wire)));
        match self {
            Self::Attempts => push_number(Some(facts.attempts.into()), out),
            Self::Cluster => some(facts.cluster.unwrap_or_default(), out),
            Self::Connection => push_number(facts.connection.map(u128::from), out),
            Self::Details => some(facts.details, out),
            Self::DownstreamReceived => {
                push_number(wire(facts.downstream_wire, |wire| wire.received), out)
            }
            Self::DownstreamSent => push_number(wire(facts.downstream_wire, |wire| wire.sent), out),
            Self::Flags if facts.flags.is_empty() => push_bytes(Some(b"-"), out),
            Self::Flags => some(facts.flags, out),
            Self::FlagsLong => {
                for (at, flag) in facts.flags.split(',').enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(long_flag(flag).as_bytes());
                }
                true
            }
            Self::HostName => match facts.host_name {
                Some("") => push_address(facts.host, Piece::Whole, out),
                name => some(name.unwrap_or_default(), out),
            },
            Self::Kind if facts.kind.is_empty() => push_bytes(Some(b"NotSet"), out),
            Self::Kind => some(facts.kind, out),
            // Answers made here are not rewritten.
            Self::LocalReplyBody => true,
            Self::Protocol => some(facts.protocol.map_or("", Protocol::name), out),
            Self::Received => push_number(Some(facts.received.into()), out),
            Self::Route => some(facts.route.unwrap_or_default(), out),
            Self::Sent => push_number(Some(facts.sent.into()), out),
            Self::ServerName => some(facts.server_name.unwrap_or_default(), out),
            Self::SpanId => push_hex(facts.trace.as_ref().map(|(_, span)| &span[..]), out),
            Self::Status => push_number(Some(facts.status.into()), out),
            Self::Termination => some(facts.termination, out),
            Self::TlsFailure => some(facts.tls_failure.unwrap_or_default(), out),
            Self::TlsVersion => some(facts.tls_version.unwrap_or_default(), out),
            Self::TraceId => push_hex(facts.trace.as_ref().map(|(trace, _)| &trace[..]), out),
            Self::TransportFailure => some(facts.transport_failure, out),
            Self::UniqueId => push_bytes(Some(&request_id()), out),
            Self::UpstreamProtocol => {
                let protocol = facts.upstream.and_then(|upstream| upstream.protocol);
                some(protocol.map_or("", Protocol::name), out)
            }
            Self::UpstreamReceived => {
                push_number(wire(facts.upstream_wire, |wire| wire.received), out)
            }
            Self::UpstreamSent => push_number(wire(facts.upstream_wire, |wire| wire.sent), out),
        }
    }
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

impl Unit {
    fn count(self, span: Duration) -> u128 {
        match self {
            Self::Milli => span.as_millis(),
            Self::Micro => span.as_micros(),
            Self::Nano => span.as_nanos(),
        }
    }
}

fn push_address(address: Option<SocketAddr>, piece: Piece, out: &mut Vec<u8>) -> bool {
    let Some(address) = address else {
        return false;
    };
    let ip = address.ip().to_canonical();
    match ip {
        _ if piece == Piece::Port => {}
        IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                push_decimal(octet.into(), out);
            }
        }
        IpAddr::V6(ip) if piece == Piece::Whole => {
            out.extend_from_slice(format!("[{ip}]").as_bytes())
        }
        IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
    if piece == Piece::Whole {
        out.push(b':');
    }
    if piece != Piece::Ip {
        push_decimal(address.port().into(), out);
    }
    true
}

fn push_hex(bytes: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes.unwrap_or_default() {
        let digits = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]);
        out.extend_from_slice(&digits);
    }
    bytes.is_some()
}

fn push_bytes(value: Option<&[u8]>, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(value.unwrap_or_default());
    value.is_some()
}

fn push_number(value: Option<u128>, out: &mut Vec<u8>) -> bool {
    if let Some(value) = value {
        push_decimal(u64::try_from(value).unwrap_or(u64::MAX), out);
    }
    value.is_some()
}
