// SPDX-License-Identifier: Apache-2.0
//! What each resource is made of.
//!
//! In: one side's round. Out: for a cluster its backend, policies and routes; for a route of Envoy's
//! the rule with its policy.

use std::{collections::HashMap, sync::Arc};

use sluicegate_attach::{AttachedRoute, Backend, BackendSource, ResolvedRule, TrafficPolicy};
use sluicegate_manifest::Document;
use sluicegate_resource::{ObjectRef, gateway::Carried};
use sluicegate_translate::names;

use crate::{
    explain::provenance::{self, Leaf},
    pipeline::Round,
};

/// The makings of every cluster and rule.
#[derive(Debug)]
pub(super) struct Origins<'r> {
    round: &'r Round,
    clusters: HashMap<String, OfCluster<'r>>,
    rules: HashMap<String, Vec<OfRule<'r>>>,
    /// Why policies are invalid, by reference.
    invalid: HashMap<&'r ObjectRef, String>,
}

/// The makings of a cluster.
#[derive(Debug)]
pub(super) struct OfCluster<'r> {
    pub(super) backend: &'r Arc<Backend>,
    /// In force for a variant; nothing for a base cluster.
    traffic: Vec<(&'r TrafficPolicy, Carried)>,
    pub(super) routes: Vec<&'r ObjectRef>,
}

/// The makings of a route of Envoy's.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfRule<'r> {
    pub(super) route: &'r ObjectRef,
    rule: &'r ResolvedRule,
    carried: Carried,
    policy: Option<&'r TrafficPolicy>,
}

impl<'r> Origins<'r> {
    pub(super) fn of(round: &'r Round) -> Self {
        let backends = round.graph.backends.values();
        let clusters = backends.map(|backend| {
            let of = OfCluster {
                backend,
                traffic: Vec::new(),
                routes: Vec::new(),
            };
            (names::cluster(&backend.key), of)
        });
        let mut origins = Self {
            round,
            clusters: clusters.collect(),
            rules: HashMap::new(),
            invalid: invalid(round),
        };
        let listeners = round.graph.gateways.iter().flat_map(|it| &it.listeners);
        for attached in listeners.flat_map(|listener| &listener.routes) {
            for (index, rule) in attached.rules.iter().enumerate() {
                origins.add(attached, index, rule);
            }
        }
        origins
    }

    fn add(&mut self, attached: &'r AttachedRoute, index: usize, rule: &'r ResolvedRule) {
        let applied = attached.traffic.get(index).and_then(Option::as_ref);
        let policy = applied.map(|applied| &*applied.policy);
        let route = attached.route.reference();
        let carried = attached.route.spec.carried;
        let of = OfRule {
            route,
            rule,
            carried,
            policy,
        };
        let name = names::route(route, index, 0);
        self.rules.entry(of_rule(&name)).or_default().push(of);
        let keys = rule.backends.iter().filter_map(|it| it.key.as_ref());
        for key in keys {
            let Some(backend) = self.round.graph.backends.get(key) else {
                continue;
            };
            let base = names::cluster(key);
            let name = self.round.translation.variants.cluster(key, policy);
            let is_base = name == base;
            let cluster = self.clusters.entry(name).or_insert_with(|| OfCluster {
                backend,
                traffic: Vec::new(),
                routes: Vec::new(),
            });
            cluster.routes.push(route);
            if let Some(policy) = policy.filter(|_| !is_base) {
                let known = cluster.traffic.iter();
                if !known.into_iter().any(|(it, _)| std::ptr::eq(*it, policy)) {
                    cluster.traffic.push((policy, carried));
                }
            }
        }
    }

