// SPDX-License-Identifier: Apache-2.0
//! `v1` Service.

use crate::value::IntOrString;

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// `spec.type`, default `ClusterIP` (API server default).
    pub service_type: String,
    /// `spec.externalName`.
    pub external_name: Option<String>,
    /// `spec.trafficDistribution`.
    pub traffic_distribution: Option<String>,
    /// `spec.sessionAffinity`, default `None`.
    pub session_affinity: String,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; empty when the only port has none.
    pub name: String,
    /// `port`, 1..65535.
    pub port: u16,
    /// `targetPort`, default `port`.
    pub target_port: IntOrString,
    /// `protocol`, default `TCP`.
    pub protocol: String,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
}
