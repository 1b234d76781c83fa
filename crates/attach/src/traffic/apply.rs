// SPDX-License-Identifier: Apache-2.0
//! The policy in force for each rule on each listener.
//!
//! In: who holds which place; Gateways with their routes. Out: routes with their policies, and facts
//! for the verdicts on those.

mod doubts;

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{
    ObjectRef,
    envoygateway::{
        BackendTrafficPolicy,
        backend_traffic_policy::{MergeType, ResponseOverride, merged},
    },
};

use super::{
    AppliedTraffic, Identity, Rank, Ranked, TrafficPolicy, bind::Bound, bodies::resolved, identity,
    name,
};
use crate::{
    AttachedRoute, Backend, BackendKey, Gateway, ResolvedRule,
    verdict::{Outcome, Warning},
};

type Backends = BTreeMap<BackendKey, Arc<Backend>>;

/// Policies in force, by who they are made of.
pub(crate) type Known = BTreeMap<Identity, Arc<TrafficPolicy>>;

/// Something that became of a policy on a listener.
#[derive(Debug)]
pub(super) struct Fact {
    /// Index of the policy.
    pub(super) policy: usize,
    /// The Gateway of the listener.
    pub(super) gateway: ObjectRef,
    /// Who has the listener: the Gateway, or a ListenerSet.
    pub(super) owner: ObjectRef,
    /// The listener.
    pub(super) listener: String,
    /// What.
    pub(super) what: What,
}

/// What became of a policy.
#[derive(Debug)]
pub(super) enum What {
    /// It could not be merged.
    Invalid(String),
    /// It was merged with another.
    Merged(String),
    /// Something of it lost.
    Overridden(String),
    /// A doubt.
    Warning(Warning),
}

/// Finds the policy of every rule.
pub(super) fn apply(
    bound: &Bound,
    gateways: &mut [Gateway],
    backends: &Backends,
    known: &mut Known,
) -> Vec<Fact> {
    let mut round = Round {
        bound,
        backends,
        before: std::mem::take(known),
        known,
        facts: Vec::new(),
    };
    for gateway in gateways {
        let object = gateway.object.reference();
        for listener in &mut gateway.listeners {
            let place = On {
                gateway: object,
                owner: &listener.owner,
                listener: &listener.spec.name,
                traced: listener.telemetry.tracing.is_some(),
            };
            for route in &mut listener.routes {
                let rules = route.rules.iter();
                let traffic = rules.map(|rule| round.rule(place, route, rule)).collect();
                route.traffic = traffic;
            }
        }
    }
    round.facts
}

struct Round<'a> {
    bound: &'a Bound,
    backends: &'a Backends,
    before: Known,
    known: &'a mut Known,
    facts: Vec<Fact>,
}

/// A policy that holds a place around a rule.
#[derive(Clone, Copy)]
struct Candidate {
    index: usize,
    rank: Rank,
}

/// A listener, who has it, and its Gateway.
#[derive(Clone, Copy)]
struct On<'a> {
    gateway: &'a ObjectRef,
    owner: &'a ObjectRef,
    listener: &'a str,
    /// Whether it makes spans.
    traced: bool,
}