    pub(super) fn cluster(&self, name: &str) -> Option<&OfCluster<'r>> {
        self.clusters.get(name)
    }

    /// The rules behind a route that translation named.
    pub(super) fn rules(&self, route: &str) -> &[OfRule<'r>] {
        self.rules.get(&of_rule(route)).map_or(&[], Vec::as_slice)
    }

    /// Why a policy contributes nothing, when it does not.
    pub(super) fn why_invalid(&self, policy: &ObjectRef) -> Option<&str> {
        self.invalid.get(policy).map(String::as_str)
    }

    /// The document of a policy, valid or not.
    pub(super) fn policy(&self, policy: &ObjectRef) -> Option<&'r Arc<Document>> {
        let store = &self.round.store;
        let of_backend = store.backend_config_policies.get(policy);
        let of_traffic = || store.backend_traffic_policies.get(policy);
        of_backend
            .map(|it| &it.document)
            .or_else(|| of_traffic().map(|it| &it.document))
    }
}

impl OfCluster<'_> {
    /// The leaves of policies that are in force there.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        provenance::of_cluster(self.backend, &self.traffic)
    }

    /// The document of the object behind it.
    pub(super) fn document(&self) -> &Document {
        match &self.backend.source {
            BackendSource::Backend { object, .. } => &object.document,
            BackendSource::Service { object, .. } => &object.document,
            BackendSource::ServiceEntry { object, .. } => &object.document,
        }
    }

    /// The objects that say what the backend is and where its endpoints are.
    pub(super) fn objects(&self) -> Vec<ObjectRef> {
        let mut objects = vec![self.backend.key.object.clone()];
        match &self.backend.source {
            BackendSource::Backend { groups, .. } => {
                let members = groups.iter().flatten();
                objects.extend(members.map(|member| member.reference().clone()));
            }
            BackendSource::Service { slices, .. } => {
                objects.extend(slices.iter().map(|slice| slice.reference().clone()));
            }
            BackendSource::ServiceEntry { .. } => {}
        }
        let tls = self.backend.tls_policy.as_ref();
        objects.extend(tls.map(|tls| tls.policy.reference().clone()));
        objects
    }

    /// The policies that have a say, valid or not.
    pub(super) fn policies(&self) -> Vec<ObjectRef> {
        let bound = self.backend.bound.iter();
        let bound = bound.map(|policy| policy.reference().clone());
        let traffic = self.traffic.iter().flat_map(|(policy, _)| made_of(policy));
        bound.chain(traffic).collect()
    }
}

impl OfRule<'_> {
    /// The leaves of policies that are in force there.
    pub(super) fn leaves(&self) -> Vec<Leaf> {
        let policy = self.policy.into_iter();
        policy
            .flat_map(|policy| provenance::of_rule(policy, self.rule, self.carried))
            .collect()
    }

    /// The policies in force there.
    pub(super) fn policies(&self) -> Vec<ObjectRef> {
        self.policy.map(made_of).unwrap_or_default()
    }

    /// Where it sends requests.
    pub(super) fn backends(&self) -> impl Iterator<Item = ObjectRef> {
        let keys = self.rule.backends.iter().filter_map(|it| it.key.as_ref());
        keys.map(|key| key.object.clone())
    }
}

fn made_of(policy: &TrafficPolicy) -> Vec<ObjectRef> {
    let both = std::iter::once(&policy.own).chain(&policy.parent);
    both.map(|it| it.policy.reference().clone()).collect()
}

/// `shop/web/rule/0` of `shop/web/rule/0/match/1`.
fn of_rule(route: &str) -> String {
    let rule = route.rsplit_once("/match/");
    rule.map_or(route, |(rule, _)| rule).to_owned()
}

fn invalid(round: &Round) -> HashMap<&ObjectRef, String> {
    let of_backends = round.graph.policies.iter();
    let of_backends = of_backends.map(|it| (it.policy.reference(), &it.errors));
    let of_traffic = round.graph.traffic_policies.iter();
    let of_traffic = of_traffic.map(|it| (it.policy.reference(), &it.errors));
    let all = of_backends.chain(of_traffic);
    all.filter(|(_, errors)| !errors.is_empty())
        .map(|(policy, errors)| (policy, errors.join("; ")))
        .collect()
}
