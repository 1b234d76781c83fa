// SPDX-License-Identifier: Apache-2.0
//! What several kinds say about traces.
//!
//! In: nothing. Out: schemas of shares, tags, names of spans, and the backends that take spans.

use super::schema::{I32_MAX, Schema, integer, object, string, text, word};

/// A share of requests.
pub(super) fn fraction() -> Schema {
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

/// Envoy Gateway's tag: a type, and the field of that name.
pub(super) fn custom_tag() -> Schema {
    object([("type", word(&["Literal", "Environment", "RequestHeader"]))])
        .fields(tag_sources())
        .required(&["type"])
        .needs("literal", "Literal")
        .needs("environment", "Environment")
        .needs("requestHeader", "RequestHeader")
}

/// Where the value of a tag comes from.
pub(super) fn tag_sources() -> [(&'static str, Schema); 3] {
    let source =
        || object([("name", text(1, 4096)), ("defaultValue", string())]).required(&["name"]);
    [
        (
            "literal",
            object([("value", string().with("minLength", 1))]).required(&["value"]),
        ),
        ("environment", source()),
        ("requestHeader", source()),
    ]
}

/// `spanName`.
pub(super) fn span_names() -> Schema {
    object([("client", text(1, 4096)), ("server", text(1, 4096))])
}

/// A backend by name.
pub(super) fn backend_ref() -> Schema {
    object([
        ("group", text(0, 253).says("Absent: the core group.")),
        ("kind", text(1, 63).says("Absent: Service.")),
        ("name", text(1, 253)),
        (
            "namespace",
            text(1, 63).says("Another namespace needs a ReferenceGrant."),
        ),
        ("port", integer(1, 65_535)),
        ("weight", integer(0, 1_000_000).says("Not read.")),
    ])
    .required(&["name"])
    .rule(
        "(has(self.group) && self.group != '') || (has(self.kind) && self.kind != 'Service') || \
         has(self.port)",
        "Must have port for Service reference",
    )
}
