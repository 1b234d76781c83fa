// SPDX-License-Identifier: Apache-2.0
//! Phase: access log.
//!
//! In: a request that is over, and what was kept of it on the way. Out: a line in each log whose
//! filter lets it through. Where nothing is logged, nothing is kept.

use std::{net::SocketAddr, rc::Rc, sync::Arc};

use tokio::time::Instant;

use super::{
    exchange::Exchange,
    facts::{field_of, flags, protocol},
    hash,
    session::Session,
};
use crate::{
    cluster::Host,
    failure::transport_failure,
    http::{Known, grpc_status, request_id},
    log::Kind,
    route::{Facts, Moments, Upstream, Wire},
    trace::SpanId,
};

/// What a line needs and later phases would not have any more; recycled with the exchange.
#[derive(Default)]
pub(crate) struct Kept {
    /// The request is logged.
    pub(super) wanted: bool,
    /// The request's head, in the form in which it went upstream if it did.
    pub(super) request: Vec<u8>,
    /// The response's head, as the client gets it.
    response: Vec<u8>,
    /// The lines of its trailers.
    pub(super) trailers: Vec<u8>,
    /// The client's trusted address.
    pub(super) client: Option<SocketAddr>,
    /// Somebody wants it traced, or chance does.
    pub(super) traced: bool,
    /// The numbers of its trace and span.
    pub(super) trace: Option<([u8; 16], SpanId)>,
    /// Bytes with their framing, on the client's side and on the host's; only where the connection
    /// serves one request at a time.
    pub(super) wire: [Option<Wire>; 2],
    /// The name of the route.
    pub(super) route: Option<Arc<str>>,
    /// The host of an attempt that failed.
    pub(super) host: Option<Rc<Host>>,
    /// Our end of the connection to the host.
    pub(super) upstream: Option<SocketAddr>,
    /// When the request's head was complete, where it had to be waited for.
    pub(super) headed: Option<Instant>,
    /// When the upstream's head was there.
    pub(super) answered: Option<Instant>,
    /// When the response was sent.
    pub(super) responded: Option<Instant>,
}

impl Kept {
    /// Starts over; the vectors keep their capacity.
    pub(super) fn clear(&mut self) {
        if !self.wanted {
            return;
        }
        let vectors = [&mut self.request, &mut self.response, &mut self.trailers];
        let [request, response, trailers] = vectors.map(|vector| {
            vector.clear();
            std::mem::take(vector)
        });
        *self = Self {
            request,
            response,
            trailers,
            ..Self::default()
        };
    }

    /// Keeps the response's head, which is at the start of these bytes. Returns its length.
    pub(super) fn keep_response(&mut self, bytes: &[u8]) -> usize {
        let mut ends = bytes.windows(END.len());
        let end = ends.position(|window| window == END);
        let length = end.map_or(bytes.len(), |at| at + END.len());
        self.response.clear();
        self.response.extend_from_slice(&bytes[..length]);
        length
    }
}

/// Keeps the request's head before it leaves the inbox, where it does not go upstream. `routed` says
/// that it got as far as Envoy names requests.
pub(super) fn keep_request(session: &Session, exchange: &mut Exchange, routed: bool) {
    let Exchange { request, log, .. } = exchange;
    if !log.wanted {
        return;
    }
    log.client = Some(hash::client(session, request));
    let bytes = session.inbox.bytes();
    let kept = &mut log.request;
    kept.clear();
    for part in [
        request.method.of(bytes),
        b" ",
        request.path_of(bytes),
        b" \r\n",
    ] {
        kept.extend_from_slice(part);
    }
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            kept.extend_from_slice(part);
        }
    };
    let authority = request.authority.of(bytes);
    if !authority.is_empty() {
        line(b"host", authority);
    }
    let manager = session.manager();
    let (mut named, mut forwarded) = (!routed || !manager.generate_request_id, false);
    for field in &request.message.fields {
        match field.known {
            Known::Host => continue,
            Known::RequestId if manager.replaces_request_id() && routed => continue,
            Known::RequestId => named = true,
            Known::ForwardedProto => forwarded = true,
            _ => {}
        }
        line(field.name.of(bytes), field.value.of(bytes));
    }
    if !named {
        line(b"x-request-id", &request_id());
    }
    if !forwarded {
        line(b"x-forwarded-proto", session.scheme);
    }
}

