// SPDX-License-Identifier: Apache-2.0
//! Phase: send head.
//!
//! In: the request and its target. Out: the head as it goes upstream, ready in the upload; it leaves
//! together with the first bytes of the body.

use tokio::time::Instant;

use super::{
    access_log,
    exchange::Exchange,
    facts, grpc_timeout, hash,
    mirror::{self, Mirrored},
    pick_host::{Target, name_hosts},
    session::Session,
    trace,
};
use crate::{
    balance::Overrides,
    cluster::LocalCluster,
    failure::Failure,
    http::{
        ATTEMPT_COUNT, EXPECTED_TIMEOUT, Framing, Known, NameCase, TRACEPARENT, Trailers,
        UpstreamRequest, expected_timeout, push_decimal, replace_value, timeout_milliseconds,
    },
    plan::Underscores,
    pool::{Lane, Protocol},
    route::{ConnectConfig, without_port},
};

/// Writes the head into the upload. The client's head is gone from the inbox afterwards.
pub(super) fn write_head(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    trace::begin_attempt(exchange, target);
    if exchange.request.connect
        && let Some(connect) = &target.action.connect
    {
        terminate(session, exchange, target, connect);
        return Ok(());
    }
    session.name_peer();
    exchange.record.lane = lane(session, exchange, target);
    if target.cluster.config.http2.is_some() {
        exchange.record.https = is_https(session, exchange);
    }
    let mut out = std::mem::take(&mut exchange.upload.out);
    push(session, exchange, target, None, &mut out);
    exchange.upload.out = out;
    trace::note_head(session, exchange);
    if !target.action.mirrors.is_empty() && !exchange.request.connect {
        start_mirrors(session, exchange, target);
    }
    if exchange.record.upgrade.is_some() {
        // What follows belongs to the tunnel.
        exchange.upload.framing = Framing::Empty;
        exchange.upload.open = true;
    } else if session.stream.is_http2() {
        // Its framing says so already.
    } else if exchange.request.message.chunked {
        exchange.upload.framing = Framing::chunked(
            if session.manager().trailers && target.cluster.config.trailers {
                Trailers::Forward
            } else {
                Trailers::Drop
            },
        );
    }
    let response_changes = exchange.record.mutations.as_ref();
    let formats = response_changes.is_some_and(|changes| changes.has_formats());
    if exchange.retry.keeps() {
        keep(session, exchange, target);
    }
    let expects_continue = exchange.request.message.expects_continue;
    if formats {
        exchange.record.client = Some(hash::client(session, &exchange.request));
        exchange.record.sent_head.clone_from(&exchange.upload.out);
    }
    if exchange.log.wanted {
        exchange.log.client = Some(hash::client(session, &exchange.request));
        exchange.log.request.clone_from(&exchange.upload.out);
    }
    session.inbox.consume(exchange.request.message.length);
    exchange.record.taken = true;
    if expects_continue && !exchange.upload.framing.done() && session.inbox.is_empty() {
        // Envoy itself tells the client to go on; a client that did not wait is not told.
        match session.stream.message() {
            Some(message) => message.send_continue(),
            None => exchange.download.out.extend_from_slice(CONTINUE),
        }
    }
    Ok(())
}

/// The tunnel of a CONNECT ends here: its bytes go to the host as they are, behind what tells the
/// host whose they are.
fn terminate(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
    connect: &ConnectConfig,
) {
    exchange.record.lane = Lane {
        protocol: Protocol::Tcp,
        ..lane(session, exchange, target)
    };
    let origin = session.origin();
    if let (Some(proxy), Some(origin)) = (&connect.proxy_protocol, origin) {
        let header = proxy.header(Some(origin), origin);
        exchange.upload.out.extend_from_slice(&header);
    }
    exchange.upload.framing = Framing::Empty;
    exchange.upload.open = true;
    if exchange.retry.keeps() {
        keep(session, exchange, target);
    }
    access_log::keep_request(session, exchange, true);
    session.inbox.consume(exchange.request.message.length);
    exchange.record.taken = true;
}

/// What is sent from here on is kept for retries.
fn keep(session: &Session, exchange: &mut Exchange, target: &Target<'_>) {
    let Exchange { upload, retry, .. } = exchange;
    retry.head.extend_from_slice(&upload.out);
    match exchange.record.lane.protocol {
        Protocol::Http1 | Protocol::Tcp => {}
        Protocol::Http2 => upload.strip_framing(),
        // The next connection may want the other framing.
        Protocol::Negotiated if exchange.request.message.chunked => return,
        Protocol::Negotiated => {}
    }
    upload.keep(target.action.buffer.limit(session.listener.buffer_limit));
}

/// Puts the head back into the upload, in front of the body, with what changes from attempt to
/// attempt.
pub(super) fn write_head_again(session: &Session, exchange: &mut Exchange, target: &Target<'_>) {
    trace::begin_attempt(exchange, target);
    let Exchange {
        upload,
        retry,
        record,
        ..
    } = exchange;
    let head = &mut retry.head;
    let mut digits = Vec::new();
    let mut number = |name, value: u64, head: &mut Vec<u8>| {
        digits.clear();
        push_decimal(value, &mut digits);
        replace_value(head, name, &digits);
    };
    if target.action.count_attempts {
        number(ATTEMPT_COUNT, u64::from(retry.retries) + 1, head);
    }
    let now = Instant::now();
    let left = exchange.deadlines.route.map(|at| at - now);
    let left = left.or(record.route_timeout);
    if let Some(timeout) = expected_timeout(retry.per_try, left)
        && !session.manager().suppress_envoy_headers
    {
        number(EXPECTED_TIMEOUT, timeout_milliseconds(timeout), head);
    }
    let traced = record.trace.as_ref();
    if let Some((traceparent, _)) = traced.and_then(|trace| trace.fields(false).context) {
        replace_value(head, TRACEPARENT, traceparent.as_bytes());
    }
    let endpoint = target.host.endpoint.borrow();
    if target.action.auto_host && target.backend.host.is_none() && !endpoint.hostname.is_empty() {
        replace_value(head, b"host", endpoint.hostname.as_bytes());
    }
    upload.rewind(head);
    record.uploaded = false;
    record.upload_broken = false;
}

