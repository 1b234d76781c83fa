// SPDX-License-Identifier: Apache-2.0
//! `v1` Service.
//!
//! In: a document. Out: the ports and what steers traffic to them.

use std::net::IpAddr;

use crate::{
    Metadata,
    admission::{Block, Field},
    decode::Body,
    value::{IntOrString, is_label},
};

/// Fields of a Service's spec that translation does not need.
const SPEC: &[&str] = &[
    "allocateLoadBalancerNodePorts",
    "clusterIPs",
    "externalIPs",
    "externalTrafficPolicy",
    "healthCheckNodePort",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "publishNotReadyAddresses",
    "selector",
    "sessionAffinityConfig",
];

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Service {
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// `spec.type`, default `ClusterIP` (API server default).
    pub service_type: String,
    /// `spec.clusterIP`; none for a headless Service, and where nothing is written yet.
    pub cluster_ip: Option<IpAddr>,
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

impl Body for Service {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl Service {
    fn spec(block: &Block<'_>) -> Self {
        block.accept(SPEC);
        let service_type = block.optional("type").and_then(|field| {
            field.word(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])
        });
        let service_type = service_type.unwrap_or_else(|| "ClusterIP".to_owned());
        let external_name = block.string("externalName").map(str::to_owned);
        if service_type == "ExternalName" && external_name.is_none() {
            block.missing("externalName");
        }
        let session_affinity = block
            .optional("sessionAffinity")
            .and_then(|field| field.word(&["ClientIP", "None"]));
        Self {
            cluster_ip: block
                .string("clusterIP")
                .and_then(|address| address.parse().ok()),
            ports: ports(block, &service_type),
            service_type,
            external_name,
            traffic_distribution: block.string("trafficDistribution").map(str::to_owned),
            session_affinity: session_affinity.unwrap_or_else(|| "None".to_owned()),
        }
    }
}

fn ports(block: &Block<'_>, service_type: &str) -> Vec<ServicePort> {
    let headless = block.string("clusterIP") == Some("None");
    let Some(list) = block.optional("ports") else {
        if !headless && service_type != "ExternalName" {
            block.missing("ports");
        }
        return Vec::new();
    };
    let items = list.items(0..=usize::MAX);
    if items.is_empty() && !headless && service_type != "ExternalName" {
        block.missing("ports");
    }
    let mut ports: Vec<ServicePort> = Vec::new();
    for item in &items {
        let Some(Some(port)) = item.object(|block| port(block, items.len() > 1)) else {
            continue;
        };
        if !port.name.is_empty() && ports.iter().any(|other| other.name == port.name) {
            item.duplicate(&port.name);
        }
        let same =
            |other: &ServicePort| (other.port, &other.protocol) == (port.port, &port.protocol);
        if ports.iter().any(same) {
            item.duplicate(format!("{}/{}", port.port, port.protocol));
        }
        ports.push(port);
    }
    ports
}

fn port(block: &Block<'_>, named: bool) -> Option<ServicePort> {
    block.accept(&["nodePort"]);
    let name = block.optional("name");
    if named && name.is_none() {
        block.missing("name");
    }
    let port = block.required("port").and_then(|field| field.port());
    let target = block
        .optional("targetPort")
        .and_then(|field| IntOrString::port(&field));
    let protocol = block
        .optional("protocol")
        .and_then(|field| protocol(&field));
    let app_protocol = block.string("appProtocol").map(str::to_owned);
    Some(ServicePort {
        name: name.and_then(|field| port_name(&field)).unwrap_or_default(),
        port: port?,
        target_port: target.unwrap_or(IntOrString::Int(port?.into())),
        // API server default.
        protocol: protocol.unwrap_or_else(|| "TCP".to_owned()),
        app_protocol,
    })
}

fn port_name(field: &Field<'_>) -> Option<String> {
    let name = field.string()?;
    if !name.is_empty() && !is_label(name) {
        field.reject(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
             '-', and must start and end with an alphanumeric character",
        );
    }
    Some(name.to_owned())
}

/// `TCP`, `UDP` or `SCTP`.
pub(super) fn protocol(field: &Field<'_>) -> Option<String> {
    field.word(&["SCTP", "TCP", "UDP"])
}
