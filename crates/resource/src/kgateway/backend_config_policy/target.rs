// SPDX-License-Identifier: Apache-2.0
//! `targetRefs` and `targetSelectors`.

use std::collections::BTreeMap;

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
