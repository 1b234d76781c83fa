// SPDX-License-Identifier: Apache-2.0
//! Backend: hosts outside Kubernetes' own Services.

/// A Backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// What kind of backend it is.
    pub backend_type: BackendType,
}

/// The union of Backend types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendType {
    /// `priorityGroups`: ordered failover between Static Backends of the same namespace.
    PriorityGroups(Vec<PriorityGroup>),
    /// `static`.
    Static {
        /// `hosts`, at least one.
        hosts: Vec<StaticHost>,
        /// `appProtocol`.
        app_protocol: Option<String>,
    },
    /// A type that is accepted but not implemented (`aws`, `gcp`, `dynamicForwardProxy`), by name.
    Unsupported(String),
}

/// A fixed host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticHost {
    /// Address or DNS name.
    pub host: String,
    /// Port, 1..65535.
    pub port: u16,
}

/// One priority level: names of Static Backends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriorityGroup {
    /// Names of the members, in order.
    pub backends: Vec<String>,
}
