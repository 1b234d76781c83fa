// SPDX-License-Identifier: Apache-2.0
//! Decoding of `loadBalancer`.
//!
//! In: the block. Out: the algorithm with what it allows beside it.

use super::{BackendUtilization, ConsistentHash, LoadBalancer, LoadBalancerAlgorithm, ZoneAware};
use crate::{
    admission::{Block, Field},
    codes,
    value::is_header_name,
};

/// The values of `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    BackendUtilization,
    ConsistentHash,
    DynamicModule,
    LeastRequest,
    Maglev,
    Random,
    RoundRobin,
}

/// In the order of the founding document, then upstream's.
const TYPES: [(&str, Type); 7] = [
    ("RoundRobin", Type::RoundRobin),
    ("LeastRequest", Type::LeastRequest),
    ("Random", Type::Random),
    ("Maglev", Type::Maglev),
    ("ConsistentHash", Type::ConsistentHash),
    ("BackendUtilization", Type::BackendUtilization),
    ("DynamicModule", Type::DynamicModule),
];

impl LoadBalancer {
    pub(in super::super) fn decode(block: &Block<'_>) -> Option<Self> {
        let type_field = block.required("type");
        let chosen = type_field.as_ref().and_then(|field| field.choice(&TYPES));
        let hash = block.optional("consistentHash");
        let hash_value = hash
            .as_ref()
            .and_then(|field| field.object(ConsistentHash::decode).flatten());
        let utilization = block.object("backendUtilization", BackendUtilization::decode);
        let slow_start = block.object("slowStart", |block| {
            block.required("window").and_then(|field| field.duration())
        });
        let zone_aware = block.object("zoneAware", ZoneAware::decode);
        let endpoint_override = block.object("endpointOverride", endpoint_override);
        let module = block.optional("dynamicModule");
        let (chosen, type_field) = (chosen?, type_field?);
        if chosen == Type::DynamicModule {
            unsupported(&type_field);
        } else if let Some(field) = module {
            field.reject("dynamicModule may only be set when type is DynamicModule");
        }
        check_members(block, chosen);
        check_additions(block, chosen);
        let algorithm = match chosen {
            Type::BackendUtilization => {
                LoadBalancerAlgorithm::BackendUtilization(utilization.unwrap_or_default())
            }
            Type::ConsistentHash => LoadBalancerAlgorithm::ConsistentHash(Some(hash_value?)),
            Type::Maglev => {
                if hash.is_none() {
                    without_input(&type_field);
                }
                LoadBalancerAlgorithm::ConsistentHash(hash_value)
            }
            Type::Random => LoadBalancerAlgorithm::Random,
            Type::RoundRobin => LoadBalancerAlgorithm::RoundRobin,
            Type::LeastRequest | Type::DynamicModule => LoadBalancerAlgorithm::LeastRequest,
        };
        Some(Self {
            algorithm,
            slow_start: slow_start.flatten(),
            zone_aware,
            endpoint_override: endpoint_override.unwrap_or_default(),
        })
    }
}

/// Upstream accepts it, has no code for it and balances by least request.
fn unsupported(field: &Field<'_>) {
    let error = field.error(
        codes::UNSUPPORTED_VALUE,
        "Unsupported value: \"DynamicModule\": modules are not implemented",
    );
    field.push(error.help("choose one of the built-in types"));
}

fn without_input(field: &Field<'_>) {
    field.warn(
        codes::HASH_WITHOUT_INPUT,
        "`Maglev` without `consistentHash` has nothing to hash: every request gets a random host",
    );
}

/// Each type has its own block.
fn check_members(block: &Block<'_>, chosen: Type) {
    let members = [
        (
            "consistentHash",
            "ConsistentHash",
            chosen == Type::ConsistentHash,
            matches!(chosen, Type::ConsistentHash | Type::Maglev),
        ),
        (
            "backendUtilization",
            "BackendUtilization",
            chosen == Type::BackendUtilization,
            chosen == Type::BackendUtilization,
        ),
    ];
    for (member, name, required, allowed) in members {
        match block.optional(member) {
            Some(field) if !allowed => {
                let rule = format!("{member} may only be set when type is {name}");
                field.reject_with(rule, format!("write `type: {name}`, or remove it"));
            }
            None if required => {
                block.field.reject_with(
                    format!("{member} must be set when type is {name}"),
                    match chosen {
                        Type::ConsistentHash => {
                            "say what is hashed, such as `consistentHash: {type: SourceIP}`"
                        }
                        _ => "write `backendUtilization: {}` for its defaults",
                    },
                );
            }
            _ => {}
        }
    }
}

/// What some types cannot do.
fn check_additions(block: &Block<'_>, chosen: Type) {
    let hashes = matches!(chosen, Type::ConsistentHash | Type::Maglev);
    let module = chosen == Type::DynamicModule;
    if let Some(field) = block.optional("slowStart")
        && (hashes || module || chosen == Type::Random)
    {
        field.reject_with(
            "slowStart may only be set when type is RoundRobin, LeastRequest or \
             BackendUtilization",
            "remove it: this type has no slow start",
        );
    }
    let zone_aware = block.optional("zoneAware");
    if let Some(field) = &zone_aware {
        let local = field.node.get("preferLocal");
        if local.is_some() && (hashes || module || chosen == Type::BackendUtilization) {
            field.reject(
                "preferLocal may not be used with ConsistentHash, BackendUtilization or \
                 DynamicModule",
            );
        }
        if field.node.get("weightedZones").is_some() && module {
            field.reject("weightedZones may not be used with DynamicModule");
        }
    }
    if let Some(field) = block.optional("endpointOverride")
        && module
    {
        field.reject("endpointOverride may not be used with DynamicModule");
    }
}

fn endpoint_override(block: &Block<'_>) -> Vec<String> {
    if block.optional("extractFrom").is_none() {
        block.missing("extractFrom");
    }
    let items = block.list("extractFrom", 1..=10);
    let headers = items.iter().filter_map(|item| {
        item.object(|block| header(&block.required("header")?))
            .flatten()
    });
    headers.collect()
}

/// The name of a header, not empty: Envoy refuses an empty one.
pub(super) fn header(field: &Field<'_>) -> Option<String> {
    let name = field.text(usize::MAX)?;
    if !name.is_empty() && !is_header_name(name) {
        field.reject("must be a header name: letters, digits and !#$%&'*+-.^_`|~");
    }
    Some(name.to_owned())
}
