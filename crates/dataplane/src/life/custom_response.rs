// SPDX-License-Identifier: Apache-2.0
//! Answers in place of others.
//!
//! In: a response, of the upstream or made here, and the rules of its route. Out: what the client
//! gets instead, if a rule holds. The upstream's response is given up unread.

use tokio::time::Instant;

use super::{
    answer,
    exchange::Exchange,
    finish,
    respond::{framing, reusable, switches},
    session::{After, Session},
};
use crate::{
    filter::{CustomResponse, Filters, Replacement, Seen},
    pool::{Closed, give_back},
};

/// Answers in the place of the upstream, whose head was read.
pub(super) async fn of_upstream(session: &mut Session, exchange: &mut Exchange) -> Option<After> {
    let filters = exchange.record.filters.clone()?;
    let rules = rules(session, &filters)?;
    // An upgraded stream goes on as it is; what is no response at all is told in other words.
    if switches(exchange) || framing(exchange, false).is_err() {
        return None;
    }
    let (head, bytes) = (&exchange.response, exchange.answer.bytes());
    let status = head.status;
    let field = |name: &str| head.message.joined(bytes, name.as_bytes());
    let seen = Seen {
        status,
        local: false,
        field: &field,
    };
    let replacement = rules.find(&seen)?;
    give_up(session, exchange);
    Some(answer::replaced(session, exchange, status, replacement).await)
}

/// What takes the place of an answer that is made here.
pub(super) fn of_reply<'f>(
    session: &Session,
    filters: &'f Filters,
    seen: &Seen<'_>,
) -> Option<&'f Replacement> {
    rules(session, filters)?.find(seen)
}

fn rules<'f>(session: &Session, filters: &'f Filters) -> Option<&'f CustomResponse> {
    let installed = session.manager().filters.custom_response;
    filters.custom_response.as_ref().filter(|_| installed)
}

/// The request is over for the upstream; its connection serves on, if nothing more was to come.
fn give_up(session: &Session, exchange: &mut Exchange) {
    let now = Instant::now();
    exchange.upload.let_go();
    exchange.deadlines.per_try = None;
    exchange.answer.consume(exchange.response.message.length);
    if let Some(mut upstream) = exchange.upstream.take() {
        if let Some(host) = upstream.host() {
            let elapsed = finish::elapsed(exchange, now);
            finish::count_upstream(exchange, &host, exchange.response.status, elapsed);
        }
        exchange.lease = None;
        let ended = match upstream.stream.message() {
            Some(message) => message.ends(),
            None => framing(exchange, false).is_ok_and(|framing| {
                framing.done()
                    && reusable(&exchange.response, &framing)
                    && exchange.answer.is_empty()
            }),
        };
        if ended && exchange.record.uploaded {
            give_back(upstream, now);
            session.worker.wake_sweeper();
        } else {
            upstream.close(Closed::LocalBusy);
        }
    }
    exchange.answer.clear(&session.worker.buffers);
}
