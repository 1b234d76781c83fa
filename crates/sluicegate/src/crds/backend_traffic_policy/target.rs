// SPDX-License-Identifier: Apache-2.0
//! Where a policy applies.
//!
//! In: nothing. Out: schemas of `targetRef`, `targetRefs` and `targetSelectors`.

use crate::crds::schema::{Schema, list, map, object, string, text, word};

/// Targets that can be named; more cannot be checked within the API server's budget.
const MOST: u32 = 256;

const KINDS: [&str; 7] = [
    "Gateway",
    "ListenerSet",
    "HTTPRoute",
    "GRPCRoute",
    "TCPRoute",
    "UDPRoute",
    "TLSRoute",
];

/// One target by name.
pub(super) fn reference() -> Schema {
    target()
        .fields([
            ("name", text(1, 253)),
            (
                "sectionName",
                text(1, 253).says("A listener of a Gateway, or a rule of a route."),
            ),
        ])
        .required(&["kind", "name"])
}

pub(super) fn references() -> Schema {
    list(reference(), 0, MOST).says("Routes and Gateways of the policy's own namespace, by name.")
}

pub(super) fn selectors() -> Schema {
    let namespaces = object([
        (
            "from",
            word(&["All", "Same", "Selector"]).says("Absent: Same."),
        ),
        (
            "selector",
            object(labels()).says("Labels of namespaces, with from: Selector."),
        ),
    ])
    .says("Namespaces that are searched; others than the policy's own need a ReferenceGrant.")
    .rule(
        "!has(self.from) || self.from != 'Selector' || has(self.selector)",
        "selector must be set when from is Selector",
    );
    let item = target()
        .fields(labels())
        .fields([("namespaces", namespaces)])
        .required(&["kind"]);
    list(item, 0, MOST).says("Routes and Gateways by labels; no label at all selects every one.")
}

fn target() -> Schema {
    object([
        (
            "group",
            text(0, 253).says("Absent: gateway.networking.k8s.io."),
        ),
        ("kind", word(&KINDS)),
    ])
    .rule(
        "!has(self.group) || self.group == 'gateway.networking.k8s.io'",
        "group must be gateway.networking.k8s.io: this policy targets routes and Gateways, a \
         BackendConfigPolicy targets backends",
    )
}

fn labels() -> [(&'static str, Schema); 2] {
    let operator = word(&["In", "NotIn", "Exists", "DoesNotExist"]);
    let requirement = object([
        ("key", string()),
        ("operator", operator),
        ("values", list(string(), 0, u32::MAX)),
    ])
    .required(&["key", "operator"]);
    [
        ("matchLabels", map(string())),
        ("matchExpressions", list(requirement, 0, u32::MAX)),
    ]
}
