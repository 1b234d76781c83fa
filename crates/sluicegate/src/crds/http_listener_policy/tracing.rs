// SPDX-License-Identifier: Apache-2.0
//! Traces of an HTTPListenerPolicy.
//!
//! In: nothing. Out: the schema of `tracing`.

use crate::crds::{
    schema::{I32_MAX, Schema, any, boolean, integer, list, object, open, percent, string, text},
    telemetry::{backend_ref, tag_sources},
};

pub(super) fn tracing() -> Schema {
    object([
        ("provider", provider()),
        (
            "randomSampling",
            percent().says("Share of requests that are traced by chance. Absent: 100."),
        ),
        (
            "clientSampling",
            percent().says("Share of requests that ask for it. Absent: 100."),
        ),
        (
            "overallSampling",
            percent().says("Bound on all others. Absent: 100."),
        ),
        ("attributes", list(attribute(), 0, 256)),
        (
            "maxPathTagLength",
            integer(1, I32_MAX).says("In bytes. Absent: 256."),
        ),
        (
            "spawnUpstreamSpan",
            boolean().says("The request to the backend has a span of its own."),
        ),
        ("verbose", boolean()),
    ])
    .required(&["provider"])
    .says("Spans of requests, and who takes them.")
}

fn provider() -> Schema {
    let not_yet = || any().says("Kept as it is, and not implemented yet.");
    let service = object([
        ("backendRef", backend_ref()),
        ("authority", not_yet()),
        ("initialMetadata", not_yet()),
        ("maxReceiveMessageLength", not_yet()),
        ("retryPolicy", not_yet()),
        ("skipEnvoyHeaders", not_yet()),
        ("timeout", not_yet()),
    ])
    .required(&["backendRef"]);
    let open_telemetry = object([
        ("grpcService", service),
        ("serviceName", string()),
        ("resourceDetectors", not_yet()),
        ("sampler", not_yet()),
    ])
    .required(&["grpcService"]);
    object([("openTelemetry", open_telemetry)]).required(&["openTelemetry"])
}

fn attribute() -> Schema {
    object([
        ("name", text(1, 4096)),
        (
            "metadata",
            open().says("Kept as it is, and not implemented yet."),
        ),
    ])
    .fields(tag_sources())
    .required(&["name"])
    .exactly_one(&["literal", "environment", "requestHeader", "metadata"])
}
