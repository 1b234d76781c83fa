// SPDX-License-Identifier: Apache-2.0
//! Filters of access logs (kgateway's `filter`).
//!
//! In: the block. Out: a filter; a part that cannot be honoured lets every line through, and is
//! reported by name.

use crate::{
    admission::{Block, Field},
    codes,
    gateway::{HeaderMatch, header_match},
};

/// Which requests are written.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFilter {
    /// All of these hold; at least two.
    And(Vec<Self>),
    /// How long the request took, in milliseconds.
    Duration(Comparison),
    /// The status of a gRPC call is one of these names, or none of them.
    GrpcStatus {
        /// Of [`GRPC_STATUSES`].
        statuses: Vec<&'static str>,
        /// Whether it is none of them.
        exclude: bool,
    },
    /// A header of the request.
    Header(HeaderMatch),
    /// The request is no health check that Envoy answers itself.
    NotHealthCheck,
    /// One of these holds; at least two.
    Or(Vec<Self>),
    /// One of these flags is set; any where there are none.
    ResponseFlags(Vec<String>),
    /// The status of the response.
    StatusCode(Comparison),
    /// The request is traced.
    Traceable,
}

/// A number against a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// How they are compared.
    pub op: ComparisonOp,
    /// The constant.
    pub value: u32,
}

/// How a number is compared, in the order of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonOp {
    /// `EQ`.
    Equal,
    /// `GE`.
    GreaterOrEqual,
    /// `LE`.
    LessOrEqual,
}

/// Names of gRPC's statuses, by number.
pub const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// Flags that Envoy has.
pub const RESPONSE_FLAGS: [&str; 28] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC",
    "URX", "SI", "IH", "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DO",
];

/// The filters, of which one has exactly one.
pub const LOG_FILTERS: [&str; 10] = [
    "statusCodeFilter",
    "durationFilter",
    "notHealthCheckFilter",
    "traceableFilter",
    "headerFilter",
    "responseFlagFilter",
    "grpcStatusFilter",
    "celFilter",
    "andFilter",
    "orFilter",
];

/// What became of one filter: every line passes where it is `None`.
pub(crate) fn decode(block: &Block<'_>) -> Option<LogFilter> {
    let fields = LOG_FILTERS
        .iter()
        .filter_map(|name| Some((*name, block.optional(name)?)));
    let fields: Vec<(&str, Field<'_>)> = fields.collect();
    let [(name, field)] = fields.as_slice() else {
        let rule = format!("exactly one of [{}] must be set", LOG_FILTERS.join(" "));
        block.field.reject(rule);
        return None;
    };
    match *name {
        "statusCodeFilter" => comparison(field).map(LogFilter::StatusCode),
        "durationFilter" => comparison(field).map(LogFilter::Duration),
        "notHealthCheckFilter" => field.boolean()?.then_some(LogFilter::NotHealthCheck),
        "traceableFilter" => field.boolean()?.then_some(LogFilter::Traceable),
        "headerFilter" => {
            let header = field.object(|block| header_match(&block.required("header")?));
            header.flatten().map(LogFilter::Header)
        }
        "responseFlagFilter" => {
            let flags = field.object(|block| words(block, "flags", &RESPONSE_FLAGS));
            let flags = flags.unwrap_or_default().into_iter();
            let flags: Vec<String> = flags.map(str::to_owned).collect();
            Some(LogFilter::ResponseFlags(flags))
        }
        "grpcStatusFilter" => field.object(|block| LogFilter::GrpcStatus {
            statuses: words(block, "statuses", &GRPC_STATUSES),
            exclude: block.boolean("exclude").unwrap_or_default(),
        }),
        "andFilter" => {
            let mut parts: Vec<LogFilter> = several(field).into_iter().flatten().collect();
            match parts.len() {
                0 | 1 => parts.pop(),
                _ => Some(LogFilter::And(parts)),
            }
        }
        "orFilter" => {
            let parts: Option<Vec<LogFilter>> = several(field).into_iter().collect();
            parts.map(LogFilter::Or)
        }
        _ => {
            field.object(|block| block.required_string("match").map(str::to_owned));
            field.warn(
                codes::UNSUPPORTED_FIELD,
                "`celFilter` is accepted but not implemented: it lets every line through",
            );
            None
        }
    }
}

fn several(field: &Field<'_>) -> Vec<Option<LogFilter>> {
    let items = field.items(2..=usize::MAX);
    let parts = items.iter().map(|item| item.object(decode).flatten());
    parts.collect()
}

fn comparison(field: &Field<'_>) -> Option<Comparison> {
    const OPS: [(&str, ComparisonOp); 3] = [
        ("EQ", ComparisonOp::Equal),
        ("GE", ComparisonOp::GreaterOrEqual),
        ("LE", ComparisonOp::LessOrEqual),
    ];
    field
        .object(|block| {
            let op = block.required("op").and_then(|field| field.choice(&OPS));
            let value = block.required("value");
            let value = value.and_then(|field| field.u32(0..=u32::MAX));
            Some(Comparison {
                op: op?,
                value: value?,
            })
        })
        .flatten()
}

/// A list of words of a closed set.
fn words(
    block: &Block<'_>,
    name: &'static str,
    known: &'static [&'static str],
) -> Vec<&'static str> {
    let choices: Vec<(&str, &'static str)> = known.iter().map(|word| (*word, *word)).collect();
    let items = block
        .required(name)
        .map(|field| field.items(1..=usize::MAX));
    let items = items.unwrap_or_default();
    let words = items.iter().filter_map(|item| item.choice(&choices));
    words.collect()
}