impl Round<'_> {
    fn rule(
        &mut self,
        on: On<'_>,
        route: &AttachedRoute,
        rule: &ResolvedRule,
    ) -> Option<AppliedTraffic> {
        let mut candidates = self.candidates(on, route, rule);
        let (winner, parent, policy) = loop {
            let winner = *candidates.first()?;
            let parent = self.parent(winner, &candidates);
            match self.policy(winner, parent) {
                Ok(policy) => break (winner, parent, policy),
                Err(errors) => {
                    self.note(winner.index, on, What::Invalid(errors.join("; ")));
                    candidates.remove(0);
                }
            }
        };
        let place = described(route, rule);
        if let Some(parent) = parent {
            let (own, other) = (self.name(winner), self.name(parent));
            self.note(winner.index, on, What::Merged(format!("with {other}")));
            self.note(
                parent.index,
                on,
                What::Merged(format!("into {own} on {place}")),
            );
        }
        let mut replaced = Vec::new();
        for loser in candidates.into_iter().skip(1) {
            if parent.is_some_and(|parent| parent.rank == loser.rank) {
                continue;
            }
            let message = format!("by {} on {place}", self.name(winner));
            self.note(loser.index, on, What::Overridden(message));
            replaced.push(self.ranked(loser));
        }
        let carried = route.route.spec.carried;
        self.weigh(on, (winner, parent), &policy, (rule, carried));
        Some(AppliedTraffic { policy, replaced })
    }

    /// Most specific first.
    fn candidates(&self, on: On<'_>, route: &AttachedRoute, rule: &ResolvedRule) -> Vec<Candidate> {
        let On {
            gateway,
            owner,
            listener,
            ..
        } = on;
        let of_set = (owner != gateway).then(|| self.bound.holder(owner, None));
        let object = route.route.reference();
        let rule_name = rule.rule.name.as_deref();
        let holders = [
            (
                Rank::Rule,
                rule_name.and_then(|name| self.bound.holder(object, Some(name))),
            ),
            (Rank::Route, self.bound.holder(object, None)),
            (Rank::Listener, self.bound.holder(owner, Some(listener))),
            (Rank::ListenerSet, of_set.flatten()),
            (Rank::Gateway, self.bound.holder(gateway, None)),
        ];
        let mut found: Vec<Candidate> = Vec::new();
        for (rank, index) in holders {
            // A policy of both a Gateway and its route is no rival of itself.
            let index = index.filter(|index| !found.iter().any(|it| it.index == *index));
            found.extend(index.map(|index| Candidate { index, rank }));
        }
        found
    }

    /// What `winner` is merged with: the closest policy of a listener or Gateway, if it asks for it.
    fn parent(&self, winner: Candidate, candidates: &[Candidate]) -> Option<Candidate> {
        let bound = &self.bound.policies[winner.index];
        let merge_type = bound.policy.spec.merge_type.as_ref()?.value;
        if merge_type == MergeType::Replace || !winner.rank.is_of_route() {
            return None;
        }
        let mut parents = candidates.iter().copied();
        parents.find(|it| !it.rank.is_of_route() && self.bound.policies[it.index].errors.is_empty())
    }

    fn policy(
        &mut self,
        winner: Candidate,
        parent: Option<Candidate>,
    ) -> Result<Arc<TrafficPolicy>, Vec<String>> {
        let own = self.ranked(winner);
        let below = parent.map(|parent| self.ranked(parent));
        let key = identity(&own, below.as_ref());
        if let Some(found) = self.known.get(&key) {
            return Ok(found.clone());
        }
        let overrides = self.overrides(winner, parent);
        let current = |old: &TrafficPolicy| {
            let known = old.spec.response_override.as_ref();
            overrides.is_none() || overrides.as_ref() == known.map(|it| &it.value)
        };
        let same = |a: &Ranked, b: &Ranked| Arc::ptr_eq(&a.policy, &b.policy);
        let kept = self.before.remove(&key).filter(|old| {
            current(old)
                && same(&old.own, &own)
                && match (&old.parent, &below) {
                    (None, None) => true,
                    (Some(a), Some(b)) => same(a, b),
                    _ => false,
                }
        });
        let policy = match kept {
            Some(policy) => policy,
            None => {
                let bound = &self.bound.policies[winner.index];
                let closed = bound.closes().then(|| {
                    let errors = bound.errors.join("; ");
                    format!(
                        "{} is invalid and asks for PROXY headers: {errors}",
                        name(&own.policy)
                    )
                });
                let mut spec: BackendTrafficPolicy = match &below {
                    Some(below) => merged(&below.policy, &own.policy)?,
                    None => own.policy.spec.clone(),
                };
                if let (Some(written), Some(overrides)) = (&mut spec.response_override, overrides) {
                    written.value = overrides;
                }
                Arc::new(TrafficPolicy {
                    own,
                    parent: below,
                    spec,
                    closed,
                })
            }
        };
        self.known.insert(key, policy.clone());
        Ok(policy)
    }

    /// The response overrides of whoever sets them, where texts of ConfigMaps have to be put in.
    fn overrides(
        &self,
        winner: Candidate,
        parent: Option<Candidate>,
    ) -> Option<Vec<ResponseOverride>> {
        let mut candidates = std::iter::once(winner).chain(parent);
        candidates.find_map(|candidate| {
            let bound = &self.bound.policies[candidate.index];
            let written = bound.policy.spec.response_override.as_ref()?;
            Some(resolved(&written.value, &bound.bodies))
        })?
    }

    fn ranked(&self, candidate: Candidate) -> Ranked {
        Ranked {
            policy: self.bound.policies[candidate.index].policy.clone(),
            rank: candidate.rank,
        }
    }

    fn name(&self, candidate: Candidate) -> ObjectRef {
        name(&self.bound.policies[candidate.index].policy).clone()
    }

    fn warn(
        &mut self,
        policy: usize,
        on: On<'_>,
        (reason, message): (&'static str, String),
        path: FieldPath,
    ) {
        let warning = Warning {
            reason,
            message,
            path,
        };
        self.note(policy, on, What::Warning(warning));
    }

    fn note(&mut self, policy: usize, on: On<'_>, what: What) {
        self.facts.push(Fact {
            policy,
            gateway: on.gateway.clone(),
            owner: on.owner.clone(),
            listener: on.listener.to_owned(),
            what,
        });
    }
}

fn described(route: &AttachedRoute, rule: &ResolvedRule) -> String {
    let object = route.route.reference();
    match &rule.rule.name {
        Some(name) => format!("{object}, rule {name}"),
        None => object.to_string(),
    }
}

/// Whether a policy is accepted where it is attached.
pub(super) fn accepted(facts: &[&Fact]) -> Outcome {
    let invalid = facts.iter().find_map(|fact| match &fact.what {
        What::Invalid(message) => Some(message.clone()),
        _ => None,
    });
    invalid.map_or(Outcome::Ok, |message| Outcome::No("Invalid", message))
}
