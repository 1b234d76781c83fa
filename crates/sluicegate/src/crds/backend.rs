// SPDX-License-Identifier: Apache-2.0
//! Backend of kgateway.
//!
//! In: nothing. Out: the schema of its `spec`. Types that are not implemented are kept as they are;
//! the gateway says so in a condition.

use super::schema::{Schema, integer, list, object, open, text, word};

/// Schema of `spec`.
pub(super) fn spec() -> Schema {
    let names = [
        "static",
        "priorityGroups",
        "aws",
        "gcp",
        "dynamicForwardProxy",
    ];
    object([
        (
            "type",
            word(&[
                "AWS",
                "Static",
                "DynamicForwardProxy",
                "GCP",
                "PriorityGroups",
            ])
            .says("Says again which of the blocks below is set; it can be left out."),
        ),
        ("static", fixed()),
        (
            "priorityGroups",
            list(group(), 1, 16)
                .says("Ordered failover: a group gets requests when those before it cannot."),
        ),
        ("aws", not_yet("An AWS service.")),
        ("gcp", not_yet("A Google Cloud service.")),
        (
            "dynamicForwardProxy",
            not_yet("Whatever host a request names."),
        ),
    ])
    .says("What the backend is: one of the blocks.")
    .exactly_one(&names)
    .rule(
        "!has(self.type) || (self.type == 'Static' && has(self.static)) || \
         (self.type == 'PriorityGroups' && has(self.priorityGroups)) || \
         (self.type == 'AWS' && has(self.aws)) || (self.type == 'GCP' && has(self.gcp)) || \
         (self.type == 'DynamicForwardProxy' && has(self.dynamicForwardProxy))",
        "type must agree with the block that is set: correct type, or remove it",
    )
}

fn not_yet(what: &str) -> Schema {
    open().says(&format!("{what} Kept as it is, and not implemented yet."))
}

fn fixed() -> Schema {
    let host = object([
        (
            "host",
            text(1, 253).says("An IP address or a DNS name, without a port."),
        ),
        ("port", integer(1, 65_535)),
    ])
    .required(&["host", "port"]);
    object([
        ("hosts", list(host, 1, u32::MAX)),
        (
            "appProtocol",
            text(0, 253).says("What the hosts speak, such as kubernetes.io/h2c. Absent: HTTP/1.1."),
        ),
    ])
    .says("Hosts that are written down here.")
    .required(&["hosts"])
}

fn group() -> Schema {
    let member = object([(
        "name",
        text(1, 253).says("A Static Backend of the same namespace."),
    )])
    .required(&["name"]);
    object([("backends", list(member, 1, u32::MAX))]).required(&["backends"])
}
