// SPDX-License-Identifier: Apache-2.0
//! EnvoyProxy: how the proxies of a Gateway are run.
//!
//! In: a document. Out: logs, traces, and what a Gateway gets in a cluster; one advice that names what
//! else is written and not read.

mod access_log;
mod provider;
mod tracing;

use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
    telemetry::{AccessLog, GatewayTracing},
};

pub use provider::{Autoscaler, DeploymentSettings, KubernetesProvider, ServiceSettings, Verbatim};

/// An EnvoyProxy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EnvoyProxy {
    /// Sinks of `telemetry.accessLog`, in order. Without that block: none (ours; Envoy Gateway
    /// writes its own format to standard output).
    pub access_logs: Vec<AccessLog>,
    /// Whether `telemetry.accessLog` is there, even if it says that nothing is written.
    pub says_access_log: bool,
    /// `telemetry.tracing`.
    pub tracing: Option<GatewayTracing>,
    /// `provider.kubernetes`.
    pub provider: KubernetesProvider,
}

impl Body for EnvoyProxy {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.optional("spec");
        let proxy = spec.and_then(|field| field.open(|block| Self::spec(block, &field)));
        proxy.unwrap_or_default()
    }

    /// The Gateway that refers to it must be told.
    fn refused(self) -> Option<Self> {
        Some(Self::default())
    }
}

impl EnvoyProxy {
    fn spec(block: &Block<'_>, field: &Field<'_>) -> Self {
        let mut proxy = Self::default();
        let mut others = names_beside(field, &["provider", "telemetry"], "");
        if let Some(kubernetes) = block.object("provider", provider::decode).flatten() {
            proxy.provider = kubernetes;
        }
        if let Some(telemetry) = block.optional("telemetry") {
            telemetry.open(|block| {
                let logs = block.object("accessLog", access_log::decode);
                proxy.says_access_log = logs.is_some();
                proxy.access_logs = logs.unwrap_or_default();
                proxy.tracing = block
                    .optional("tracing")
                    .and_then(|field| tracing::decode(&field));
            });
            others.extend(names_beside(
                &telemetry,
                &["accessLog", "tracing"],
                "telemetry.",
            ));
        }
        if !others.is_empty() {
            field.advise(
                codes::UNSUPPORTED_FIELD,
                format!("not read: {}", others.join(", ")),
                "of an EnvoyProxy, `telemetry.accessLog`, `telemetry.tracing` and \
                 `provider.kubernetes` are read"
                    .to_owned(),
            );
        }
        proxy
    }
}

/// What a mapping has beside `read`.
fn names_beside(field: &Field<'_>, read: &[&str], prefix: &str) -> Vec<String> {
    let sluicegate_manifest::Value::Mapping(entries) = &field.node.value else {
        return Vec::new();
    };
    let names = entries.iter().map(|entry| entry.key.as_str());
    let others = names.filter(|name| !read.contains(name));
    others.map(|name| format!("`{prefix}{name}`")).collect()
}

#[cfg(test)]
mod tests;
