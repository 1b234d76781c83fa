// SPDX-License-Identifier: Apache-2.0
//! ServiceEntry (v1, v1beta1, v1alpha3).

use std::collections::BTreeMap;

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
