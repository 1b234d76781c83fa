// SPDX-License-Identifier: Apache-2.0
//! `targetRef`, `targetRefs` and `targetSelectors`.
//!
//! In: the three fields. Out: targets by kind, with the path of each.

use sluicegate_manifest::nearest;

use crate::{
    admission::{Block, Field, GATEWAY},
    codes,
    gateway::NamespaceSelector,
    value::{Written, is_label_value, is_qualified_name, is_subdomain},
};

/// The kinds that a policy may target, all of `gateway.networking.k8s.io`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// `Gateway`; a section is a listener.
    Gateway,
    /// `GRPCRoute`; a section is a rule.
    GrpcRoute,
    /// `HTTPRoute`; a section is a rule.
    HttpRoute,
    /// `ListenerSet`; a section is a listener.
    ListenerSet,
    /// `TCPRoute`; a section is a rule.
    TcpRoute,
    /// `TLSRoute`, without sections.
    TlsRoute,
    /// `UDPRoute`; a section is a rule.
    UdpRoute,
}

/// A target by name, in the policy's own namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetReference {
    /// Kind.
    pub kind: TargetKind,
    /// Name.
    pub name: String,
    /// `sectionName`: a listener or a rule. Absent: the whole object.
    pub section_name: Option<String>,
}

/// Targets by labels. A selector without conditions matches every object of the kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedTarget {
    /// Kind.
    pub kind: TargetKind,
    /// Namespaces that are searched.
    pub namespaces: TargetNamespaces,
    /// `matchLabels` and `matchExpressions`.
    pub labels: NamespaceSelector,
}

/// `namespaces` of a selector. Objects of other namespaces need a ReferenceGrant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TargetNamespaces {
    /// Every namespace.
    All,
    /// The policy's own (API default).
    #[default]
    Same,
    /// Namespaces whose labels match.
    Selector(NamespaceSelector),
}

impl TargetKind {
    /// Every kind with its name, in the order of the API.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("Gateway", Self::Gateway),
        ("ListenerSet", Self::ListenerSet),
        ("HTTPRoute", Self::HttpRoute),
        ("GRPCRoute", Self::GrpcRoute),
        ("TCPRoute", Self::TcpRoute),
        ("UDPRoute", Self::UdpRoute),
        ("TLSRoute", Self::TlsRoute),
    ];

    /// The name that manifests use.
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        let found = all.find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }

    /// Whether it is a kind of route.
    pub fn is_route(self) -> bool {
        !matches!(self, Self::Gateway | Self::ListenerSet)
    }

    /// Whether it carries HTTP requests, or can.
    pub fn carries_http(self) -> bool {
        !matches!(self, Self::TcpRoute | Self::TlsRoute | Self::UdpRoute)
    }
}

/// Decodes the targets by name. Both forms together are one list.
pub(super) fn targets(block: &Block<'_>) -> Vec<Written<TargetReference>> {
    let single = block.optional("targetRef");
    let list = block.list("targetRefs", 0..=usize::MAX);
    let mut targets: Vec<Written<TargetReference>> = Vec::new();
    for item in single.iter().chain(&list) {
        let Some(value) = item.object(|block| reference(block, item)).flatten() else {
            continue;
        };
        if targets.iter().all(|known| known.value != value) {
            let path = item.path();
            targets.push(Written { value, path });
        }
    }
    targets
}

/// Decodes `targetSelectors`.
pub(super) fn target_selectors(block: &Block<'_>) -> Vec<Written<SelectedTarget>> {
    let items = block.list("targetSelectors", 0..=usize::MAX);
    let targets = items.iter().filter_map(|item| {
        item.written_as(|item| item.object(|block| selector(block, item)).flatten())
    });
    targets.collect()
}

