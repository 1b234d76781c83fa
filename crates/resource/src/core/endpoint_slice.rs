// SPDX-License-Identifier: Apache-2.0
//! `discovery.k8s.io/v1` EndpointSlice.
//!
//! In: a document. Out: addresses with their conditions, and ports.

use super::service::protocol;
use crate::{
    Metadata,
    admission::{Block, Field},
    decode::Body,
};

/// The label that ties a slice to its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

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

impl Body for EndpointSlice {
    fn decode(root: &Block<'_>, metadata: &Metadata) -> Self {
        let address_type = root
            .required("addressType")
            .and_then(|field| field.word(&["IPv4", "IPv6", "FQDN"]))
            .unwrap_or_default();
        let endpoints = root.list("endpoints", 0..=1000);
        let ports = root.list("ports", 0..=20_000);
        Self {
            service_name: metadata.labels.get(SERVICE_NAME).cloned(),
            endpoints: endpoints
                .iter()
                .filter_map(|item| item.object(|block| endpoint(block, &address_type)))
                .collect(),
            ports: ports.iter().filter_map(|item| item.object(port)).collect(),
            address_type,
        }
    }
}

fn endpoint(block: &Block<'_>, address_type: &str) -> Endpoint {
    block.accept(&["deprecatedTopology", "hints", "targetRef"]);
    let addresses = block
        .required("addresses")
        .map(|field| field.items(1..=100));
    let addresses = addresses.unwrap_or_default();
    for address in &addresses {
        check_address(address, address_type);
    }
    let text = |name| block.string(name).map(str::to_owned);
    let mut endpoint = Endpoint {
        addresses: addresses
            .iter()
            .filter_map(|item| item.string().map(str::to_owned))
            .collect(),
        ready: true,
        serving: true,
        terminating: false,
        hostname: text("hostname"),
        node_name: text("nodeName"),
        zone: text("zone"),
    };
    if let Some(conditions) = block.optional("conditions") {
        conditions.object(|block| {
            endpoint.ready = block.boolean("ready").unwrap_or(true);
            endpoint.serving = block.boolean("serving").unwrap_or(endpoint.ready);
            endpoint.terminating = block.boolean("terminating").unwrap_or(false);
        });
    }
    endpoint
}

fn check_address(field: &Field<'_>, address_type: &str) {
    let Some(text) = field.node.as_str() else {
        return;
    };
    let valid = match address_type {
        "IPv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "IPv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        _ => true,
    };
    if !valid {
        field.reject(format!("must be a valid {address_type} address"));
    }
}

fn port(block: &Block<'_>) -> EndpointPort {
    let protocol = block
        .optional("protocol")
        .and_then(|field| protocol(&field));
    EndpointPort {
        name: block.string("name").unwrap_or_default().to_owned(),
        port: block.optional("port").and_then(|field| field.port()),
        // API server default.
        protocol: protocol.unwrap_or_else(|| "TCP".to_owned()),
        app_protocol: block.string("appProtocol").map(str::to_owned),
    }
}
