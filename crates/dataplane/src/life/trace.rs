// SPDX-License-Identifier: Apache-2.0
//! The trace of a request, along its phases.
//!
//! In: a request at the beginning and the end of its life, and of each attempt. Out: the fields that
//! carry the trace on, and spans for the tracer. A request that is not traced costs a comparison where
//! there is no tracing, and a context where there is.

mod attempt;
mod tags;

use std::{sync::Arc, time::SystemTime};

use attempt::{Attempt, attempt_answered};
pub(super) use attempt::{attempt_discarded, attempt_failed, begin_attempt};

use super::{access_log, admission, exchange::Exchange, facts, send_head, session::Session};
use crate::{
    failure::Failure,
    http::{DECORATOR, Known, RequestHead, TRACEPARENT, TRACESTATE, TraceFields, request_id},
    plan::ClusterConfig,
    route::{Facts, Format, Route},
    trace::{Attributes, Context, Finished, Reason, RouteTracing, Tracing},
};

/// What is known of a request's trace.
pub(crate) struct Trace {
    tracing: Arc<Tracing>,
    route: Option<Arc<RouteTracing>>,
    /// None where the client's is none: the request is not traced.
    context: Option<Context>,
    /// `x-request-id` as it is sent.
    request_id: Option<Vec<u8>>,
    started: SystemTime,
    /// `x-envoy-decorator-operation` of the client.
    operation: Option<String>,
    /// The request's head as it was received, and later as it was sent; only where it is traced.
    head: Vec<u8>,
    https: bool,
    /// The cluster that was picked.
    pub(super) cluster: Option<Arc<ClusterConfig>>,
    attempt: Option<Attempt>,
    /// `grpc-status` and `grpc-message` of the response.
    grpc: (Option<String>, Option<String>),
    /// The status of an answer made here.
    replied: Option<u16>,
}

/// Decides whether a request is traced, once its route is known, and continues its client's trace or
/// begins one.
pub(super) fn begin(session: &Session, exchange: &mut Exchange, route: Option<&Route>) {
    let Some(tracing) = session.manager().tracing.clone() else {
        return;
    };
    let bytes = session.inbox.bytes();
    let head = &exchange.request;
    let route = route.and_then(|route| route.tracing.clone());
    let of_route = route.as_ref().and_then(|route| route.sampling);
    let mut request_id = own_request_id(session, head);
    let reason = of_route.unwrap_or(tracing.sampling).decide(
        tracing.request_ids,
        request_id.as_deref_mut(),
        values(head, bytes, CLIENT_TRACE_ID.as_bytes())
            .next()
            .is_some(),
        fastrand::u64(..),
    );
    count(session, reason);
    let traced = reason != Reason::NotTraceable;
    exchange.log.traced = traced && exchange.log.wanted;
    let context = Context::of(
        values(head, bytes, TRACEPARENT).next(),
        values(head, bytes, TRACESTATE),
        traced,
    );
    let told = context
        .as_ref()
        .filter(|_| tracing.tracer.is_some() && exchange.log.wanted);
    exchange.log.trace = told.map(|context| (context.trace_id, context.span_id));
    let operation = values(head, bytes, DECORATOR).next();
    let operation = operation.filter(|_| !session.manager().use_remote_address);
    let age = exchange.record.started.map(|at| at.elapsed());
    let mut trace = Trace {
        operation: operation.map(|name| String::from_utf8_lossy(name).into_owned()),
        tracing,
        route,
        context,
        request_id,
        started: SystemTime::now() - age.unwrap_or_default(),
        head: Vec::new(),
        https: false,
        cluster: None,
        attempt: None,
        grpc: (None, None),
        replied: None,
    };
    if trace.is_sampled() {
        // Whatever an access log keeps, formats may ask for.
        exchange.log.wanted |= trace.has_formats();
        facts::push_received(session, exchange, &mut trace.head);
        trace.https = send_head::is_https(session, exchange);
    }
    exchange.record.trace = Some(Box::new(trace));
}

/// The head was written: from now on, what it says counts.
pub(super) fn note_head(session: &Session, exchange: &mut Exchange) {
    let trace = exchange.record.trace.as_ref();
    if !trace.is_some_and(|trace| trace.is_sampled()) {
        return;
    }
    let https = send_head::is_https(session, exchange);
    let Exchange { upload, record, .. } = exchange;
    if let Some(trace) = &mut record.trace {
        trace.head.clone_from(&upload.out);
        trace.https = https;
    }
}

/// The head of a response came: what it says of gRPC is told.
pub(super) fn note_response(exchange: &mut Exchange) {
    if exchange.record.trace.is_none() {
        return;
    }
    let field = |name| exchange.response_field(name).map(str::to_owned);
    let grpc = (field(GRPC_STATUS), field(GRPC_MESSAGE));
    if let Some(trace) = &mut exchange.record.trace {
        trace.grpc = grpc;
    }
}

/// The response is over: so do its trailers.
pub(super) fn note_trailers(exchange: &mut Exchange) {
    if exchange.record.trace.is_none() {
        return;
    }
    let mut lines = b"\n".to_vec();
    lines.extend(admission::trailers(exchange));
    let field = |name| facts::field_of(&lines, name).map(lossy);
    let grpc = (field(GRPC_STATUS), field(GRPC_MESSAGE));
    if let Some(trace) = &mut exchange.record.trace
        && grpc.0.is_some()
    {
        trace.grpc = grpc;
    }
}

