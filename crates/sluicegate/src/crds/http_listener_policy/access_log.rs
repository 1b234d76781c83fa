// SPDX-License-Identifier: Apache-2.0
//! Access logs of an HTTPListenerPolicy.
//!
//! In: nothing. Out: the schema of one log: a file with its format, and what is written at all.

use sluicegate_resource::telemetry::{GRPC_STATUSES, LOG_FILTERS, RESPONSE_FLAGS};

use crate::crds::schema::{
    Schema, U32_MAX, boolean, header_name, integer, list, object, open, string, text, word,
};

/// Filters within filters that have a schema; the gateway alone checks what is deeper.
const DEPTH: u32 = 1;

pub(super) fn access_log() -> Schema {
    let not_yet = || open().says("Kept as it is, and not implemented yet.");
    object([
        ("fileSink", file_sink()),
        ("grpcService", not_yet()),
        ("openTelemetry", not_yet()),
        (
            "filter",
            filter(DEPTH).says("Absent: everything is written."),
        ),
    ])
    .at_least_one(&["fileSink", "grpcService", "openTelemetry"])
}

fn file_sink() -> Schema {
    object([
        ("path", text(1, 4096).says("On the machine of the proxy.")),
        (
            "stringFormat",
            string().says("A line with command operators, line break included."),
        ),
        (
            "jsonFormat",
            open().says("An object whose strings are command operators."),
        ),
    ])
    .required(&["path"])
    .exactly_one(&["stringFormat", "jsonFormat"])
}

fn filter(depth: u32) -> Schema {
    let several = || match depth {
        0 => list(open(), 2, 64),
        _ => list(filter(depth - 1), 2, 64),
    };
    let header = object([
        ("type", word(&["Exact", "RegularExpression"])),
        ("name", header_name()),
        ("value", text(1, 4096)),
    ])
    .required(&["name", "value"]);
    let flags = object([("flags", list(word(&RESPONSE_FLAGS), 1, 64))]).required(&["flags"]);
    let statuses = object([
        ("statuses", list(word(&GRPC_STATUSES), 1, 64)),
        ("exclude", boolean()),
    ])
    .required(&["statuses"]);
    let expression = object([("match", string())])
        .required(&["match"])
        .says("Not implemented yet: lets every line through.");
    object([
        ("statusCodeFilter", comparison()),
        ("durationFilter", comparison().says("In milliseconds.")),
        ("notHealthCheckFilter", boolean()),
        ("traceableFilter", boolean()),
        (
            "headerFilter",
            object([("header", header)]).required(&["header"]),
        ),
        ("responseFlagFilter", flags),
        ("grpcStatusFilter", statuses),
        ("celFilter", expression),
        ("andFilter", several().says("All of these hold.")),
        ("orFilter", several().says("One of these holds.")),
    ])
    .exactly_one(&LOG_FILTERS)
}

fn comparison() -> Schema {
    object([
        ("op", word(&["EQ", "GE", "LE"])),
        ("value", integer(0, U32_MAX)),
    ])
    .required(&["op", "value"])
}
