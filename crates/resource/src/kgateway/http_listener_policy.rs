// SPDX-License-Identifier: Apache-2.0
//! HTTPListenerPolicy: what listeners do with requests, of which access logs and traces are read.
//!
//! In: a document. Out: Gateways that it is for, logs and traces; what else is written is reported
//! by name. One with an error keeps its targets and nothing else, so that its status can be written.

mod access_log;
mod tracing;

use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
    gateway::reference,
    telemetry::{AccessLog, GatewayTracing},
    value::Written,
};

/// An HTTPListenerPolicy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpListenerPolicy {
    /// `targetRefs`.
    pub targets: Vec<Written<ListenerTarget>>,
    /// `accessLog`.
    pub access_logs: Vec<AccessLog>,
    /// `tracing`.
    pub tracing: Option<GatewayTracing>,
}

/// A Gateway of the policy's own namespace, or a listener of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTarget {
    /// `name` of the Gateway.
    pub gateway: String,
    /// `sectionName`: a listener. Absent: all of them.
    pub section_name: Option<String>,
}

/// Settings of an HTTPListenerPolicy that are not read.
pub const NOT_READ: [&str; 21] = [
    "acceptHttp10",
    "defaultHostForHttp10",
    "earlyRequestHeaderModifier",
    "forwardClientCertDetails",
    "generateRequestId",
    "healthCheck",
    "http2ProtocolOptions",
    "idleTimeout",
    "maxRequestHeadersKb",
    "preserveExternalRequestId",
    "preserveHttp1HeaderCase",
    "proxyProtocol",
    "requestHeadersTimeout",
    "requestTimeout",
    "serverHeaderTransformation",
    "streamIdleTimeout",
    "targetSelectors",
    "upgradeConfig",
    "useRemoteAddress",
    "uuidRequestIdConfig",
    "xffNumTrustedHops",
];

impl Body for HttpListenerPolicy {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }

    fn refused(self) -> Option<Self> {
        Some(Self {
            targets: self.targets,
            ..Self::default()
        })
    }
}

impl HttpListenerPolicy {
    fn spec(block: &Block<'_>) -> Self {
        for name in NOT_READ {
            let Some(field) = block.optional(name) else {
                continue;
            };
            field.warn(
                codes::UNSUPPORTED_FIELD,
                format!(
                    "`{}` is not read: of an HTTPListenerPolicy, `accessLog` and `tracing` are",
                    field.path()
                ),
            );
        }
        let logs = block.list("accessLog", 0..=16);
        Self {
            targets: targets(&block.list("targetRefs", 1..=16)),
            access_logs: logs.iter().filter_map(access_log::decode).collect(),
            tracing: block
                .optional("tracing")
                .and_then(|field| tracing::decode(&field)),
        }
    }
}

fn targets(items: &[Field<'_>]) -> Vec<Written<ListenerTarget>> {
    let targets = items
        .iter()
        .filter_map(|item| item.written_as(|item| item.object(|block| target(block, item))?));
    targets.collect()
}

fn target(block: &Block<'_>, item: &Field<'_>) -> Option<ListenerTarget> {
    block.explain(
        "namespace",
        "remove it: an HTTPListenerPolicy targets Gateways of its own namespace",
    );
    let group = reference::group(block, Some(crate::admission::GATEWAY));
    let kind = reference::kind(block, None);
    let target = ListenerTarget {
        gateway: reference::name(block),
        section_name: reference::section_name(block, "sectionName"),
    };
    if (group.as_str(), kind.as_str()) != (crate::admission::GATEWAY, "Gateway") {
        item.reject("targetRefs may only reference Gateway resources");
        return None;
    }
    Some(target)
}

#[cfg(test)]
mod tests;
