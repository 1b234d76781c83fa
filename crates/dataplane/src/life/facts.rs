// SPDX-License-Identifier: Apache-2.0
//! What formatters in header values can tell of a request.
//!
//! In: a connection and a request, at one of its phases. Out: header changes whose values are plain
//! bytes; `None` for routes without formatters, whose values are.

use std::{borrow::Cow, io::BufRead};

use super::{exchange::Exchange, hash, session::Session};
use crate::{
    cluster::Host,
    http::{RequestHead, ResponseHead},
    route::{Facts, Mutations, Protocol, Upstream},
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
    let request = |name: &str| field_of(&exchange.record.sent_head, name);
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
        upstream: Some(Upstream {
            local: None,
            protocol: Some(protocol(exchange.record.shared)),
        }),
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
    let request = |name: &str| field_of(sent, name);
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

/// `%RESPONSE_FLAGS%`: in the order in which Envoy learns of them.
pub(super) fn flags(exchange: &Exchange) -> Cow<'static, str> {
    let record = &exchange.record;
    let delay = if record.delayed { "DI" } else { "" };
    let last = if record.flag == "-" { "" } else { record.flag };
    match [delay, record.retry_flag, last] {
        [one, "", ""] | ["", one, ""] | ["", "", one] => one.into(),
        all => {
            let set = all.into_iter().filter(|flag| !flag.is_empty());
            set.collect::<Vec<_>>().join(",").into()
        }
    }
}

/// What a side speaks.
pub(super) fn protocol(http2: bool) -> Protocol {
    match http2 {
        true => Protocol::Http2,
        false => Protocol::Http1,
    }
}

/// Keeps what changes of the response will want to know of the request: its head in the form in
/// which it was received.
pub(super) fn keep_received(session: &Session, exchange: &mut Exchange) {
    let record = &exchange.record;
    let wanted = record.mutations.as_ref();
    let filters = record.filters.as_ref();
    let others = filters.and_then(|filters| filters.custom_response.as_ref());
    if !wanted.is_some_and(|mutations| mutations.reads_request())
        && !others.is_some_and(|others| others.reads_request())
    {
        return;
    }
    let mut kept = std::mem::take(&mut exchange.record.sent_head);
    kept.clear();
    push_received(session, exchange, &mut kept);
    exchange.record.sent_head = kept;
}

/// The head of a request as it was received, as lines.
pub(super) fn push_received(session: &Session, exchange: &Exchange, kept: &mut Vec<u8>) {
    let bytes = session.inbox.bytes();
    let head = &exchange.request;
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
        protocol: Some(protocol(session.stream.is_http2())),
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
pub(super) fn field_of<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = head;
    let line = next_line(&mut rest)?;
    let mut words = line.split(|byte| *byte == b' ');
    let wanted = match name {
        ":method" => return words.next().filter(|method| !method.is_empty()),
        ":path" | ":status" => return words.nth(1),
        ":authority" => "host",
        ":scheme" => "x-forwarded-proto",
        name => name,
    };
    while let Some(line) = next_line(&mut rest) {
        let (name, value) = line.split_at_checked(wanted.len()).unwrap_or_default();
        if let Some((b':', value)) = value.split_first()
            && name.eq_ignore_ascii_case(wanted.as_bytes())
        {
            return Some(value.trim_ascii());
        }
    }
    None
}

/// Takes a line, without its end. Logs and traces look at all lines time and again: it is the C
/// library that looks for the end, many bytes at a time.
fn next_line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let all = *rest;
    let length = rest.skip_until(b'\n').unwrap_or(0);
    let line = &all[..length];
    (length > 0).then(|| line.strip_suffix(b"\n").unwrap_or(line))
}