/// Logs a request that is over.
pub(super) fn write(session: &Session, exchange: &Exchange) {
    let logs = &session.manager().logs;
    with_facts(session, exchange, |facts| {
        logs.write(facts, Kind::RequestEnd);
    });
}

/// Tells what is known of a request, of which something was kept.
pub(super) fn with_facts<T>(
    session: &Session,
    exchange: &Exchange,
    tell: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let Exchange { record, log, .. } = exchange;
    let logs = &session.manager().logs;
    let request = |name: &str| field_of(&log.request, name);
    let response = |name: &str| field_of(&log.response, name);
    // The lines follow no first line.
    let trailers = |name: &str| line_of(&log.trailers, name);
    let host = record.host.as_ref().or(log.host.as_ref());
    let endpoint = host.map(|host| host.endpoint.borrow());
    let [downstream_wire, upstream_wire] = log.wire;
    let tls = session.tls.as_deref();
    let details = match record.details {
        "" if record.responding => "via_upstream",
        details => details,
    };
    let facts = Facts {
        request: Some(&request),
        response: Some(&response),
        trailers: Some(&trailers),
        client: log.client.or(Some(session.peer)),
        peer: Some(session.peer),
        local: logs.reads_ends[0].then(|| session.local()).flatten(),
        protocol: Some(protocol(session.stream.is_http2())),
        age: record
            .started
            .map_or_else(Default::default, |at| at.elapsed()),
        moments: moments(exchange),
        connection: Some(session.mark.number),
        server_name: tls.and_then(|tls| tls.server_name.as_deref()),
        tls_version: tls.and_then(|tls| tls.version),
        tls_failure: None,
        route: log.route.as_deref(),
        cluster: host
            .map(|host| &host.config.name)
            .or(record.cluster_name.as_ref())
            .map(|name| &**name),
        host: host.map(|host| host.address),
        host_name: endpoint.as_ref().map(|endpoint| endpoint.hostname.as_str()),
        upstream: record.connected.map(|_| Upstream {
            local: log.upstream,
            protocol: Some(protocol(record.shared)),
        }),
        attempts: match record.cluster {
            Some(_) => exchange.retry.retries + 1,
            None => 0,
        },
        traced: log.traced,
        received: exchange.upload.carried(),
        sent: exchange.download.carried(),
        status: match record.status {
            0 => 0,
            // An answer of ours tells a gRPC client what is wrong in other ways.
            status => told_status(&log.response).unwrap_or(status),
        },
        grpc: grpc(exchange),
        flags: &flags(exchange),
        details,
        transport_failure: transport_failure(details),
        termination: "",
        kind: "",
        trace: log.trace,
        downstream_wire,
        upstream_wire,
    };
    tell(&facts)
}

/// How a gRPC request ended: as its trailers say, or its head, or its status.
fn grpc(exchange: &Exchange) -> Option<u32> {
    let Exchange { record, log, .. } = exchange;
    if !exchange.is_grpc() || record.status == 0 {
        return None;
    }
    let trailed = line_of(&log.trailers, "grpc-status");
    let told = trailed.or_else(|| field_of(&log.response, "grpc-status"));
    let told = told.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    told.or_else(|| Some(grpc_status(record.status)))
}

fn told_status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(field_of(head, ":status")?)
        .ok()?
        .parse()
        .ok()
}

fn moments(exchange: &Exchange) -> Moments {
    let Exchange { record, log, .. } = exchange;
    let since = |at: Option<Instant>| at.zip(record.started).map(|(at, start)| at - start);
    let message = &exchange.request.message;
    let has_body = message.chunked || message.content_length.unwrap_or(0) > 0;
    Moments {
        received: match (record.received, has_body) {
            (false, _) => None,
            (true, true) => since(record.sent),
            (true, false) => since(log.headed.or(record.started)),
        },
        forwarded: since(record.sent.filter(|_| record.uploaded)),
        answered: since(log.answered),
        responded: since(log.responded),
    }
}

fn line_of<'a>(lines: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines.split(|byte| *byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let found = line[..colon].eq_ignore_ascii_case(name.as_bytes());
        found.then(|| line[colon + 1..].trim_ascii())
    })
}

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";
