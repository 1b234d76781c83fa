// SPDX-License-Identifier: Apache-2.0
//! Verdicts: what became of each policy, route, listener and Gateway.
//!
//! In: decisions of this crate, and nobody else's. Out: values that status conditions, the command
//! line and the admin API show, so that all three always agree.

use std::sync::Arc;

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Object, ObjectRef,
    envoygateway::{BackendTrafficPolicy, EnvoyProxy},
    gateway::{BackendTlsPolicy, ParentRef, Route},
    kgateway::{BackendConfigPolicy, HttpListenerPolicy},
};

use crate::ResolvedRule;

/// A yes, or a no with Gateway API's reason and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Yes.
    #[default]
    Ok,
    /// No: reason in CamelCase, message for people.
    No(&'static str, String),
}

impl Outcome {
    /// Whether it is a yes.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }
}

/// A doubt about something that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Reason in CamelCase, such as `NoEffect` or `UnverifiedBackend`.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The field that it is about, as written.
    pub path: FieldPath,
}

/// What became of a BackendConfigPolicy on one target.
#[derive(Debug, Clone)]
pub struct AncestorVerdict {
    /// The target object.
    pub ancestor: ObjectRef,
    /// Whether that object exists; told apart because an Invalid policy may miss its target, too.
    pub exists: bool,
    /// The policy itself: `Invalid`, `TargetNotFound`.
    pub accepted: Outcome,
    /// How much of it is in force there.
    pub attachment: Attachment,
    /// `namespace/name` of the BackendTLSPolicy that replaces `tls`.
    pub overridden_by: Option<String>,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// How much of a policy is in force on a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// All of it.
    Attached,
    /// Some units lost to other policies.
    Merged,
    /// Every unit lost to other policies.
    Overridden,
    /// Nothing: not accepted.
    Pending,
}

/// What became of a BackendConfigPolicy.
#[derive(Debug, Clone)]
pub struct PolicyVerdict {
    /// The policy.
    pub policy: Arc<Object<BackendConfigPolicy>>,
    /// One per target object, by reference.
    pub ancestors: Vec<AncestorVerdict>,
    /// Selectors that select nothing: their paths.
    pub unmatched_selectors: Vec<FieldPath>,
    /// Why it is Invalid, one sentence each; empty when it is valid.
    pub errors: Vec<String>,
}

/// What became of a BackendTLSPolicy at one of its ancestors.
#[derive(Debug, Clone)]
pub struct TlsAncestorVerdict {
    /// A Gateway whose routes use a target; the target itself when no Gateway does.
    pub ancestor: ObjectRef,
    /// `Conflicted`, `Invalid`, `TargetNotFound`, `NoValidCACertificate`: of the targets there, the
    /// first that is not in order.
    pub accepted: Outcome,
}

/// What became of a BackendTLSPolicy.
#[derive(Debug, Clone)]
pub struct TlsPolicyVerdict {
    /// The policy.
    pub policy: Arc<Object<BackendTlsPolicy>>,
    /// By reference.
    pub ancestors: Vec<TlsAncestorVerdict>,
    /// The first target that is not in order, over all ancestors.
    pub accepted: Outcome,
    /// `InvalidCACertificateRef`, `InvalidKind`.
    pub resolved_refs: Outcome,
}

