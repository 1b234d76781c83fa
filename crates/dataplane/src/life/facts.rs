// SPDX-License-Identifier: Apache-2.0
//! What formatters in header values can tell of a request.
//!
//! In: a connection and a request, at one of its phases. Out: header changes whose values are plain
//! bytes; `None` for routes without formatters, whose values are.

use std::borrow::Cow;

use super::{exchange::Exchange, hash, session::Session};
use crate::{
    cluster::Host,
    http::{RequestHead, ResponseHead},
    route::{Facts, Mutations},
};

/// Changes of the request, before its head leaves the inbox.
pub(super) fn of_request(
    session: &Session,
    exchange: &Exchange,
    cluster: &str,
    mutations: &Mutations,
) -> Option<Mutations> {
    if !mutations.has_formats() {
        return None;
    }
    let bytes = session.inbox.bytes();
    let request = |name: &str| head_field(session, &exchange.request, bytes, name);
    Some(mutations.resolve(&Facts {
        request: Some(&request),
        cluster: Some(cluster),
        ..common(session, exchange)
    }))
}

/// Changes of the upstream's response.
pub(super) fn of_response(
    session: &Session,
    exchange: &Exchange,
    host: &Host,
    mutations: &Mutations,
) -> Option<Mutations> {
    if !mutations.has_formats() {
        return None;
    }
    let request = |name: &str| sent_field(&exchange.record.sent_head, name);
    let (head, bytes) = (&exchange.response, exchange.answer.bytes());
    let status = head.status.to_string();
    let response = |name: &str| match name {
        ":status" => Some(status.as_bytes()),
        name => response_field(head, bytes, name),
    };
    Some(mutations.resolve(&Facts {
        request: Some(&request),
        response: Some(&response),
        cluster: Some(&host.config.name),
        host: Some(host.address),
        status: head.status,
        flags: &flags(exchange),
        details: "via_upstream",
        ..common(session, exchange)
    }))
}

/// Changes of an answer made here, whose head may or may not have left the inbox.
pub(super) fn of_reply(
    session: &Session,
    exchange: &Exchange,
    status: u16,
    mutations: &Mutations,
) -> Option<Mutations> {
    if !mutations.has_formats() {
        return None;
    }
    let sent = &exchange.record.sent_head;
    let request = |name: &str| sent_field(sent, name);
    let status = status.to_string();
    let response = |name: &str| (name == ":status").then_some(status.as_bytes());
    let host = exchange.record.host.as_ref();
    Some(
        mutations.resolve(&Facts {
            request: Some(&request),
            response: Some(&response),
            cluster: host
                .map(|host| &host.config.name)
                .or(exchange.record.cluster_name.as_ref())
                .map(|name| &**name),
            host: host.map(|host| host.address),
            flags: &flags(exchange),
            details: exchange.record.details,
            ..common(session, exchange)
        }),
    )
}

/// `%RESPONSE_FLAGS%`, in Envoy's order.
fn flags(exchange: &Exchange) -> Cow<'static, str> {
    const BEFORE_A_DELAY: [&str; 9] = ["LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR"];
    let flag = match exchange.record.flag {
        "-" => "",
        flag => flag,
    };
    match (exchange.record.delayed, flag) {
        (false, flag) => flag.into(),
        (true, "") => "DI".into(),
        (true, flag) if BEFORE_A_DELAY.contains(&flag) => format!("{flag},DI").into(),
        (true, flag) => format!("DI,{flag}").into(),
    }
}

/// Keeps what changes of the response will want to know of the request: its head in the form in
/// which it was received.
pub(super) fn keep_received(session: &Session, exchange: &mut Exchange) {
    let wanted = exchange.record.mutations.as_ref();
    if !wanted.is_some_and(|mutations| mutations.reads_request()) {
        return;
    }
    let bytes = session.inbox.bytes();
    let head = &exchange.request;
    let kept = &mut exchange.record.sent_head;
    kept.clear();
    for part in [head.method.of(bytes), b" ", head.path_of(bytes), b" \r\n"] {
        kept.extend_from_slice(part);
    }
    for field in &head.message.fields {
        for part in [field.name.of(bytes), b": ", field.value.of(bytes), b"\r\n"] {
            kept.extend_from_slice(part);
        }
    }
}

fn common<'a>(session: &Session, exchange: &Exchange) -> Facts<'a> {
    Facts {
        client: Some(if exchange.record.taken {
            exchange.record.client.unwrap_or(session.peer)
        } else {
            hash::client(session, &exchange.request)
        }),
        peer: Some(session.peer),
        local: session.origin().map(|origin| origin.destination),
        http2: session.stream.is_http2(),
        age: exchange
            .record
            .started
            .map_or_else(Default::default, |at| at.elapsed()),
        ..Facts::default()
    }
}

fn head_field<'a>(
    session: &Session,
    head: &'a RequestHead,
    bytes: &'a [u8],
    name: &str,
) -> Option<&'a [u8]> {
    match name {
        ":method" => Some(head.method.of(bytes)),
        ":path" => Some(head.path_of(bytes)),
        ":authority" | "host" => Some(head.authority.of(bytes)),
        ":scheme" => Some(session.scheme),
        _ => {
            let mut fields = head.message.fields.iter();
            let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
            let found = fields.find(|field| same(field.name.of(bytes)));
            found.map(|field| field.value.of(bytes))
        }
    }
}

fn response_field<'a>(head: &ResponseHead, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut fields = head.message.fields.iter();
    let same = |found: &[u8]| found.eq_ignore_ascii_case(name.as_bytes());
    let found = fields.find(|field| same(field.name.of(bytes)));
    found.map(|field| field.value.of(bytes))
}

/// A field of a head as it was written.
fn sent_field<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut first = lines.next()?.split(|byte| *byte == b' ');
    let wanted = match name {
        ":method" => return first.next(),
        ":path" => return first.nth(1),
        ":authority" => "host",
        ":scheme" => "x-forwarded-proto",
        name => name,
    };
    lines.find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let found = line[..colon].eq_ignore_ascii_case(wanted.as_bytes());
        found.then(|| line[colon + 1..].trim_ascii())
    })
}
