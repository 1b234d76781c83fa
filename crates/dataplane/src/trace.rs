// SPDX-License-Identifier: Apache-2.0
//! Tracing: which requests are traced, what is told of them, and who hears it.
//!
//! In: settings, request heads, spans that are over. Out: W3C contexts, and spans at a collector that
//! speaks OTLP. What happens along a request is in `life/trace.rs`; spans leave on the control side.

mod context;
mod decision;
mod export;
mod span;
mod tag;
mod tracer;

use std::sync::Arc;

use crate::route::Format;

pub(crate) use context::{Context, SpanId, random_span};
pub(crate) use decision::{Reason, RequestIds, Sampling, Share};
pub(crate) use export::Exporter;
pub(crate) use span::{Attributes, Finished};
pub(crate) use tag::{CustomTag, Value};
pub(crate) use tracer::{Collector, Tracer};

/// Settings of a connection manager (`tracing`).
#[derive(Debug)]
pub(crate) struct Tracing {
    /// Who hears of spans; nobody without a `provider`, as in an Envoy whose bootstrap names none.
    pub(crate) tracer: Option<Arc<Tracer>>,
    /// How many requests are traced.
    pub(crate) sampling: Sampling,
    /// What `x-request-id` has to do with that.
    pub(crate) request_ids: RequestIds,
    /// `custom_tags`.
    pub(crate) tags: Vec<CustomTag>,
    /// Names of spans.
    pub(crate) names: SpanNames,
    /// `max_path_tag_length`: bytes of the path that `http.url` has at most.
    pub(crate) max_path: usize,
    /// `spawn_upstream_span`: attempts have spans of their own.
    pub(crate) spawn_upstream_span: bool,
}

/// Settings of a route (`tracing`, `decorator`).
#[derive(Debug, Default)]
pub(crate) struct RouteTracing {
    /// Takes the place of the connection manager's.
    pub(crate) sampling: Option<Sampling>,
    /// Take the place of the connection manager's, one by one.
    pub(crate) names: SpanNames,
    /// Added to the connection manager's, and taken in the place of those of the same name.
    pub(crate) tags: Vec<CustomTag>,
    /// `decorator`.
    pub(crate) decorator: Option<Decorator>,
}

/// Names of spans, where they are not Envoy's own.
#[derive(Debug, Default)]
pub(crate) struct SpanNames {
    /// `operation`: of the request.
    pub(crate) request: Option<Format>,
    /// `upstream_operation`: of an attempt.
    pub(crate) attempt: Option<Format>,
}

/// A name for what requests of a route do.
#[derive(Debug)]
pub(crate) struct Decorator {
    /// The name.
    pub(crate) operation: String,
    /// The client is told.
    pub(crate) propagate: bool,
}

impl Tracing {
    /// Whether a format in it has to know a request as access logs do.
    pub(crate) fn has_formats(&self) -> bool {
        self.names.is_set() || self.tags.iter().any(CustomTag::is_format)
    }
}

impl RouteTracing {
    /// The same of a route.
    pub(crate) fn has_formats(&self) -> bool {
        self.names.is_set() || self.tags.iter().any(CustomTag::is_format)
    }
}

impl SpanNames {
    fn is_set(&self) -> bool {
        self.request.is_some() || self.attempt.is_some()
    }
}
