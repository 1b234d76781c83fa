// SPDX-License-Identifier: Apache-2.0
//! Access logs and traces of a Gateway, as every kind that configures them decodes to.
//!
//! In: fields of EnvoyProxies and HTTPListenerPolicies. Out: logs with their formats and filters,
//! traces with their collector; nothing in them that Envoy would refuse.

pub(crate) mod filter;
pub(crate) mod format;
pub(crate) mod tracing;

use sluicegate_manifest::FieldPath;

pub use filter::{Comparison, ComparisonOp, GRPC_STATUSES, LOG_FILTERS, LogFilter, RESPONSE_FLAGS};
pub use format::examples as format_examples;
pub use tracing::{Collector, CustomTag, GatewayTracing, SpanNames};

/// A file that lines are written to.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLog {
    /// Where the sink is in its object.
    pub place: FieldPath,
    /// Path on the machine of the proxy.
    pub path: String,
    /// What a line is.
    pub format: LogFormat,
    /// Who writes.
    pub emitter: Emitter,
    /// What is written at all. Absent: everything.
    pub filter: Option<LogFilter>,
}

/// What a line of a log is.
#[derive(Debug, Clone, PartialEq)]
pub enum LogFormat {
    /// Envoy's own text.
    Envoy,
    /// A JSON object whose strings are formats.
    Json(serde_json::Map<String, serde_json::Value>),
    /// A text with command operators, line break included.
    Text(String),
}

/// Who writes to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Emitter {
    /// Routes, for requests and connections that they carry; and listeners, for connections that no
    /// filter chain takes.
    #[default]
    Any,
    /// Listeners, once per connection.
    Listener,
    /// Routes alone.
    Route,
}

/// The fields of Envoy Gateway's own format: what a setting of its access log writes that names no
/// format (Envoy Gateway default).
pub const ENVOY_GATEWAY_FIELDS: [(&str, &str); 24] = [
    (":authority", "%REQ(:AUTHORITY)%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    (
        "connection_termination_details",
        "%CONNECTION_TERMINATION_DETAILS%",
    ),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("duration", "%DURATION%"),
    ("method", "%REQ(:METHOD)%"),
    ("protocol", "%PROTOCOL%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("route_name", "%ROUTE_NAME%"),
    ("start_time", "%START_TIME%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    (
        "upstream_transport_failure_reason",
        "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
    ),
    ("user-agent", "%REQ(USER-AGENT)%"),
    ("x-envoy-origin-path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    (
        "x-envoy-upstream-service-time",
        "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    ),
    ("x-forwarded-for", "%REQ(X-FORWARDED-FOR)%"),
    ("x-request-id", "%REQ(X-REQUEST-ID)%"),
];

impl LogFormat {
    /// The format of [`ENVOY_GATEWAY_FIELDS`].
    pub(crate) fn envoy_gateway() -> Self {
        let fields = ENVOY_GATEWAY_FIELDS.iter();
        Self::Json(
            fields
                .map(|(name, format)| ((*name).to_owned(), (*format).into()))
                .collect(),
        )
    }
}
