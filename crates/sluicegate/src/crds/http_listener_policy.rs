// SPDX-License-Identifier: Apache-2.0
//! HTTPListenerPolicy of kgateway.
//!
//! In: nothing. Out: the schema of its `spec`: access logs and traces as they are read; the other
//! settings are kept as they are, and the gateway names them.

mod access_log;
mod tracing;

use sluicegate_resource::kgateway::HTTP_LISTENER_POLICY_NOT_READ;

use super::schema::{Schema, any, list, object, text};

/// Schema of `spec`.
pub(super) fn spec() -> Schema {
    let spec = object([
        ("targetRefs", targets()),
        (
            "accessLog",
            list(access_log::access_log(), 0, 16).says("Logs; all of them are written."),
        ),
        ("tracing", tracing::tracing()),
    ]);
    let others = HTTP_LISTENER_POLICY_NOT_READ.iter();
    others
        .fold(spec, |spec, name| {
            spec.fields([(*name, any().says("Kept as it is, and not read yet."))])
        })
        .says("What listeners of HTTP write and trace.")
}

fn targets() -> Schema {
    let target = object([
        ("group", text(0, 253)),
        ("kind", text(1, 63)),
        ("name", text(1, 253)),
        (
            "sectionName",
            text(1, 253).says("A listener. Absent: all of them."),
        ),
    ])
    .required(&["group", "kind", "name"])
    .rule(
        "self.group == 'gateway.networking.k8s.io' && self.kind == 'Gateway'",
        "targetRefs may only reference Gateway resources",
    );
    list(target, 1, 16).says("Gateways of the policy's own namespace, by name.")
}