/// An answer made here was written: its body is the response's.
pub(super) fn note_reply(exchange: &mut Exchange) {
    const END: &[u8] = b"\r\n\r\n";
    let download = &mut exchange.download;
    let mut ends = download.out.windows(END.len());
    let end = ends.position(|window| window == END);
    let head = end.map_or(download.out.len(), |at| at + END.len());
    let field = |name| facts::field_of(&download.out[..head], name).map(lossy);
    let grpc = (field(GRPC_STATUS), field(GRPC_MESSAGE));
    // Of gRPC, it is not that of the failure.
    let status = field(STATUS).and_then(|status| status.parse().ok());
    download.note_body(download.out.len() - head);
    if let Some(trace) = &mut exchange.record.trace {
        trace.grpc = grpc;
        trace.replied = status;
    }
}

/// The request is over.
pub(super) fn finish(session: &Session, exchange: &mut Exchange) {
    attempt_answered(session, exchange);
    let Some(trace) = exchange.record.trace.take() else {
        return;
    };
    let (Some(context), Some(tracer)) = (trace.sampled(), &trace.tracing.tracer) else {
        return;
    };
    if exchange.record.failure == Some(Failure::UpgradeRefused) {
        // Envoy says no before it begins to trace.
        return;
    }
    let mut attributes = Attributes::default();
    attributes.set("node_id", &*session.worker.node_id);
    attributes.set("zone", session.worker.zone_name());
    trace.of_request(session, &mut attributes);
    if exchange.record.grpc {
        trace.of_grpc(&mut attributes);
    }
    attributes.set("request_size", exchange.upload.carried().to_string());
    attributes.set("response_size", exchange.download.carried().to_string());
    let flags = facts::flags(exchange);
    let flags = if flags.is_empty() { "-" } else { &flags };
    let status = trace.replied.unwrap_or(exchange.record.status);
    trace.common(status, flags, &mut attributes);
    let name = trace.with_facts(session, exchange, |facts| {
        trace.custom_tags(facts, &mut attributes);
        trace.name(facts)
    });
    trace.outcome_of_grpc(&mut attributes);
    let finished = Finished {
        context,
        attempt: None,
        name,
        started: trace.started,
        attributes,
    };
    tracer.add(finished.encode());
}

impl Trace {
    /// The fields that are sent with the request; a mirror is asked by the request's own span.
    pub(super) fn fields(&self, mirrored: bool) -> TraceFields<'_> {
        let context = self.context.as_ref().map(|context| {
            let attempt = self.attempt.as_ref().filter(|_| !mirrored);
            let span = attempt.map_or(context.span_id, |attempt| attempt.span_id);
            (context.traceparent(span), &*context.state)
        });
        TraceFields {
            request_id: self.request_id.as_deref(),
            context,
            decorator: self.format().is_none(),
        }
    }

    /// The format of the span's name. Where there is one, neither clients nor decorators have a say.
    fn format(&self) -> Option<&Format> {
        let route = self.route.as_ref();
        let of_route = route.and_then(|route| route.names.request.as_ref());
        of_route.or(self.tracing.names.request.as_ref())
    }

    /// What the client is told of the route's name.
    pub(super) fn decorated(&self) -> Option<&str> {
        let decorator = self.route.as_ref()?.decorator.as_ref()?;
        let told = decorator.propagate && self.operation.is_none() && self.format().is_none();
        told.then_some(&decorator.operation)
    }

    /// Tells what access logs are told, where a format may ask for it.
    fn with_facts<T>(
        &self,
        session: &Session,
        exchange: &Exchange,
        tell: impl FnOnce(&Facts<'_>) -> T,
    ) -> T {
        if self.has_formats() {
            access_log::with_facts(session, exchange, tell)
        } else {
            tell(&Facts::default())
        }
    }

    fn has_formats(&self) -> bool {
        let route = self.route.as_ref();
        self.tracing.has_formats() || route.is_some_and(|route| route.has_formats())
    }

    fn is_sampled(&self) -> bool {
        self.sampled().is_some()
    }

    fn sampled(&self) -> Option<&Context> {
        self.context.as_ref().filter(|context| context.sampled)
    }
}

/// The request's id: the client's, or a new one.
fn own_request_id(session: &Session, head: &RequestHead) -> Option<Vec<u8>> {
    let manager = session.manager();
    let bytes = session.inbox.bytes();
    let received = head.message.values(bytes, Known::RequestId).next();
    let packs = manager
        .tracing
        .as_ref()
        .is_some_and(|tracing| tracing.request_ids.pack);
    match received {
        Some(id) if !manager.replaces_request_id() => {
            let mut id = id.to_vec();
            if manager.use_remote_address && packs {
                // What somebody outside decided does not count.
                Reason::NotTraceable.write(&mut id);
            }
            Some(id)
        }
        _ => manager.generate_request_id.then(|| request_id().to_vec()),
    }
}

fn count(session: &Session, reason: Reason) {
    let stats = &session.stats;
    match reason {
        Reason::ClientForced => stats.tracing_client_enabled.inc(),
        Reason::NotTraceable => stats.tracing_not_traceable.inc(),
        Reason::Sampling => stats.tracing_random_sampling.inc(),
        Reason::ServiceForced => stats.tracing_service_forced.inc(),
    }
}

fn values<'a>(
    head: &'a RequestHead,
    bytes: &'a [u8],
    name: &'a [u8],
) -> impl Iterator<Item = &'a [u8]> {
    let fields = head.message.fields.iter();
    let named = fields.filter(move |field| {
        let found = field.name.of(bytes);
        found.eq_ignore_ascii_case(name)
    });
    named.map(|field| field.value.of(bytes))
}

fn lossy(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

const CLIENT_TRACE_ID: &str = "x-client-trace-id";
const GRPC_MESSAGE: &str = "grpc-message";
const GRPC_STATUS: &str = "grpc-status";
/// Where the first line of a request has its path, that of a response has its status.
const STATUS: &str = ":path";
