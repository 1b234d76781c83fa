// SPDX-License-Identifier: Apache-2.0
//! `telemetry`.
//!
//! In: the block. Out: sampling and tags of traces, names of statistics.

use std::collections::BTreeMap;

use super::reader;
use crate::{
    admission::{Block, Field},
    telemetry::{CustomTag, SpanNames, tracing},
};

/// What is told about requests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Telemetry {
    /// `tracing`.
    pub tracing: Option<Tracing>,
    /// `metrics.routeStatName`: a pattern with `%ROUTE_NAME%`, `%ROUTE_NAMESPACE%`, `%ROUTE_KIND%`
    /// and `%ROUTE_RULE_NAME%`. Absent: routes have no statistics of their own.
    pub route_stat_name: Option<String>,
}

/// Traces of requests.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tracing {
    /// `samplingFraction` in percent, 0..100. Absent: the listener's.
    pub sampling: Option<f64>,
    /// `clientSamplingFraction` in percent, 0..100. Absent: 0 (Envoy Gateway default).
    pub client_sampling: Option<f64>,
    /// `overallSamplingFraction` in percent, 0..100. Absent: 100 (Envoy default).
    pub overall_sampling: Option<f64>,
    /// `customTags`, and `tags` as formats, by name; a name of both is that of `customTags`.
    pub custom_tags: BTreeMap<String, CustomTag>,
    /// `spanName`.
    pub span_names: SpanNames,
}

/// The operators of `routeStatName`.
const OPERATORS: [&str; 4] = [
    "ROUTE_NAME",
    "ROUTE_NAMESPACE",
    "ROUTE_KIND",
    "ROUTE_RULE_NAME",
];

impl Telemetry {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let metrics = block.object("metrics", |block| {
            let field = block.optional("routeStatName")?;
            stat_name(&field)
        });
        Self {
            tracing: block.object("tracing", Tracing::decode),
            route_stat_name: metrics.flatten(),
        }
    }
}

impl Tracing {
    fn decode(block: &Block<'_>) -> Self {
        let tags = tracing::tags(block).into_iter();
        let tags = tags.map(|(name, format)| (name, CustomTag::Format(format)));
        Self {
            sampling: tracing::share(block, "samplingFraction"),
            client_sampling: tracing::share(block, "clientSamplingFraction"),
            overall_sampling: tracing::share(block, "overallSamplingFraction"),
            custom_tags: tags.chain(tracing::custom_tags(block)).collect(),
            span_names: tracing::span_names(block),
        }
    }
}

/// Other operators would stand in the name as they are.
fn stat_name(field: &Field<'_>) -> Option<String> {
    let name = reader::name(field, usize::MAX)?;
    let mut parts = name.split('%');
    parts.next();
    let operators: Vec<&str> = parts.step_by(2).collect();
    let balanced = name.matches('%').count().is_multiple_of(2);
    let unknown = operators.iter().find(|it| !OPERATORS.contains(it));
    if !balanced || unknown.is_some() {
        let names = OPERATORS.map(|name| format!("%{name}%"));
        field.reject(format!("may only use the operators {}", names.join(", ")));
        return None;
    }
    Some(name)
}
