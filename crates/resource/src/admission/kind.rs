// SPDX-License-Identifier: Apache-2.0
//! Which kinds there are, and what a document claims to be.
//!
//! In: `apiVersion` and `kind`. Out: the kind that decodes the document, or why none does.

use sluicegate_manifest::nearest;

use super::{Field, NameRule};
use crate::{
    ObjectRef, codes,
    decode::{Draft, Resource},
};

/// The group of the Gateway API.
pub(crate) const GATEWAY: &str = "gateway.networking.k8s.io";
/// The group of kgateway.
pub(crate) const KGATEWAY: &str = "gateway.kgateway.dev";
/// The group of Istio's traffic API.
pub(crate) const ISTIO: &str = "networking.istio.io";
/// The group of Envoy Gateway.
pub(crate) const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";
/// The group of EndpointSlices.
pub(crate) const DISCOVERY: &str = "discovery.k8s.io";

/// A kind that is read.
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    /// Served versions, the preferred one first.
    pub(crate) versions: &'static [&'static str],
    pub(crate) name_rule: NameRule,
    pub(crate) namespaced: bool,
    pub(crate) read: fn(&Draft<'_>) -> (Option<ObjectRef>, Option<Resource>),
}

impl Kind {
    /// `apiVersion` in the preferred version.
    fn api_version(&self) -> String {
        join(self.group, self.versions[0])
    }
}

const fn kind(
    group: &'static str,
    name: &'static str,
    versions: &'static [&'static str],
    read: fn(&Draft<'_>) -> (Option<ObjectRef>, Option<Resource>),
) -> Kind {
    Kind {
        group,
        name,
        versions,
        name_rule: NameRule::Subdomain,
        namespaced: true,
        read,
    }
}

/// Every kind that is read.
pub(crate) const KINDS: &[Kind] = &[
    kind(KGATEWAY, "Backend", &["v1alpha1"], |draft| {
        draft.read(Resource::Backend)
    }),
    kind(KGATEWAY, "BackendConfigPolicy", &["v1alpha1"], |draft| {
        draft.read(Resource::BackendConfigPolicy)
    }),
    kind(GATEWAY, "BackendTLSPolicy", &["v1", "v1alpha3"], |draft| {
        draft.read(Resource::BackendTlsPolicy)
    }),
    kind(
        ENVOY_GATEWAY,
        "BackendTrafficPolicy",
        &["v1alpha1"],
        |draft| draft.read(Resource::BackendTrafficPolicy),
    ),
    kind("", "ConfigMap", &["v1"], |draft| {
        draft.read(Resource::ConfigMap)
    }),
    kind(DISCOVERY, "EndpointSlice", &["v1"], |draft| {
        draft.read(Resource::EndpointSlice)
    }),
    kind(ENVOY_GATEWAY, "EnvoyProxy", &["v1alpha1"], |draft| {
        draft.read(Resource::EnvoyProxy)
    }),
    kind(GATEWAY, "Gateway", &["v1", "v1beta1"], |draft| {
        draft.read(Resource::Gateway)
    }),
    Kind {
        namespaced: false,
        ..kind(GATEWAY, "GatewayClass", &["v1", "v1beta1"], |draft| {
            draft.read(Resource::GatewayClass)
        })
    },
    kind(GATEWAY, "GRPCRoute", &["v1", "v1alpha2"], |draft| {
        draft.read(Resource::Route)
    }),
    kind(KGATEWAY, "HTTPListenerPolicy", &["v1alpha1"], |draft| {
        draft.read(Resource::HttpListenerPolicy)
    }),
    kind(GATEWAY, "HTTPRoute", &["v1", "v1beta1"], |draft| {
        draft.read(Resource::Route)
    }),
    kind(GATEWAY, "ListenerSet", &["v1"], |draft| {
        draft.read(Resource::ListenerSet)
    }),
    Kind {
        namespaced: false,
        name_rule: NameRule::Label,
        ..kind("", "Namespace", &["v1"], |draft| {
            draft.read(Resource::Namespace)
        })
    },
    kind(GATEWAY, "ReferenceGrant", &["v1", "v1beta1"], |draft| {
        draft.read(Resource::ReferenceGrant)
    }),
    kind("", "Secret", &["v1"], |draft| draft.read(Resource::Secret)),
    Kind {
        name_rule: NameRule::Service,
        ..kind("", "Service", &["v1"], |draft| {
            draft.read(Resource::Service)
        })
    },
    kind(
        ISTIO,
        "ServiceEntry",
        &["v1", "v1beta1", "v1alpha3"],
        |draft| draft.read(Resource::ServiceEntry),
    ),
    kind(GATEWAY, "TCPRoute", &["v1", "v1alpha2"], |draft| {
        draft.read(Resource::Route)
    }),
    kind(
        GATEWAY,
        "TLSRoute",
        &["v1", "v1alpha3", "v1alpha2"],
        |draft| draft.read(Resource::Route),
    ),
    kind(GATEWAY, "UDPRoute", &["v1", "v1alpha2"], |draft| {
        draft.read(Resource::Route)
    }),
];

