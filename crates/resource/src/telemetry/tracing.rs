// SPDX-License-Identifier: Apache-2.0
//! Traces: what a listener or a route says about spans.
//!
//! In: fields. Out: who collects spans, how many, with which tags and names.

use std::collections::BTreeMap;

use sluicegate_manifest::FieldPath;

use super::format;
use crate::{
    admission::{Block, Field},
    envoygateway::backend_traffic_policy::reader::fraction,
    gateway::BackendRef,
    value::is_header_name,
};

/// Traces of the requests of a Gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayTracing {
    /// Where the block is in its object.
    pub place: FieldPath,
    /// Who takes spans, by OTLP over gRPC.
    pub collector: Collector,
    /// `service.name` of the spans. Absent: `<name>.<namespace>` of the Gateway (Envoy Gateway
    /// default).
    pub service_name: Option<String>,
    /// Share of requests that are traced by chance, percent.
    pub random_sampling: f64,
    /// Share of requests that ask to be traced with `x-client-trace-id`, percent.
    pub client_sampling: f64,
    /// Bound on all others, percent.
    pub overall_sampling: f64,
    /// Tags of each span, by name.
    pub custom_tags: BTreeMap<String, CustomTag>,
    /// Names of spans.
    pub span_names: SpanNames,
    /// Whether the request to the backend has a span of its own.
    pub spawn_upstream_span: bool,
    /// Whether spans carry events in detail.
    pub verbose: bool,
    /// Longest path in a span, bytes. Absent: 256 (Envoy default).
    pub max_path_tag_length: Option<u32>,
}

/// Who takes spans.
#[derive(Debug, Clone, PartialEq)]
pub enum Collector {
    /// An address outside of the manifests.
    Address {
        /// Name or IP address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A Service, a Backend or a Hostname.
    Backend(BackendRef),
}

/// Names of spans: formats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpanNames {
    /// Of the request to the backend.
    pub client: Option<String>,
    /// Of the request of the client.
    pub server: Option<String>,
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
    /// A format.
    Format(String),
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

impl CustomTag {
    /// Envoy Gateway's union: a `type`, and the field of that name.
    pub(crate) fn typed(block: &Block<'_>) -> Option<Self> {
        const TYPES: [(&str, &str); 3] = [
            ("Literal", "literal"),
            ("Environment", "environment"),
            ("RequestHeader", "requestHeader"),
        ];
        let member = block.required("type").and_then(|it| it.choice(&TYPES));
        let mut members = Self::members(block);
        let member = member?;
        if block.optional(member).is_none() {
            block.missing(member);
        }
        let index = members.iter().position(|(name, _)| *name == member)?;
        members.swap_remove(index).1
    }

    /// The members of the union that are written, each with its value where that is right.
    pub(crate) fn members(block: &Block<'_>) -> Vec<(&'static str, Option<Self>)> {
        let literal = block.optional("literal").map(|field| {
            let value = field.object(|block| text(&block.required("value")?));
            ("literal", value.flatten().map(Self::Literal))
        });
        let environment = block.optional("environment").map(|field| {
            let source = field.object(|block| source(block, text)).flatten();
            let tag = source.map(|(name, default_value)| Self::Environment {
                name,
                default_value,
            });
            ("environment", tag)
        });
        let header = block.optional("requestHeader").map(|field| {
            let source = field.object(|block| source(block, header_name)).flatten();
            let tag = source.map(|(name, default_value)| Self::RequestHeader {
                name,
                default_value,
            });
            ("requestHeader", tag)
        });
        [literal, environment, header]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// Envoy Gateway's `customTags`: tags by name. A tag needs a name.
pub(crate) fn custom_tags(block: &Block<'_>) -> BTreeMap<String, CustomTag> {
    let fields = block.optional("customTags");
    let fields = fields.iter().flat_map(Field::entries);
    let tags = fields.filter_map(|(name, field)| {
        check_tag_name(&field, name);
        let tag = field.object(CustomTag::typed).flatten()?;
        Some((name.to_owned(), tag))
    });
    tags.collect()
}

/// Envoy Gateway's `tags`: formats by name.
pub(crate) fn tags(block: &Block<'_>) -> BTreeMap<String, String> {
    let fields = block.optional("tags");
    let fields = fields.iter().flat_map(Field::entries);
    let tags = fields.filter_map(|(name, field)| {
        check_tag_name(&field, name);
        Some((name.to_owned(), format_text(&field)?))
    });
    tags.collect()
}

/// `spanName`.
pub(crate) fn span_names(block: &Block<'_>) -> SpanNames {
    let names = block.object("spanName", |block| {
        let name = |name| format_text(&block.optional(name)?);
        SpanNames {
            client: name("client"),
            server: name("server"),
        }
    });
    names.unwrap_or_default()
}

/// A share in percent, of a block `{numerator, denominator}`.
pub(crate) fn share(block: &Block<'_>, name: &'static str) -> Option<f64> {
    fraction(&block.optional(name)?)
}

/// Envoy refuses a tag without a name.
pub(crate) fn check_tag_name(field: &Field<'_>, name: &str) {
    if name.is_empty() {
        field.reject("a tag needs a name");
    }
}

fn format_text(field: &Field<'_>) -> Option<String> {
    let text = text(field)?;
    format::check(field, &text);
    Some(text)
}

fn source(
    block: &Block<'_>,
    name: impl Fn(&Field<'_>) -> Option<String>,
) -> Option<(String, Option<String>)> {
    let name = block.required("name").and_then(|field| name(&field));
    let default_value = block.string("defaultValue").map(str::to_owned);
    Some((name?, default_value))
}

/// Text of at least one byte, without control characters.
fn text(field: &Field<'_>) -> Option<String> {
    field.text(usize::MAX)?;
    field.header_safe().filter(|text| !text.is_empty())
}

fn header_name(field: &Field<'_>) -> Option<String> {
    let name = text(field)?;
    if !is_header_name(name.trim_start_matches(':')) {
        field.reject("must be the name of a header");
        return None;
    }
    Some(name)
}
