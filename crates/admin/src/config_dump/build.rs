// SPDX-License-Identifier: Apache-2.0
//! The seven sections.
//!
//! In: the ledger and what is known about the process. Out: sections in Envoy's order. Everything
//! that comes out of a snapshot counts as dynamic; nothing is static.

use jiff::Timestamp;
use serde_json::Value;
use sluicegate_snapshot::ResourceType;
use sluicegate_xds::{
    json,
    pb::envoy::config::{
        bootstrap::v3::{Admin, Bootstrap, bootstrap::StaticResources},
        core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
    },
};

use crate::{Startup, Views};

use super::{
    element::{object, timestamp},
    ledger::Ledger,
    redact::redact,
    section::{Content, Section},
};

/// All sections; the third only `with_endpoints`.
pub(super) fn sections(ledger: &mut Ledger, views: &Views, with_endpoints: bool) -> Vec<Section> {
    let mut sections = vec![
        bootstrap(&views.startup),
        versioned(
            ledger,
            ResourceType::Cluster,
            "envoy.admin.v3.ClustersConfigDump",
            "dynamic_active_clusters",
        ),
    ];
    if with_endpoints {
        sections.push(endpoints(ledger));
    }
    sections.extend([
        versioned(
            ledger,
            ResourceType::Listener,
            "envoy.admin.v3.ListenersConfigDump",
            "dynamic_listeners",
        ),
        Section {
            type_name: "envoy.admin.v3.ScopedRoutesConfigDump",
            fields: Vec::new(),
        },
        list(
            ledger,
            ResourceType::Route,
            "envoy.admin.v3.RoutesConfigDump",
            "dynamic_route_configs",
        ),
        list(
            ledger,
            ResourceType::Secret,
            "envoy.admin.v3.SecretsConfigDump",
            "dynamic_active_secrets",
        ),
    ]);
    sections
}

fn list(
    ledger: &mut Ledger,
    resource_type: ResourceType,
    type_name: &'static str,
    field: &'static str,
) -> Section {
    Section {
        type_name,
        fields: vec![(field, Content::List(ledger.elements(resource_type)))],
    }
}

/// A section that says which update it is at.
fn versioned(
    ledger: &mut Ledger,
    resource_type: ResourceType,
    type_name: &'static str,
    field: &'static str,
) -> Section {
    let mut section = list(ledger, resource_type, type_name, field);
    let version = ledger.version_info(resource_type);
    if !version.is_empty() {
        let version = Content::Single(version.into());
        section.fields.insert(0, ("version_info", version));
    }
    section
}

fn endpoints(ledger: &mut Ledger) -> Section {
    let mut items = ledger.assignments();
    items.extend(ledger.elements(ResourceType::Endpoint));
    items.sort_by(|a, b| a.name.cmp(&b.name));
    Section {
        type_name: "envoy.admin.v3.EndpointsConfigDump",
        fields: vec![("dynamic_endpoint_configs", Content::List(items))],
    }
}

/// What a bootstrap for this process would say: who it is and where its admin listens.
fn bootstrap(startup: &Startup) -> Section {
    let admin_address = Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: startup.admin_address.ip().to_string(),
            port_specifier: Some(PortSpecifier::PortValue(
                startup.admin_address.port().into(),
            )),
            ..Default::default()
        })),
    };
    let bootstrap = Bootstrap {
        node: Some(startup.node.clone()),
        static_resources: Some(StaticResources::default()),
        admin: Some(Admin {
            address: Some(admin_address),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut value = json::to_value(&bootstrap)
        .unwrap_or_else(|error| object([("error", error.to_string().into())]));
    redact(&mut value, "envoy.config.bootstrap.v3.Bootstrap");
    let started = Timestamp::try_from(startup.started_at).unwrap_or_default();
    Section {
        type_name: "envoy.admin.v3.BootstrapConfigDump",
        fields: vec![
            ("bootstrap", Content::Single(value)),
            (
                "last_updated",
                Content::Single(Value::from(timestamp(started))),
            ),
        ],
    }
}
