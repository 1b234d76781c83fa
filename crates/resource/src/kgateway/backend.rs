// SPDX-License-Identifier: Apache-2.0
//! Backend: hosts outside Kubernetes' own Services.
//!
//! In: a document. Out: hosts, failover groups, or the name of a type that is not implemented.

use crate::{
    Metadata,
    admission::{Block, Field},
    codes,
    decode::Body,
    value::is_precise_hostname,
};

/// The union's fields with the value of the deprecated `type` that goes with each.
const TYPES: [(&str, &str); 5] = [
    ("aws", "AWS"),
    ("static", "Static"),
    ("dynamicForwardProxy", "DynamicForwardProxy"),
    ("gcp", "GCP"),
    ("priorityGroups", "PriorityGroups"),
];

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

impl Body for Backend {
    fn decode(root: &Block<'_>, _: &Metadata) -> Self {
        let spec = root.required("spec");
        let backend_type = spec.and_then(|field| field.object(backend_type).flatten());
        Self {
            backend_type: backend_type.unwrap_or_else(|| BackendType::Unsupported(String::new())),
        }
    }
}

fn backend_type(block: &Block<'_>) -> Option<BackendType> {
    let names = TYPES.map(|(name, _)| name);
    let choices = TYPES.map(|(name, written)| (written, name));
    let written = block
        .optional("type")
        .and_then(|field| field.choice(&choices));
    let present: Vec<(&str, Field<'_>)> = names
        .into_iter()
        .filter_map(|name| Some((name, block.optional(name)?)))
        .collect();
    let [(name, field)] = present.as_slice() else {
        let rule = format!(
            "exactly one of the fields in [{}] must be set",
            names.join(" ")
        );
        block.field.reject(rule);
        return None;
    };
    if written.is_some_and(|written| written != *name) {
        block.field.reject(format!(
            "type must agree with the field that is set, `{name}`"
        ));
    }
    match *name {
        "static" => field.object(static_hosts).flatten(),
        "priorityGroups" => {
            let items = field.items(1..=16);
            let groups = items.iter().filter_map(|item| item.object(priority_group));
            Some(BackendType::PriorityGroups(groups.collect()))
        }
        _ => {
            field.warn(
                codes::UNSUPPORTED_FIELD,
                format!("Backend type `{name}` is accepted but not implemented"),
            );
            Some(BackendType::Unsupported((*name).to_owned()))
        }
    }
}

fn static_hosts(block: &Block<'_>) -> Option<BackendType> {
    let app_protocol = block.string("appProtocol").map(str::to_owned);
    let items = block.required("hosts")?.items(1..=usize::MAX);
    let hosts = items
        .iter()
        .filter_map(|item| item.object(static_host).flatten());
    Some(BackendType::Static {
        hosts: hosts.collect(),
        app_protocol,
    })
}

fn static_host(block: &Block<'_>) -> Option<StaticHost> {
    let host = block.required("host").and_then(|field| {
        let host = field.text(253)?;
        let valid = host.parse::<std::net::IpAddr>().is_ok()
            || is_precise_hostname(&host.to_ascii_lowercase());
        if !host.is_empty() && !valid {
            field.reject_with(
                "must be an IP address or a DNS name",
                "write the host alone; the port has a field of its own",
            );
        }
        Some(host.to_owned())
    });
    let port = block.required("port").and_then(|field| field.port());
    Some(StaticHost {
        host: host?,
        port: port?,
    })
}

fn priority_group(block: &Block<'_>) -> PriorityGroup {
    let items = block
        .required("backends")
        .map(|field| field.items(1..=usize::MAX));
    let names = items.unwrap_or_default();
    let names = names.iter().filter_map(|item| {
        let name = item
            .object(|block| block.required("name")?.text(253))
            .flatten()?;
        Some(name.to_owned())
    });
    PriorityGroup {
        backends: names.collect(),
    }
}
