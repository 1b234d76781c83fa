// SPDX-License-Identifier: Apache-2.0
//! `telemetry`.
//!
//! In: the block. Out: sampling and tags of traces, names of statistics.

use std::collections::BTreeMap;

use super::reader;
use crate::admission::{Block, Field};

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
    /// `customTags`, by name.
    pub custom_tags: BTreeMap<String, CustomTag>,
    /// `tags`, by name.
    pub tags: BTreeMap<String, String>,
    /// `spanName.client`.
    pub client_span_name: Option<String>,
    /// `spanName.server`.
    pub server_span_name: Option<String>,
}

/// Where the value of a tag comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomTag {
    /// `Environment`.
    Environment {
        /// `name` of the variable.
        name: String,
        /// `defaultValue`.
        default_value: Option<String>,
    },
    /// `Literal`: the value.
    Literal(String),
    /// `RequestHeader`.
    RequestHeader {
        /// `name` of the header.
        name: String,
        /// `defaultValue`.
        default_value: Option<String>,
    },
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
        let fraction = |name| reader::fraction(&block.optional(name)?);
        let spans = block.object("spanName", |block| {
            let name = |name| reader::name(&block.optional(name)?, usize::MAX);
            (name("client"), name("server"))
        });
        let (client_span_name, server_span_name) = spans.unwrap_or_default();
        let tags = block.optional("tags").map(|field| field.string_map());
        let custom = block.optional("customTags");
        let custom = custom.iter().flat_map(Field::entries);
        Self {
            sampling: fraction("samplingFraction"),
            client_sampling: fraction("clientSamplingFraction"),
            overall_sampling: fraction("overallSamplingFraction"),
            custom_tags: custom
                .filter_map(|(name, field)| {
                    let tag = field.object(CustomTag::decode).flatten()?;
                    Some((name.to_owned(), tag))
                })
                .collect(),
            tags: tags.unwrap_or_default(),
            client_span_name,
            server_span_name,
        }
    }
}

impl CustomTag {
    fn decode(block: &Block<'_>) -> Option<Self> {
        const TYPES: [(&str, &str); 3] = [
            ("Literal", "literal"),
            ("Environment", "environment"),
            ("RequestHeader", "requestHeader"),
        ];
        let member = block.required("type").and_then(|it| it.choice(&TYPES));
        let source = |block: &Block<'_>| {
            let name = reader::required_name(block, "name", usize::MAX);
            let default_value = block.string("defaultValue").map(str::to_owned);
            Some((name?, default_value))
        };
        let literal = block.object("literal", |block| {
            block.required_string("value").map(str::to_owned)
        });
        let environment = block.object("environment", source).flatten();
        let header = block.object("requestHeader", source).flatten();
        let member = member?;
        if block.optional(member).is_none() {
            block.missing(member);
        }
        match member {
            "literal" => literal.flatten().map(Self::Literal),
            "environment" => environment.map(|(name, default_value)| Self::Environment {
                name,
                default_value,
            }),
            _ => header.map(|(name, default_value)| Self::RequestHeader {
                name,
                default_value,
            }),
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
