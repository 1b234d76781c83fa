// SPDX-License-Identifier: Apache-2.0
//! ServiceEntry (v1, v1beta1, v1alpha3).
//!
//! In: a document. Out: hosts with their ports and endpoints.

use std::collections::BTreeMap;

use crate::{
    Metadata,
    admission::{Block, Field},
    decode::Body,
    value::is_hostname,
};

/// A ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceEntry {
    /// `hosts`.
    pub hosts: Vec<String>,
    /// `ports`.
    pub ports: Vec<ServiceEntryPort>,
    /// `resolution`: `NONE` (default), `STATIC`, `DNS`, `DNS_ROUND_ROBIN`, `DYNAMIC_DNS`.
    pub resolution: String,
    /// `endpoints`.
    pub endpoints: Vec<WorkloadEndpoint>,
    /// Whether `workloadSelector` is set.
    pub has_workload_selector: bool,
}

/// A port of a ServiceEntry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEntryPort {
    /// `name`.
    pub name: String,
    /// `number`, 1..65535.
    pub number: u16,
    /// `protocol`.
    pub protocol: String,
    /// `targetPort`, default `number`.
    pub target_port: u16,
}

/// An inline endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkloadEndpoint {
    /// `address`.
    pub address: String,
    /// `ports` by port name.
    pub ports: BTreeMap<String, u16>,
    /// `weight`; 0 counts as unset.
    pub weight: u32,
    /// `locality`: `region/zone/subzone`.
    pub locality: Option<String>,
}

impl Body for ServiceEntry {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        spec.and_then(|field| field.object(Self::spec))
            .unwrap_or_default()
    }
}

impl ServiceEntry {
    fn spec(block: &Block<'_>) -> Self {
        block.accept(&["addresses", "exportTo", "subjectAltNames"]);
        if let Some(field) = block.optional("location") {
            field.word(&["MESH_EXTERNAL", "MESH_INTERNAL"]);
        }
        let hosts = block.required("hosts").map(|field| field.items(1..=256));
        let ports = block.list("ports", 0..=256);
        let endpoints = block.list("endpoints", 0..=4096);
        let selector = block.optional("workloadSelector");
        if selector.is_some() && !endpoints.is_empty() {
            block
                .field
                .reject("only one of WorkloadSelector or Endpoints can be set");
        }
        let resolution = block.optional("resolution").and_then(|field| {
            field.word(&["NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"])
        });
        Self {
            hosts: hosts.unwrap_or_default().iter().filter_map(host).collect(),
            ports: decode_ports(&ports),
            // API default: NONE.
            resolution: resolution.unwrap_or_else(|| "NONE".to_owned()),
            endpoints: endpoints
                .iter()
                .filter_map(|item| item.object(WorkloadEndpoint::decode))
                .collect(),
            has_workload_selector: selector.is_some(),
        }
    }
}

fn host(field: &Field<'_>) -> Option<String> {
    let host = field.string()?;
    if host == "*" {
        field.reject("hostname cannot be wildcard");
    } else if !is_hostname(&host.to_ascii_lowercase()) {
        field.reject("must be a DNS name, optionally with a leading \"*.\"");
    }
    Some(host.to_owned())
}

fn decode_ports(items: &[Field<'_>]) -> Vec<ServiceEntryPort> {
    let mut ports: Vec<ServiceEntryPort> = Vec::new();
    for item in items {
        let Some(port) = item.object(port).flatten() else {
            continue;
        };
        if ports.iter().any(|other| other.number == port.number) {
            item.duplicate(port.number.to_string());
        }
        if ports.iter().any(|other| other.name == port.name) {
            item.duplicate(&port.name);
        }
        ports.push(port);
    }
    ports
}

fn port(block: &Block<'_>) -> Option<ServiceEntryPort> {
    let number = block.required("number").and_then(|field| field.port());
    let name = block.required("name").and_then(|field| field.text(256));
    let protocol = block.string("protocol").unwrap_or_default().to_owned();
    let target = block.optional("targetPort").and_then(|field| field.port());
    Some(ServiceEntryPort {
        name: name?.to_owned(),
        number: number?,
        protocol,
        target_port: target.or(number)?,
    })
}

impl WorkloadEndpoint {
    fn decode(block: &Block<'_>) -> Self {
        block.accept(&["labels", "network", "serviceAccount"]);
        let ports = block.optional("ports").map(|field| {
            let ports = field.entries().into_iter();
            ports
                .filter_map(|(name, field)| Some((name.to_owned(), field.port()?)))
                .collect()
        });
        Self {
            address: block.string("address").unwrap_or_default().to_owned(),
            ports: ports.unwrap_or_default(),
            weight: block.u32("weight", 0..=u32::MAX).unwrap_or_default(),
            locality: block.string("locality").map(str::to_owned),
        }
    }
}
