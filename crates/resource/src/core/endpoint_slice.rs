// SPDX-License-Identifier: Apache-2.0
//! `discovery.k8s.io/v1` EndpointSlice.

/// An EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndpointSlice {
    /// Label `kubernetes.io/service-name`: the Service it belongs to.
    pub service_name: Option<String>,
    /// `addressType`: `IPv4`, `IPv6` or `FQDN`.
    pub address_type: String,
    /// `endpoints`.
    pub endpoints: Vec<Endpoint>,
    /// `ports`.
    pub ports: Vec<EndpointPort>,
}

/// One endpoint of a slice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoint {
    /// `addresses`, at least one.
    pub addresses: Vec<String>,
    /// `conditions.ready`; absent means ready.
    pub ready: bool,
    /// `conditions.serving`; absent means as `ready`.
    pub serving: bool,
    /// `conditions.terminating`; absent means no.
    pub terminating: bool,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `nodeName`.
    pub node_name: Option<String>,
    /// `zone`.
    pub zone: Option<String>,
}

/// One port of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointPort {
    /// `name`; empty when absent.
    pub name: String,
    /// `port`; absent means "all ports" and cannot be dialled.
    pub port: Option<u16>,
    /// `protocol`, default `TCP`.
    pub protocol: String,
    /// `appProtocol`.
    pub app_protocol: Option<String>,
}