fn reference(block: &Block<'_>, item: &Field<'_>) -> Option<TargetReference> {
    block.explain(
        "namespace",
        "remove it: `targetRefs` name objects of the policy's own namespace; `targetSelectors` \
         reach others",
    );
    let kind = kind(block, item);
    let name = block.required("name").and_then(|field| field.text(253));
    let section = block.optional("sectionName");
    let section_name = section.as_ref().and_then(|field| {
        let section = field.text(253)?;
        if !section.is_empty() && !is_subdomain(section) {
            field.reject("must be a lowercase RFC 1123 subdomain");
        }
        Some(section.to_owned())
    });
    let kind = kind?;
    if let (TargetKind::TlsRoute, Some(field)) = (kind, &section) {
        // Upstream accepts it and never applies the policy.
        field.reject_with(
            "a TLSRoute has no sections that a policy could apply to",
            "remove `sectionName`: the policy then applies to the whole TLSRoute",
        );
    }
    Some(TargetReference {
        kind,
        name: name?.to_owned(),
        section_name,
    })
}

fn selector(block: &Block<'_>, item: &Field<'_>) -> Option<SelectedTarget> {
    for name in ["name", "sectionName"] {
        block.explain(
            name,
            "use `targetRefs` for objects by name and for sections",
        );
    }
    let kind = kind(block, item);
    let namespaces = block.object("namespaces", TargetNamespaces::decode);
    check_labels(block);
    let labels = NamespaceSelector::decode(block);
    Some(SelectedTarget {
        kind: kind?,
        namespaces: namespaces.unwrap_or_default(),
        labels,
    })
}

impl TargetNamespaces {
    fn decode(block: &Block<'_>) -> Self {
        let words = ["All", "Same", "Selector"];
        let from = block.optional("from").and_then(|field| field.word(&words));
        let selector = block.optional("selector");
        let labels = selector.as_ref().and_then(|field| {
            field.object(|block| {
                check_labels(block);
                NamespaceSelector::decode(block)
            })
        });
        match (from.as_deref(), labels) {
            (Some("All"), _) => Self::All,
            (Some("Selector"), Some(labels)) => Self::Selector(labels),
            (Some("Selector"), None) => {
                if selector.is_none() {
                    block.missing("selector");
                }
                Self::Same
            }
            (_, labels) => {
                if let (Some(field), Some(_)) = (&selector, labels) {
                    field.warn(
                        codes::NO_EFFECT,
                        "`selector` has no effect without `from: Selector`",
                    );
                }
                Self::Same
            }
        }
    }
}

/// A selector that Kubernetes cannot parse selects nothing there, and nobody says so.
fn check_labels(block: &Block<'_>) {
    let Some(labels) = block.optional("matchLabels") else {
        return;
    };
    if !matches!(labels.node.value, sluicegate_manifest::Value::Mapping(_)) {
        return;
    }
    for (key, value) in labels.entries() {
        let text = value.node.as_str();
        if !is_qualified_name(key) || text.is_some_and(|text| !is_label_value(text)) {
            value.reject("must be a label: no object can have this key or value");
        }
    }
}

fn kind(block: &Block<'_>, item: &Field<'_>) -> Option<TargetKind> {
    // Upstream's CRD requires the group, its own documentation leaves it out.
    let group = match block.optional("group") {
        Some(field) => field.string()?,
        None => GATEWAY,
    };
    let kind = block.required("kind")?.text(63)?;
    if group != GATEWAY {
        item.reject_with(
            format!("group must be {GATEWAY}, not {group:?}"),
            match kind {
                "Service" | "Backend" | "Hostname" => {
                    "a BackendTrafficPolicy targets routes and Gateways: a BackendConfigPolicy \
                     targets backends"
                }
                _ => "write `group: gateway.networking.k8s.io`, without a version",
            },
        );
        return None;
    }
    let found = TargetKind::ALL.iter().find(|(name, _)| *name == kind);
    if found.is_none() {
        let names = TargetKind::ALL.map(|(name, _)| name);
        let rule = format!("kind must be one of [{}], not {kind:?}", names.join(" "));
        match nearest(kind, names) {
            Some(name) => item.reject_with(rule, format!("did you mean `{name}`?")),
            None => item.reject(rule),
        }
    }
    found.map(|(_, kind)| *kind)
}
