// SPDX-License-Identifier: Apache-2.0
//! Status of custom resources.
//!
//! In: nothing. Out: the schemas of `status`, as the Gateway API has them.

use super::schema::{Schema, integer, list, object, string, text, word};

/// Status of a policy: an entry for each ancestor and controller.
pub(super) fn policy() -> Schema {
    let reference = object([
        ("group", text(0, 253)),
        ("kind", text(1, 63)),
        ("namespace", text(1, 63)),
        ("name", text(1, 253)),
        ("sectionName", text(1, 253)),
        ("port", integer(1, 65_535)),
    ])
    .required(&["name"]);
    let ancestor = object([
        ("ancestorRef", reference.says("Where the policy applies.")),
        ("controllerName", text(1, 253).says("Who says so.")),
        ("conditions", conditions()),
    ])
    .required(&["ancestorRef", "controllerName"]);
    object([("ancestors", list(ancestor, 0, 16))])
        .says("What became of the policy; written by gateways.")
        .required(&["ancestors"])
}

/// Status of anything else.
pub(super) fn plain() -> Schema {
    object([("conditions", conditions())]).says("What became of the object; written by gateways.")
}

fn conditions() -> Schema {
    let condition = object([
        ("type", text(1, 316)),
        ("status", word(&["True", "False", "Unknown"])),
        ("reason", text(1, 1024)),
        ("message", text(0, 32_768)),
        ("observedGeneration", integer(0, i64::MAX)),
        ("lastTransitionTime", string().with("format", "date-time")),
    ])
    .required(&["type", "status", "reason", "message", "lastTransitionTime"]);
    list(condition, 0, 8).keyed(&["type"])
}
