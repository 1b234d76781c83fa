// SPDX-License-Identifier: Apache-2.0
//! Access logs and traces of an EnvoyProxy.
//!
//! In: nothing. Out: the schema of `telemetry`.

use crate::crds::{
    schema::{Schema, any, boolean, integer, list, map, object, open, percent, string, text, word},
    telemetry::{backend_ref, custom_tag, fraction, span_names},
};

pub(super) fn telemetry() -> Schema {
    open()
        .fields([("accessLog", access_log()), ("tracing", tracing())])
        .says("What is told about requests.")
}

fn access_log() -> Schema {
    object([
        ("disable", boolean()),
        (
            "settings",
            list(setting(), 1, 50).says("Absent: JSON on standard output."),
        ),
    ])
}

fn setting() -> Schema {
    object([
        ("format", format().says("Absent: Envoy Gateway's JSON.")),
        (
            "type",
            word(&["Listener", "Route", "Upstream"]).says(
                "Who writes; Upstream is not implemented yet. Absent: routes, and listeners for \
                 connections that no chain takes.",
            ),
        ),
        (
            "matches",
            list(string(), 1, 10).says("Not implemented yet: every line is written."),
        ),
        ("sinks", list(sink(), 1, 50)),
    ])
    .required(&["sinks"])
}

fn format() -> Schema {
    object([
        ("type", word(&["Text", "JSON"])),
        (
            "text",
            string().says("A line with command operators, line break included."),
        ),
        (
            "json",
            open().says("An object whose strings are command operators."),
        ),
    ])
    .needs("text", "Text")
    .needs("json", "JSON")
    .at_most_one(&["text", "json"])
}

fn sink() -> Schema {
    let file = object([("path", text(1, 4096).says("On the machine of the proxy."))]);
    let not_yet = || open().says("Kept as it is, and not implemented yet.");
    object([
        ("type", word(&["File", "ALS", "OpenTelemetry"])),
        ("file", file.required(&["path"])),
        ("als", not_yet()),
        ("openTelemetry", not_yet()),
    ])
    .required(&["type"])
    .needs("file", "File")
    .needs("als", "ALS")
    .needs("openTelemetry", "OpenTelemetry")
}

fn tracing() -> Schema {
    object([
        ("provider", provider()),
        (
            "samplingRate",
            percent().says("Share of requests that are traced by chance. Absent: 100."),
        ),
        (
            "samplingFraction",
            fraction().says("The same, for shares below one percent."),
        ),
        (
            "clientSamplingFraction",
            fraction().says("Share of requests that ask for it. Absent: none."),
        ),
        (
            "overallSamplingFraction",
            fraction().says("Bound on all others. Absent: all."),
        ),
        ("customTags", map(custom_tag()).with("maxProperties", 256)),
        ("tags", map(string())),
        ("spanName", span_names()),
    ])
    .required(&["provider"])
    .at_most_one(&["samplingRate", "samplingFraction"])
    .says("Spans of requests, and who takes them.")
}

fn provider() -> Schema {
    let not_yet = || any().says("Kept as it is, and not implemented yet.");
    object([
        ("type", word(&["OpenTelemetry", "Zipkin", "Datadog"])),
        ("host", text(1, 253)),
        ("port", integer(1, 65_535).says("Absent: 4317.")),
        (
            "backendRefs",
            list(backend_ref().fields([("fallback", boolean())]), 0, 1),
        ),
        ("serviceName", string()),
        ("backendRef", not_yet()),
        ("backendSettings", not_yet()),
        ("openTelemetry", not_yet()),
        ("zipkin", not_yet()),
    ])
    .required(&["type"])
    .rule(
        "!has(self.type) || self.type != 'OpenTelemetry' || has(self.host) || \
         (has(self.backendRefs) && size(self.backendRefs) > 0)",
        "host or backendRefs needs to be set",
    )
}
