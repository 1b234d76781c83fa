// SPDX-License-Identifier: Apache-2.0
//! Decoding of TCPRoutes, TLSRoutes and UDPRoutes.
//!
//! In: the block of a `spec`. Out: a route whose one rule has backends and nothing to match.

use std::net::IpAddr;

use super::{
    super::reference,
    Carried, Route, RouteRule, RouteTimeouts,
    backends::backend_ref,
    decode::{hostname, parent_refs},
};
use crate::{
    admission::{Block, Field},
    codes,
};

pub(super) fn spec(block: &Block<'_>, carried: Carried, any_hostname: bool) -> Route {
    let rules = block.required("rules").map(|field| field.items(1..=1));
    let rules = rules.unwrap_or_default();
    Route {
        carried,
        parent_refs: parent_refs(block),
        hostnames: match carried {
            Carried::Tls => hostnames(block, any_hostname),
            _ => Vec::new(),
        },
        rules: rules
            .iter()
            .filter_map(|item| item.object(|block| rule(block, item, carried)))
            .collect(),
    }
}

/// Whether it is a TLSRoute of a version from before hostnames were required.
pub(super) fn may_leave_out_hostnames(root: &Block<'_>) -> bool {
    let version = root.string("apiVersion");
    version.is_some_and(|version| version.ends_with("/v1alpha2"))
}

pub(super) fn tell_unserved(root: &Block<'_>) {
    if let Some(kind) = root.optional("kind") {
        kind.warn(
            codes::UNSUPPORTED_KIND,
            "kind UDPRoute of gateway.networking.k8s.io is accepted but not implemented",
        );
    }
}

fn hostnames(block: &Block<'_>, may_be_absent: bool) -> Vec<String> {
    let field = match may_be_absent {
        true => block.optional("hostnames"),
        false => block.required("hostnames"),
    };
    let items = field.map(|field| field.items(1..=1024));
    let named = |item: &Field<'_>| {
        let hostname = hostname(item)?;
        if hostname.parse::<IpAddr>().is_ok() {
            item.reject("Hostnames cannot contain an IP");
        }
        Some(hostname)
    };
    items.unwrap_or_default().iter().filter_map(named).collect()
}

fn rule(block: &Block<'_>, item: &Field<'_>, carried: Carried) -> RouteRule {
    let name = reference::section_name(block, "name");
    let backends = block
        .required("backendRefs")
        .map(|field| field.items(1..=16));
    RouteRule {
        name,
        matches: Vec::new(),
        filters: Vec::new(),
        backend_refs: backends
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.object(|block| backend_ref(block, item, carried)))
            .collect(),
        timeouts: RouteTimeouts::default(),
        retry: None,
        path: item.path(),
    }
}