/// What became of a BackendTrafficPolicy at one of its ancestors.
#[derive(Debug, Clone)]
pub struct TrafficAncestor {
    /// A Gateway; the target itself where no Gateway of ours is behind it.
    pub ancestor: ObjectRef,
    /// The listener, or the section of a target without a Gateway.
    pub section: Option<String>,
    /// `Conflicted`, `Invalid`, `TargetNotFound`, `Unsupported`.
    pub accepted: Outcome,
    /// What replaced it somewhere, or beat one of its settings, in words.
    pub overridden: Vec<String>,
    /// What it is merged with or into, in words.
    pub merged: Vec<String>,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// What became of a BackendTrafficPolicy.
#[derive(Debug, Clone)]
pub struct TrafficVerdict {
    /// The policy.
    pub policy: Arc<Object<BackendTrafficPolicy>>,
    /// By reference.
    pub ancestors: Vec<TrafficAncestor>,
    /// Selectors that select nothing: their paths.
    pub unmatched_selectors: Vec<FieldPath>,
    /// Why it is Invalid, `path: sentence` each; empty when it is valid.
    pub errors: Vec<String>,
}

/// What became of an HTTPListenerPolicy at one of its targets.
#[derive(Debug, Clone)]
pub struct ListenerPolicyAncestor {
    /// The Gateway.
    pub ancestor: ObjectRef,
    /// The listener.
    pub section: Option<String>,
    /// `Invalid`, `TargetNotFound`.
    pub accepted: Outcome,
    /// Doubts.
    pub warnings: Vec<Warning>,
    /// The target, as written.
    pub path: FieldPath,
}

/// What became of an HTTPListenerPolicy.
#[derive(Debug, Clone)]
pub struct ListenerPolicyVerdict {
    /// The policy.
    pub policy: Arc<Object<HttpListenerPolicy>>,
    /// In the order of the policy.
    pub ancestors: Vec<ListenerPolicyAncestor>,
}

/// Doubts about an EnvoyProxy that a Gateway uses.
#[derive(Debug, Clone)]
pub struct EnvoyProxyVerdict {
    /// The object.
    pub proxy: Arc<Object<EnvoyProxy>>,
    /// Doubts.
    pub warnings: Vec<Warning>,
}

/// What became of a route at one of its parents.
#[derive(Debug, Clone)]
pub struct ParentVerdict {
    /// The parentRef, verbatim.
    pub parent: ParentRef,
    /// `NoMatchingParent`, `NotAllowedByListeners`, `NoMatchingListenerHostname`,
    /// `UnsupportedValue`.
    pub accepted: Outcome,
    /// `InvalidKind`, `RefNotPermitted`, `BackendNotFound`, `UnsupportedProtocol`.
    pub resolved_refs: Outcome,
}

/// A reference or filter of a route that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenReference {
    /// `InvalidKind`, `RefNotPermitted`, `BackendNotFound`, `UnsupportedProtocol`.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
    /// The backendRef or filter, as written.
    pub path: FieldPath,
}

/// What became of a route.
#[derive(Debug, Clone)]
pub struct RouteVerdict {
    /// The route.
    pub route: Arc<Object<Route>>,
    /// One per parentRef that is ours, in the route's order.
    pub parents: Vec<ParentVerdict>,
    /// Its rules with their references chased, accepted by a parent or not.
    pub rules: Arc<Vec<ResolvedRule>>,
    /// What `resolved_refs` of every parent sums up; the reason that is reported comes first.
    pub broken: Vec<BrokenReference>,
}

/// What became of a listener.
#[derive(Debug, Clone, Default)]
pub struct ListenerVerdict {
    /// `UnsupportedProtocol`, `PortUnavailable`, `ProtocolConflict`, `HostnameConflict`, …
    pub accepted: Outcome,
    /// `InvalidCertificateRef`, `RefNotPermitted`, `InvalidRouteKinds`.
    pub resolved_refs: Outcome,
    /// `HostnameConflict` or `ProtocolConflict`.
    pub conflicted: Option<&'static str>,
    /// Route kinds it takes.
    pub supported_kinds: Vec<&'static str>,
    /// Routes that are accepted for it.
    pub attached_routes: usize,
    /// Whether another listener of the port that speaks TLS has an overlapping hostname.
    pub overlapping_tls: bool,
}

impl ListenerVerdict {
    /// Whether it serves: accepted, not in conflict, and with what it needs.
    pub fn is_programmed(&self) -> bool {
        self.accepted.is_ok()
            && !matches!(self.resolved_refs, Outcome::No(reason, _) if reason != "InvalidRouteKinds")
    }
}
