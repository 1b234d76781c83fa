// SPDX-License-Identifier: Apache-2.0
//! Phase: match route.
//!
//! In: a request head and the routes in force. Out: the route to forward by, or the route that
//! answers itself; the route's time limits are in force from here on.

use std::time::Duration;

use super::{exchange::Exchange, facts, grpc_timeout, session::Session, trace};
use crate::{
    failure::Failure,
    route::{Action, RequestView, Route, RouteAction, RouteTable},
};

/// What was found.
pub(super) enum Found<'a> {
    /// A redirect or direct response.
    Answer(&'a Route),
    /// A backend.
    Forward(&'a RouteAction),
}

/// Finds the route.
pub(super) fn match_route<'a>(
    session: &Session,
    exchange: &mut Exchange,
    routes: &'a RouteTable,
) -> Result<Found<'a>, Failure> {
    let bytes = session.inbox.bytes();
    let head = &exchange.request;
    let view = RequestView::new(bytes, head, session.scheme);
    exchange.record.grpc = head.message.grpc;
    let found = routes.find(&view);
    if session.manager().tracing.is_some() {
        trace::begin(session, exchange, found);
    }
    let Some(route) = found else {
        session.stats.no_route.inc();
        return Err(Failure::NoRoute);
    };
    exchange.record.mutations = Some(route.response_headers.clone());
    if exchange.log.wanted {
        exchange.log.route = Some(route.name.clone());
    }
    exchange.record.filters.clone_from(&route.filters);
    facts::keep_received(session, exchange);
    let Action::Route(action) = &route.action else {
        upgrade(session, exchange, &[])?;
        return Ok(Found::Answer(route));
    };
    let name = action.stat_name.as_deref();
    exchange.record.route = name.map(|name| session.worker.route_stats(name));
    upgrade(session, exchange, &action.upgrades)?;
    let started = exchange.record.started;
    let deadlines = &mut exchange.deadlines;
    let off = |limit: Duration| (!limit.is_zero()).then_some(limit);
    if let Some(idle) = action.idle_timeout {
        deadlines.idle = off(idle);
    }
    if let Some(limit) = action.max_stream_duration {
        deadlines.stream = off(limit).and_then(|limit| started.map(|at| at + limit));
    }
    exchange.record.route_timeout = action.timeout;
    grpc_timeout::apply(session, exchange, action);
    exchange.record.tell_attempts = action.tell_attempts;
    Ok(Found::Forward(action))
}

/// Whether an upgrade is asked for, which CONNECT does as well, and allowed.
fn upgrade(
    session: &Session,
    exchange: &mut Exchange,
    of_route: &[(Box<[u8]>, bool)],
) -> Result<(), Failure> {
    let kind = match (exchange.request.connect, exchange.request.message.upgrade) {
        (true, _) => b"CONNECT",
        (false, Some(kind)) => kind.of(session.inbox.bytes()),
        (false, None) => return Ok(()),
    };
    // Envoy ignores these two and goes on in HTTP/1.1.
    if kind.eq_ignore_ascii_case(b"h2c") || kind.to_ascii_lowercase().starts_with(b"tls/") {
        return Ok(());
    }
    let decide = |list: &[(Box<[u8]>, bool)]| {
        let mut rules = list.iter();
        let rule = rules.find(|(name, _)| name.eq_ignore_ascii_case(kind));
        rule.map(|(_, allowed)| *allowed)
    };
    let allowed = decide(of_route).or_else(|| decide(&session.manager().upgrades));
    if allowed != Some(true) {
        session.stats.downstream_rq_ws_on_non_ws_route.inc();
        return Err(Failure::UpgradeRefused);
    }
    exchange.record.upgrade = Some(kind.into());
    Ok(())
}
