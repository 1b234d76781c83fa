// SPDX-License-Identifier: Apache-2.0
//! Phase: send head.
//!
//! In: the request and its target. Out: the head as it goes upstream, ready in the upload; it leaves
//! together with the first bytes of the body.

use super::{exchange::Exchange, pick_host::Target, session::Session};
use crate::{
    failure::Failure,
    http::{NameCase, UpstreamRequest},
};

/// Writes the head into the upload. The client's head is gone from the inbox afterwards.
pub(super) fn write_head(
    session: &mut Session,
    exchange: &mut Exchange,
    target: &Target<'_>,
) -> Result<(), Failure> {
    let Target {
        action,
        backend,
        cluster,
        host,
    } = target;
    let manager = session.manager();
    let peer = if manager.use_remote_address {
        session.peer_text()
    } else {
        String::new()
    };
    let endpoint = host.endpoint.borrow();
    let auto_host =
        (action.auto_host && !endpoint.hostname.is_empty()).then_some(endpoint.hostname.as_bytes());
    let rewritten = backend
        .host
        .as_deref()
        .or(action.host.as_deref())
        .or(auto_host);
    UpstreamRequest {
        bytes: session.inbox.bytes(),
        head: &exchange.request,
        manager,
        peer: &peer,
        mutations: &backend.request_headers,
        case: request_case(manager.preserve_request_case, cluster.config.request_case),
        host: rewritten,
        forwarded_host: action.forwarded_host,
        path: &action.path,
        underscores: cluster.config.underscores,
        expected_timeout: action.timeout,
        upgrade: exchange.record.upgrade,
        host_suffix: b"",
    }
    .push(&mut exchange.upload.out);
    let expects_continue = exchange.request.message.expects_continue;
    session.inbox.consume(exchange.request.message.length);
    if expects_continue && !exchange.upload.framing.done() && session.inbox.is_empty() {
        // Envoy itself tells the client to go on; a client that did not wait is not told.
        exchange.download.out.extend_from_slice(CONTINUE);
    }
    Ok(())
}

/// A message that carries its spelling along wins over the writer's rule.
fn request_case(carried: bool, writer: NameCase) -> NameCase {
    if carried { NameCase::Preserve } else { writer }
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
