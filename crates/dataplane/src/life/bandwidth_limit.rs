// SPDX-License-Identifier: Apache-2.0
//! Bandwidth limits.
//!
//! In: a request or response whose body is about to move. Out: its pump with the limit that the route
//! has for this direction. Who waits for a limit is not idle, and what has come in whole is not late.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    exchange::{Deadlines, Exchange},
    pump::{Limit, Pump},
    session::Session,
};
use crate::filter::{BandwidthLimit, Filters};

/// Which way a body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the upstream.
    Request,
    /// To the client.
    Response,
}

/// Counts a message, whose head has come that way.
pub(super) fn count(session: &Session, filters: &Filters, direction: Direction) {
    let Some(limit) = of(session, filters, direction) else {
        return;
    };
    let stats = session.worker.bandwidth_limit_stats(&limit.stat_prefix);
    match direction {
        Direction::Request => stats.request_enabled.inc(),
        Direction::Response => stats.response_enabled.inc(),
    }
}

/// Limits the body of a request, unless it is limited already.
pub(super) fn request(session: &Session, exchange: &mut Exchange) {
    let upload = &mut exchange.upload;
    if upload.framing.done() || upload.limit().is_some() {
        return;
    }
    let filters = exchange.record.filters.as_deref();
    if let Some(limit) = filters.and_then(|it| of(session, it, Direction::Request)) {
        attach(session, upload, limit, Direction::Request, false);
    }
}

/// Limits the body of the upstream's response.
pub(super) fn response(session: &Session, exchange: &mut Exchange) {
    let Some(filters) = exchange.record.filters.clone() else {
        return;
    };
    count(session, &filters, Direction::Response);
    if exchange.download.framing.done() {
        return;
    }
    if let Some(limit) = of(session, &filters, Direction::Response) {
        let tells = session.stream.is_http2() || session.manager().trailers;
        let download = &mut exchange.download;
        attach(session, download, limit, Direction::Response, tells);
        relate(exchange);
    }
}

/// Limits the body of an answer that is made here and stands in the download, in HTTP/1 behind its
/// head.
pub(super) fn reply(session: &Session, exchange: &mut Exchange) {
    let Some(filters) = exchange.record.filters.clone() else {
        return;
    };
    count(session, &filters, Direction::Response);
    if let Some(limit) = of(session, &filters, Direction::Response) {
        let head = match session.stream.is_http2() {
            true => 0,
            false => head_length(&exchange.download.out),
        };
        let body = exchange.download.out.split_off(head);
        if !body.is_empty() {
            let download = &mut exchange.download;
            // In HTTP/1 it has a length, and no trailers.
            let tells = session.stream.is_http2();
            attach(session, download, limit, Direction::Response, tells);
            download.note_body(0);
            relate(exchange);
            if let Some(limit) = exchange.download.limit() {
                limit.put(&body);
            }
        }
    }
}

/// A response is replaced, which passed the filter by then; what takes its place does not.
pub(super) fn replaced(session: &Session, exchange: &Exchange) {
    if let Some(filters) = &exchange.record.filters {
        count(session, filters, Direction::Response);
    }
}

/// Limits both directions of a tunnel.
pub(super) fn tunnel(session: &Session, exchange: &mut Exchange) {
    let Some(filters) = exchange.record.filters.clone() else {
        return;
    };
    let Exchange {
        upload, download, ..
    } = exchange;
    let both = [
        (upload, Direction::Request),
        (download, Direction::Response),
    ];
    for (pump, direction) in both {
        if let Some(limit) = of(session, &filters, direction) {
            attach(session, pump, limit, direction, false);
        }
    }
}

/// What a request that waits for its limit means to its deadlines.
pub(super) fn note_request(limit: &mut Limit, deadlines: &mut Deadlines) {
    if limit.take_ticked() {
        deadlines.active = Some(Instant::now());
    }
    if limit.has_all() {
        // The client has done its part.
        deadlines.request = None;
    }
}

/// The same for a response.
pub(super) fn note_response(limit: &mut Limit, deadlines: &mut Deadlines) {
    if limit.take_ticked() {
        deadlines.active = Some(Instant::now());
    }
    if limit.has_all() {
        // So has the upstream.
        deadlines.route = None;
        deadlines.end_try();
    }
}

/// The limit of a route for this direction, where the connection manager has its filter.
fn of<'f>(
    session: &Session,
    filters: &'f Filters,
    direction: Direction,
) -> Option<&'f Arc<BandwidthLimit>> {
    let installed = &session.manager().filters.bandwidth_limits;
    let mut limits = filters.bandwidth_limits.iter();
    let (_, limit) = limits.find(|(name, limit)| {
        let limited = match direction {
            Direction::Request => limit.request,
            Direction::Response => limit.response,
        };
        limited && installed.contains(name)
    })?;
    Some(limit)
}

/// `tells`: there may be trailers that tell the delay.
fn attach(
    session: &Session,
    pump: &mut Pump,
    limit: &Arc<BandwidthLimit>,
    direction: Direction,
    tells: bool,
) {
    let stats = session.worker.bandwidth_limit_stats(&limit.stat_prefix);
    let limit = Limit::new(limit.clone(), direction, stats);
    pump.hold_back(limit, tells, session.stream.is_http2());
}

/// One filter for both directions tells the delays of both.
fn relate(exchange: &mut Exchange) {
    let request = exchange.upload.limit().map(|limit| limit.shared());
    if let (Some((config, delay)), Some(response)) = (request, exchange.download.limit()) {
        response.relate(&config, delay);
    }
}

/// The length of a head that was written, up to and with its empty line.
fn head_length(bytes: &[u8]) -> usize {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    end.map_or(bytes.len(), |at| at + 4)
}
