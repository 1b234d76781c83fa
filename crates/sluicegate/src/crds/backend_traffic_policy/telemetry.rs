// SPDX-License-Identifier: Apache-2.0
//! Traces and statistics.
//!
//! In: nothing. Out: the schema of `telemetry`.

use crate::crds::{
    schema::{Schema, map, object, string, text},
    telemetry::{custom_tag, fraction, span_names},
};

pub(super) fn telemetry() -> Schema {
    let metrics = object([(
        "routeStatName",
        text(1, 4096)
            .says("Name with %ROUTE_NAME%, %ROUTE_NAMESPACE%, %ROUTE_KIND%, %ROUTE_RULE_NAME%."),
    )]);
    let tracing = object([
        ("samplingFraction", fraction()),
        ("clientSamplingFraction", fraction()),
        ("overallSamplingFraction", fraction()),
        ("customTags", map(custom_tag()).with("maxProperties", 256)),
        ("tags", map(string())),
        ("spanName", span_names()),
    ]);
    object([("tracing", tracing), ("metrics", metrics)]).says("What is told about requests.")
}
