// SPDX-License-Identifier: Apache-2.0
//! `targetRefs` and `targetSelectors`.
//!
//! In: the lists. Out: targets by kind, with the path of each.

use std::collections::BTreeMap;

use sluicegate_manifest::nearest;

use crate::{
    admission::{Block, Field, ISTIO, KGATEWAY},
    codes,
    value::{Written, is_subdomain},
};

/// The kinds that a policy may target. The seed's `networking.istio.io`/`Service` is `Service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// `gateway.kgateway.dev`/`Backend`.
    Backend,
    /// `networking.istio.io`/`Hostname`: a host of a ServiceEntry, or of a global Service.
    Hostname,
    /// Core `Service`.
    Service,
}

/// A target by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTarget {
    /// Kind.
    pub kind: TargetKind,
    /// Name; for `Hostname` the host.
    pub name: String,
}

/// Targets by labels; an empty map selects nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTarget {
    /// Kind.
    pub kind: TargetKind,
    /// `matchLabels`: all must be present and equal.
    pub match_labels: BTreeMap<String, String>,
}

/// Decodes `targetRefs`: 1 to 16 when present.
pub(super) fn target_refs(items: &[Field<'_>]) -> Vec<Written<NamedTarget>> {
    let targets = items.iter().filter_map(|item| {
        let value = item.object(|block| named(block, item)).flatten()?;
        Some(Written {
            value,
            path: item.path(),
        })
    });
    targets.collect()
}

/// Decodes `targetSelectors`.
pub(super) fn target_selectors(items: &[Field<'_>]) -> Vec<Written<LabelTarget>> {
    let targets = items.iter().filter_map(|item| {
        let value = item.object(|block| labelled(block, item)).flatten()?;
        Some(Written {
            value,
            path: item.path(),
        })
    });
    targets.collect()
}

fn named(block: &Block<'_>, item: &Field<'_>) -> Option<NamedTarget> {
    block.explain(
        "namespace",
        "remove it: a BackendConfigPolicy targets objects of its own namespace",
    );
    for name in ["sectionName", "port"] {
        block.explain(
            name,
            "remove it: the policy applies to every port of the target",
        );
    }
    let kind = kind(block, item);
    let name = block.required("name").and_then(|field| field.text(253));
    Some(NamedTarget {
        kind: kind?,
        name: name?.to_owned(),
    })
}

fn labelled(block: &Block<'_>, item: &Field<'_>) -> Option<LabelTarget> {
    let kind = kind(block, item);
    let labels = block.required("matchLabels");
    let match_labels = labels.map(|field| {
        let labels = field.string_map();
        if field.entries().is_empty() {
            field.warn(codes::NO_EFFECT, "empty `matchLabels` select nothing");
        }
        labels
    });
    Some(LabelTarget {
        kind: kind?,
        match_labels: match_labels.unwrap_or_default(),
    })
}

fn kind(block: &Block<'_>, item: &Field<'_>) -> Option<TargetKind> {
    let group_field = block.required("group");
    let group = group_field.as_ref().and_then(Field::string);
    let kind = block.required("kind").and_then(|field| field.text(63));
    let (group, kind) = (group?, kind?);
    if let Some(field) = &group_field {
        field.check_text_length(group, 253);
    }
    match (group, kind) {
        ("", "Service") => Some(TargetKind::Service),
        (KGATEWAY, "Backend") => Some(TargetKind::Backend),
        (ISTIO, "Hostname") => Some(TargetKind::Hostname),
        (ISTIO, "Service") => {
            // Design decision 4: what the founding documents write means the core Service.
            if let Some(field) = &group_field {
                field.advise(
                    codes::OLDER_SPELLING,
                    format!("kind Service of group {ISTIO} means the core Service"),
                    "write `group: \"\"`".to_owned(),
                );
            }
            Some(TargetKind::Service)
        }
        _ => {
            unknown_kind(group, kind, item);
            None
        }
    }
}

fn unknown_kind(group: &str, kind: &str, item: &Field<'_>) {
    const RULE: &str = "must reference a Service (group \"\"), a Backend (group \
                        \"gateway.kgateway.dev\") or a Hostname (group \"networking.istio.io\")";
    let help = match (nearest(kind, ["Service", "Backend", "Hostname"]), kind) {
        (Some("Service"), _) => Some("write `group: \"\"` and `kind: Service`"),
        (Some("Backend"), _) => Some("write `group: gateway.kgateway.dev` and `kind: Backend`"),
        (Some("Hostname"), _) => Some("write `group: networking.istio.io` and `kind: Hostname`"),
        (_, "Gateway" | "HTTPRoute" | "GRPCRoute") => {
            Some("a BackendConfigPolicy targets backends: name the Service behind the route")
        }
        _ => None,
    };
    let rule = format!("{RULE}, not {kind:?} of group {group:?}");
    if !group.is_empty() && !is_subdomain(group) {
        item.reject("group must be empty or a DNS subdomain, without a version");
    }
    match help {
        Some(help) => item.reject_with(rule, help),
        None => item.reject(rule),
    }
}
