// SPDX-License-Identifier: Apache-2.0
//! Spans of attempts.
//!
//! In: an attempt at its beginning and at its end. Out: its span for the tracer, if attempts have
//! spans of their own.

use std::{net::SocketAddr, time::SystemTime};

use crate::{
    failure::{Blame, Failure},
    life::{exchange::Exchange, pick_host::Target, session::Session},
    route::Facts,
    trace::{Attributes, Finished, SpanId, random_span},
};

/// An attempt that is on its way.
pub(super) struct Attempt {
    pub(super) span_id: SpanId,
    started: SystemTime,
    address: SocketAddr,
    /// Retries so far.
    retries: u32,
}

/// How an attempt ended.
enum Ended {
    /// With its response.
    Answered,
    /// With a response that is not wanted.
    Discarded,
    /// By our side.
    GivenUp,
    /// By the upstream's.
    Reset(Failure),
}

/// An attempt begins, with a span of its own where the connection manager wants that.
pub(in crate::life) fn begin_attempt(exchange: &mut Exchange, target: &Target<'_>) {
    let retries = exchange.retry.retries;
    let Some(trace) = &mut exchange.record.trace else {
        return;
    };
    trace.attempt = trace.tracing.spawn_upstream_span.then(|| Attempt {
        span_id: random_span(),
        started: SystemTime::now(),
        address: target.host.address,
        retries,
    });
}

/// The attempt that is on its way, if one is, failed.
pub(in crate::life) fn attempt_failed(
    session: &Session,
    exchange: &mut Exchange,
    failure: Failure,
) {
    let ended = match failure.row().blame {
        Blame::Upstream if !is_our_limit(failure) => Ended::Reset(failure),
        _ if failure == Failure::Overflow => Ended::Reset(failure),
        _ => Ended::GivenUp,
    };
    let flag = match failure {
        Failure::PerTryTimeout | Failure::UpstreamMaxDuration => failure.row().flag,
        Failure::PerTryIdle => "SI",
        _ => "-",
    };
    end_attempt(session, exchange, &ended, flag);
}

/// The response to the attempt is not wanted.
pub(in crate::life) fn attempt_discarded(session: &Session, exchange: &mut Exchange) {
    end_attempt(session, exchange, &Ended::Discarded, "-");
}

/// The response to the attempt was the request's.
pub(super) fn attempt_answered(session: &Session, exchange: &mut Exchange) {
    end_attempt(session, exchange, &Ended::Answered, "-");
}

/// Ends the span of an attempt.
fn end_attempt(session: &Session, exchange: &mut Exchange, ended: &Ended, flag: &str) {
    let trace = exchange.record.trace.as_mut();
    let Some(attempt) = trace.and_then(|trace| trace.attempt.take()) else {
        return;
    };
    let exchange = &*exchange;
    let record = &exchange.record;
    let Some(trace) = &record.trace else {
        return;
    };
    let (Some(context), Some(tracer)) = (trace.sampled(), &trace.tracing.tracer) else {
        return;
    };
    let headed = match ended {
        Ended::Answered | Ended::Discarded => true,
        Ended::GivenUp | Ended::Reset(_) => record.responding,
    };
    let mut attributes = Attributes::default();
    if attempt.retries > 0 {
        attributes.set("retry.count", attempt.retries.to_string());
    }
    let mut flag = flag;
    match ended {
        Ended::Answered => {}
        Ended::Discarded | Ended::GivenUp => attributes.set("canceled", "true"),
        Ended::Reset(failure) => {
            attributes.error();
            attributes.set("error.reason", reason(*failure));
            flag = failure.row().flag;
        }
    }
    let connected = headed || exchange.upstream.is_some();
    let protocol = match record.shared {
        _ if !connected => "-",
        false => "HTTP/1.1",
        true => "HTTP/2",
    };
    attributes.set("http.protocol", protocol);
    let address = attempt.address.to_string();
    attributes.set("upstream_address", address.as_str());
    attributes.set("peer.address", address);
    let status = if headed { exchange.response.status } else { 0 };
    trace.common(status, flag, &mut attributes);
    let host = Some(attempt.address);
    let name = trace.with_facts(session, exchange, |facts| {
        // Of the request, only what was known before this attempt counts.
        let facts = &match ended {
            Ended::Answered => Facts { host, ..*facts },
            Ended::Discarded | Ended::GivenUp | Ended::Reset(_) => Facts {
                host,
                status: if record.responding { facts.status } else { 0 },
                flags: "",
                details: if headed { "via_upstream" } else { "" },
                ..*facts
            },
        };
        trace.custom_tags(facts, &mut attributes);
        trace.attempt_name(facts)
    });
    if headed {
        trace.outcome_of_grpc(&mut attributes);
    }
    let finished = Finished {
        context,
        attempt: Some(attempt.span_id),
        name,
        started: attempt.started,
        attributes,
    };
    tracer.add(finished.encode());
}

/// A failure that our own limits make of an attempt.
fn is_our_limit(failure: Failure) -> bool {
    matches!(
        failure,
        Failure::PerTryIdle
            | Failure::PerTryTimeout
            | Failure::RouteTimeout
            | Failure::UpstreamMaxDuration
    )
}

/// Envoy's name of a reset, which its details have in braces.
fn reason(failure: Failure) -> String {
    let details = failure.row().details;
    let inner = details.split_once('{').map_or("", |(_, inner)| inner);
    let name = inner.split(['|', '}']).next().unwrap_or_default();
    name.replace('_', " ")
}