/// A kind, for whoever has to look for its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedKind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind.
    pub name: &'static str,
    /// Versions to look for, the preferred one first.
    pub versions: &'static [&'static str],
}

/// Every kind that is read.
pub fn kinds() -> impl Iterator<Item = NamedKind> {
    KINDS.iter().map(|kind| NamedKind {
        group: kind.group,
        name: kind.name,
        versions: kind.versions,
    })
}

/// Kinds of the groups whose policies are read that are not read themselves, for whoever tells so.
pub fn unread_kinds() -> impl Iterator<Item = NamedKind> {
    let groups = UNREAD.iter();
    let groups = groups.filter(|(group, _)| [KGATEWAY, ENVOY_GATEWAY].contains(group));
    groups.flat_map(|(group, names)| {
        names.iter().map(|name| NamedKind {
            group,
            name,
            versions: &["v1alpha1"],
        })
    })
}

/// Real kinds of groups that matter to us, not read.
const UNREAD: &[(&str, &[&str])] = &[
    (GATEWAY, &[]),
    (
        KGATEWAY,
        &[
            "DirectResponse",
            "GatewayExtension",
            "GatewayParameters",
            "ListenerPolicy",
            "TrafficPolicy",
        ],
    ),
    (
        ENVOY_GATEWAY,
        &[
            "Backend",
            "ClientTrafficPolicy",
            "EnvoyExtensionPolicy",
            "EnvoyPatchPolicy",
            "HTTPRouteFilter",
            "SecurityPolicy",
        ],
    ),
    (
        "gateway.networking.x-k8s.io",
        &["XBackend", "XBackendTrafficPolicy", "XListenerSet", "XMesh"],
    ),
    (
        ISTIO,
        &[
            "DestinationRule",
            "EnvoyFilter",
            "Gateway",
            "ProxyConfig",
            "Sidecar",
            "VirtualService",
            "WorkloadEntry",
            "WorkloadGroup",
        ],
    ),
];

/// What to do with a document.
pub(crate) enum Claim {
    /// Read it as this kind.
    Read(&'static Kind),
    /// Count it under this name.
    Ignore(String),
    /// Nothing: the report says why.
    Refuse,
}

/// Finds the kind of a document; reports claims that cannot be right.
pub(crate) fn claim(api_version: &Field<'_>, kind: &Field<'_>) -> Claim {
    let (Some(written), Some(name)) = (api_version.string(), kind.string()) else {
        return Claim::Refuse;
    };
    let (group, version) = written.split_once('/').unwrap_or(("", written));
    let known = KINDS
        .iter()
        .find(|known| known.name == name && known.group == group);
    if let Some(known) = known {
        if known.versions.contains(&version) {
            return Claim::Read(known);
        }
        return wrong_version(api_version, name, written, known);
    }
    let ignored = || Claim::Ignore(format!("{written}/{name}"));
    let unread = UNREAD.iter().find(|(owned, _)| *owned == group);
    if let Some((_, kinds)) = unread
        && kinds.contains(&name)
    {
        kind.warn(
            codes::UNSUPPORTED_KIND,
            format!("kind {name} of {group} is not read: the object has no effect"),
        );
        return ignored();
    }
    let ours = unread.is_some();
    let elsewhere = KINDS.iter().find(|known| known.name == name);
    if let Some(known) = elsewhere
        && (ours || is_misplaced(group, known))
    {
        return wrong_version(api_version, name, written, known);
    }
    if !ours {
        return ignored();
    }
    unknown_kind(kind, name, group, unread.map_or(&[], |(_, kinds)| kinds))
}

/// Whether a kind under a group that is not ours is a slip rather than somebody else's kind: the
/// core group or one that looks like the right one.
fn is_misplaced(group: &str, known: &Kind) -> bool {
    if known.group.is_empty() {
        return nearest(group, ["core", "v1"]).is_some();
    }
    group.is_empty() || nearest(group, [known.group]).is_some()
}

fn wrong_version(field: &Field<'_>, name: &str, written: &str, known: &Kind) -> Claim {
    let message = format!("no matches for kind \"{name}\" in version \"{written}\"");
    let error = field.error(codes::WRONG_API_VERSION, message);
    field.push(error.help(format!("write `apiVersion: {}`", known.api_version())));
    Claim::Refuse
}

fn unknown_kind(field: &Field<'_>, name: &str, group: &str, unread: &[&'static str]) -> Claim {
    let read = KINDS.iter().filter(|known| known.group == group);
    let names = read.map(|known| known.name).chain(unread.iter().copied());
    let error = field.error(
        codes::UNKNOWN_KIND,
        format!("no matches for kind \"{name}\" in group \"{group}\""),
    );
    field.push(match nearest(name, names) {
        Some(suggestion) => error.help(format!("did you mean `{suggestion}`?")),
        None => error,
    });
    Claim::Refuse
}

fn join(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}
