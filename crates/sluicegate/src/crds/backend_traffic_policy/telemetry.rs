// SPDX-License-Identifier: Apache-2.0
//! Traces and statistics.
//!
//! In: nothing. Out: the schema of `telemetry`.

use crate::crds::schema::{I32_MAX, Schema, integer, map, object, string, text, word};

pub(super) fn telemetry() -> Schema {
    let metrics = object([(
        "routeStatName",
        text(1, 4096)
            .says("Name with %ROUTE_NAME%, %ROUTE_NAMESPACE%, %ROUTE_KIND%, %ROUTE_RULE_NAME%."),
    )]);
    let spans = object([("client", text(1, 4096)), ("server", text(1, 4096))]);
    let tracing = object([
        ("samplingFraction", fraction()),
        ("clientSamplingFraction", fraction()),
        ("overallSamplingFraction", fraction()),
        ("customTags", map(custom_tag()).with("maxProperties", 256)),
        ("tags", map(string())),
        ("spanName", spans),
    ]);
    object([("tracing", tracing), ("metrics", metrics)]).says("What is told about requests.")
}

fn fraction() -> Schema {
    object([
        ("numerator", integer(0, I32_MAX)),
        ("denominator", integer(1, I32_MAX).says("Absent: 100.")),
    ])
    .required(&["numerator"])
    .rule(
        "self.numerator <= (has(self.denominator) ? self.denominator : 100)",
        "numerator must be less than or equal to denominator (100 where absent): lower numerator",
    )
}

fn custom_tag() -> Schema {
    let source =
        || object([("name", text(1, 4096)), ("defaultValue", string())]).required(&["name"]);
    object([
        ("type", word(&["Literal", "Environment", "RequestHeader"])),
        (
            "literal",
            object([("value", string())]).required(&["value"]),
        ),
        ("environment", source()),
        ("requestHeader", source()),
    ])
    .required(&["type"])
    .needs("literal", "Literal")
    .needs("environment", "Environment")
    .needs("requestHeader", "RequestHeader")
}
