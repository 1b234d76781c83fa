// SPDX-License-Identifier: Apache-2.0
//! What a request passes on its way.
//!
//! In: nothing. Out: schemas of `bandwidthLimit`, `faultInjection`, `admissionControl`, `compressor`,
//! `httpUpgrade` and `requestBuffer`.

use crate::crds::schema::{
    Schema, U32_MAX, any_bytes, boolean, bytes, duration_from, header_name, integer, list, number,
    object, positive_duration, text, word,
};

pub(super) fn bandwidth_limit() -> Schema {
    let limit = || {
        object([
            ("value", any_bytes()),
            ("unit", word(&["Second", "Minute", "Hour"])),
        ])
        .required(&["value", "unit"])
        .says("Bytes by time; at least 1 KiB per second.")
    };
    let trailers = object([("prefix", header_name())]).says("Trailers that tell the delay.");
    object([
        ("request", object([("limit", limit())]).required(&["limit"])),
        (
            "response",
            object([("limit", limit()), ("responseTrailers", trailers)]).required(&["limit"]),
        ),
    ])
    .says("Bodies are slowed down.")
    .at_least_one(&["request", "response"])
}

pub(super) fn fault_injection() -> Schema {
    let percentage = || number(0.0, 100.0).says("Share of requests. Absent: 100.");
    let delay = object([
        ("fixedDelay", positive_duration()),
        ("percentage", percentage()),
    ])
    .required(&["fixedDelay"]);
    let abort = object([
        ("httpStatus", integer(200, 599)),
        ("grpcStatus", integer(0, 16)),
        ("percentage", percentage()),
    ])
    .exactly_one(&["httpStatus", "grpcStatus"]);
    object([("delay", delay), ("abort", abort)])
        .says("Faults on purpose.")
        .at_least_one(&["delay", "abort"])
}

pub(super) fn admission_control() -> Schema {
    let http = object([("statusCodes", list(integer(100, 599), 0, u32::MAX))]);
    let grpc = object([(
        "statusCodes",
        list(text(1, 32), 0, u32::MAX).says("Names such as Ok and NotFound."),
    )]);
    object([
        ("samplingWindow", duration_from("1s").says("Absent: 30s.")),
        (
            "minSuccessRate",
            number(1.0, 100.0)
                .says("Percent of success below which requests are refused. Absent: 95."),
        ),
        (
            "rejectionAggression",
            number(1.0, f64::INFINITY).says("1 refuses in proportion. Absent: 1."),
        ),
        (
            "minRequestRate",
            integer(0, U32_MAX).says("Requests per second below which none is refused. Absent: 0."),
        ),
        (
            "maxRejectionPercent",
            number(0.0, 100.0).says("Absent: 80."),
        ),
        ("successCriteria", object([("http", http), ("grpc", grpc)])),
    ])
    .says("A failing backend gets fewer requests.")
}

/// `compressor`; its predecessor did not ask for the block of the type.
pub(super) fn compressors(needs_member: bool) -> Schema {
    let block = object([
        ("type", word(&["Gzip", "Brotli", "Zstd"])),
        ("gzip", object([])),
        ("brotli", object([])),
        ("zstd", object([])),
        (
            "minContentLength",
            integer(0, U32_MAX).says("In bytes. Absent: 30."),
        ),
    ])
    .required(&["type"]);
    let block = match needs_member {
        true => block
            .needs("gzip", "Gzip")
            .needs("brotli", "Brotli")
            .needs("zstd", "Zstd"),
        false => block,
    };
    list(block, 0, 16).says("Responses are compressed; the first of equals is preferred.")
}

pub(super) fn http_upgrade() -> Schema {
    let upgrade = object([
        ("type", text(1, 256).says("Such as websocket.")),
        (
            "connect",
            object([(
                "terminate",
                boolean().says("The gateway takes the tunnel apart."),
            )]),
        ),
    ])
    .required(&["type"])
    .belongs("connect", "CONNECT");
    list(upgrade, 0, 64).says("Upgrades that are let through. Absent: websocket.")
}

pub(super) fn request_buffer() -> Schema {
    object([("limit", bytes(1, U32_MAX))])
        .required(&["limit"])
        .says("Requests are sent on once they are complete; a larger one is refused.")
}