/// Writes the head for the target's cluster, or for a mirror's.
fn push(
    session: &Session,
    exchange: &Exchange,
    target: &Target<'_>,
    mirror: Option<&LocalCluster>,
    out: &mut Vec<u8>,
) {
    let Target {
        action,
        backend,
        cluster,
        host,
    } = target;
    let manager = session.manager();
    let endpoint = host.endpoint.borrow();
    let auto_host =
        (action.auto_host && !endpoint.hostname.is_empty()).then_some(endpoint.hostname.as_bytes());
    let config = mirror.map_or(&cluster.config, |mirror| &mirror.config);
    let formatted = facts::of_request(session, exchange, &config.name, &backend.request_headers);
    UpstreamRequest {
        bytes: session.inbox.bytes(),
        head: &exchange.request,
        manager,
        client: &session.client_text,
        peer: &session.peer_text,
        scheme: session.scheme,
        mutations: formatted.as_ref().unwrap_or(&backend.request_headers),
        case: request_case(session, config.request_case),
        host: backend
            .host
            .as_deref()
            .or(action.host.as_deref())
            .or(auto_host),
        forwarded_host: action.forwarded_host,
        path: &action.path,
        drop_underscores: [manager.underscores, config.underscores].contains(&Underscores::Drop),
        expected_timeout: expected_timeout(exchange.retry.per_try, exchange.record.route_timeout),
        attempt: action.count_attempts.then_some(1),
        upgrade: exchange.record.upgrade.is_some() && !exchange.request.connect,
        http2: config.speaks.protocol(session.stream.is_http2()) == Protocol::Http2,
        grpc_timeout: exchange.record.grpc_timeout.map(grpc_timeout::value),
        length: exchange.record.collected,
        hides_accept: exchange
            .record
            .accepts
            .as_ref()
            .is_some_and(|accepts| accepts.hidden),
        trace: exchange
            .record
            .trace
            .as_ref()
            .map(|trace| trace.fields(mirror.is_some())),
        shadow: mirror.map(|_| &*session.worker.local_address),
    }
    .push(out);
}

/// Starts a copy for each mirror that is drawn.
fn start_mirrors(session: &Session, exchange: &mut Exchange, target: &Target<'_>) {
    for mirror in &target.action.mirrors {
        if fastrand::u32(..1_000_000) >= mirror.share {
            continue;
        }
        let Some(cluster) = session.worker.cluster(mirror.cluster) else {
            continue;
        };
        let mut head = Vec::new();
        push(session, exchange, target, Some(&cluster), &mut head);
        let mut overrides = Overrides::default();
        name_hosts(session, &exchange.request, &cluster, &mut overrides);
        let mirrored = Mirrored {
            head,
            overrides,
            lane: Lane {
                protocol: cluster.config.speaks.protocol(session.stream.is_http2()),
                ..Lane::default()
            },
            https: is_https(session, exchange),
            framing: exchange.upload.framing.fresh(),
            cluster,
            head_only: exchange.record.head_only,
            limit: target.action.timeout,
        };
        exchange
            .upload
            .tees
            .push(mirror::start(&session.worker, mirrored));
    }
}

/// What the connection must have been made for.
fn lane(session: &Session, exchange: &Exchange, target: &Target<'_>) -> Lane {
    let config = &target.cluster.config;
    let announced = config.proxy_protocol.is_some();
    let server_name = config.auto_sni.then(|| {
        let rewritten = target.backend.host.as_deref();
        let host = rewritten
            .or(target.action.host.as_deref())
            .unwrap_or(exchange.request.authority.of(session.inbox.bytes()));
        let name = without_port(host);
        let name = name.strip_prefix(b"[").unwrap_or(name);
        let name = name.strip_suffix(b"]").unwrap_or(name);
        String::from_utf8_lossy(name).into()
    });
    Lane {
        protocol: config.speaks.protocol(session.stream.is_http2()),
        origin: announced.then(|| session.origin()).flatten(),
        server_name,
    }
}

/// Whether `:scheme` is https: what the client named, else what the proxy in front of us said, else
/// whether the client's connection is encrypted.
pub(super) fn is_https(session: &Session, exchange: &Exchange) -> bool {
    let edge = session.manager().use_remote_address && session.manager().trusted_hops == 0;
    let bytes = session.inbox.bytes();
    let forwarded = || {
        let mut fields = exchange.request.message.fields.iter();
        let said = fields.find(|field| !edge && field.known == Known::ForwardedProto)?;
        match said.value.of(bytes) {
            b"https" => Some(true),
            b"http" => Some(false),
            _ => None,
        }
    };
    let named = exchange.request.https.or_else(forwarded);
    named.unwrap_or(session.scheme == b"https")
}

/// A message that carries its spelling along wins over the writer's rule; one of HTTP/2 has none.
fn request_case(session: &Session, writer: NameCase) -> NameCase {
    if session.manager().preserve_request_case && !session.stream.is_http2() {
        NameCase::Preserve
    } else {
        writer
    }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
