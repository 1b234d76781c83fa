// SPDX-License-Identifier: Apache-2.0
//! BackendTrafficPolicies: which one is in force for a rule on a listener, and what of it holds on
//! each backend.
//!
//! In: the store, and Gateways with their routes. Out: per attached rule the policy in force with
//! those that it replaced (`bind`, `apply`); per backend a verdict on each setting (`row`, `weigh`);
//! per policy what became of it (`verdicts`).

mod apply;
mod bind;
mod bodies;
mod matrix;
mod row;
#[cfg(test)]
mod tests;
mod verdicts;
mod weigh;

use std::{collections::BTreeMap, fmt, sync::Arc};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    Object, ObjectRef, Store, envoygateway::BackendTrafficPolicy, kgateway::BackendConfigPolicy,
};

pub use matrix::{ON_ROUTE, all_without_effect, without_effect};
pub use row::{Class, Row};
pub use weigh::{weigh, weigh_one};

use crate::{
    Backend, BackendKey, Gateway,
    verdict::{RouteVerdict, TrafficVerdict},
};
pub(crate) use apply::Known;

/// How specific the target of a policy is, most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// A rule of a route.
    Rule,
    /// A route.
    Route,
    /// A listener of a Gateway or a ListenerSet.
    Listener,
    /// A ListenerSet.
    ListenerSet,
    /// A Gateway.
    Gateway,
}

impl Rank {
    /// Whether the policy is closer to the traffic than that of a backend.
    pub fn is_of_route(self) -> bool {
        self <= Self::Route
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rule => "rule",
            Self::Route => "route",
            Self::Listener => "listener",
            Self::ListenerSet => "ListenerSet",
            Self::Gateway => "Gateway",
        })
    }
}

/// A policy at the rank where it applies.
#[derive(Debug, Clone)]
pub struct Ranked {
    /// The policy.
    pub policy: Arc<Object<BackendTrafficPolicy>>,
    /// How specific its target is.
    pub rank: Rank,
}

/// A policy as it is in force: alone, or merged with a less specific one.
#[derive(Debug)]
pub struct TrafficPolicy {
    /// The most specific policy.
    pub own: Ranked,
    /// The one that it is merged with.
    pub parent: Option<Ranked>,
    /// What they set together; nothing is defaulted.
    pub spec: BackendTrafficPolicy,
    /// Why nothing may be sent (design decision 9): the policy is Invalid and asks for PROXY headers.
    pub closed: Option<String>,
}

/// Where a setting comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The policy, with its rank.
    pub by: Ranked,
    /// The path, as its author wrote it.
    pub path: FieldPath,
}

/// Who a policy in force is made of: the most specific one, and the one that it is merged with.
pub type Identity = (ObjectRef, Rank, Option<(ObjectRef, Rank)>);

/// The identity of `own` merged with `parent`.
pub(crate) fn identity(own: &Ranked, parent: Option<&Ranked>) -> Identity {
    let of = |it: &Ranked| (it.policy.reference().clone(), it.rank);
    let (object, rank) = of(own);
    (object, rank, parent.map(of))
}

impl TrafficPolicy {
    /// Who it is made of.
    pub fn identity(&self) -> Identity {
        identity(&self.own, self.parent.as_ref())
    }

    /// Who sets `setting` (upstream's name, dotted, below `spec`).
    pub fn source(&self, setting: &str) -> Option<Source> {
        let policies = std::iter::once(&self.own).chain(&self.parent);
        policies
            .filter_map(|by| {
                let path = by.policy.written(setting)?;
                Some(Source {
                    by: by.clone(),
                    path,
                })
            })
            .next()
    }
}

/// What holds for a rule on a listener.
#[derive(Debug, Clone)]
pub struct AppliedTraffic {
    /// The policy in force.
    pub policy: Arc<TrafficPolicy>,
    /// Less specific policies that it replaces as a whole, most specific first.
    pub replaced: Vec<Ranked>,
}

/// A BackendConfigPolicy on the other side of a setting.
#[derive(Debug, Clone)]
pub struct BackendSide {
    /// The policy.
    pub policy: Arc<Object<BackendConfigPolicy>>,
    /// Where it has the setting.
    pub path: FieldPath,
}

/// What became of a setting of a BackendTrafficPolicy on one backend.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// The setting.
    pub row: Row,
    /// Who sets it.
    pub source: Source,
    /// Whether it holds.
    pub verdict: RowVerdict,
}

/// Whether a setting holds.
#[derive(Debug, Clone)]
pub enum RowVerdict {
    /// It does; the policy of the backend that sets it, too, loses.
    InForce(Option<BackendSide>),
    /// The policy of the backend wins.
    Lost(BackendSide),
    /// The backend cannot use it, for this reason.
    NoEffect(String),
    /// It is read and checked only, as decoding has told; the policy of the backend that sets it, too,
    /// stays in force.
    NotEnforced(Option<BackendSide>),
}

impl Weighed {
    /// Whether it holds.
    pub fn is_in_force(&self) -> bool {
        matches!(self.verdict, RowVerdict::InForce(_))
    }
}

/// Finds the policy of every attached rule, writes it into `gateways`, and says what became of each
/// policy.
pub(crate) fn attach(
    store: &Store,
    gateways: &mut [Gateway],
    routes: &[RouteVerdict],
    backends: &BTreeMap<BackendKey, Arc<Backend>>,
    known: &mut Known,
) -> Vec<TrafficVerdict> {
    let bound = bind::bind(store);
    let facts = apply::apply(&bound, gateways, backends, known);
    verdicts::verdicts(&bound, store, gateways, routes, &facts)
}

/// `BackendTrafficPolicy namespace/name`, for messages.
fn name(policy: &Object<BackendTrafficPolicy>) -> &ObjectRef {
    policy.reference()
}
