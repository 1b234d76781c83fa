// SPDX-License-Identifier: Apache-2.0
//! The effective policy of one backend: several policies merged unit by unit.
//!
//! In: the policies bound to a backend, in order of precedence. Out: for each unit the policy that
//! sets it and those that also tried.

use std::{collections::BTreeMap, sync::Arc};

use sluicegate_manifest::FieldPath;
use sluicegate_resource::{Object, kgateway::BackendConfigPolicy};

use crate::{Unit, verdict::Warning};

/// A policy that lost a unit.
#[derive(Debug, Clone)]
pub struct Beaten {
    /// The policy.
    pub policy: Arc<Object<BackendConfigPolicy>>,
    /// Where it sets the unit.
    pub path: FieldPath,
}

/// The policy that sets a unit.
#[derive(Debug, Clone)]
pub struct Winner {
    /// The policy.
    pub policy: Arc<Object<BackendConfigPolicy>>,
    /// Where it sets the unit, as its author wrote it.
    pub path: FieldPath,
    /// Who else sets it, in order of precedence.
    pub beaten: Vec<Beaten>,
}

/// What the policies of a backend come to.
#[derive(Debug, Clone, Default)]
pub struct EffectivePolicy {
    winners: BTreeMap<Unit, Winner>,
    /// Units that a policy sets but that this backend cannot use, with the reason. Kept for
    /// `explain` and status; they are not in force.
    pub without_effect: BTreeMap<Unit, (Winner, String)>,
    /// Doubts about units that are in force, with the unit they concern.
    pub warnings: Vec<(Unit, Warning)>,
}

impl EffectivePolicy {
    /// Merges policies that are given in order of precedence, first wins.
    pub fn merge(policies: &[Arc<Object<BackendConfigPolicy>>]) -> Self {
        let mut winners: BTreeMap<Unit, Winner> = BTreeMap::new();
        for policy in policies {
            for unit in Unit::ALL {
                let Some(path) = unit.written(policy) else {
                    continue;
                };
                winners
                    .entry(*unit)
                    .and_modify(|winner| {
                        winner.beaten.push(Beaten {
                            policy: policy.clone(),
                            path: path.clone(),
                        });
                    })
                    .or_insert_with(|| Winner {
                        policy: policy.clone(),
                        path: path.clone(),
                        beaten: Vec::new(),
                    });
            }
        }
        Self {
            winners,
            ..Self::default()
        }
    }

    /// Who sets `unit`; `None` when nobody does or it has no effect here.
    pub fn winner(&self, unit: Unit) -> Option<&Winner> {
        self.winners.get(&unit)
    }

    /// The units in force with their winners, in the order of the API.
    pub fn winners(&self) -> impl Iterator<Item = (Unit, &Winner)> {
        self.winners.iter().map(|(unit, winner)| (*unit, winner))
    }

    /// The winners of every unit that somebody sets, in force or not.
    pub fn all(&self) -> impl Iterator<Item = (Unit, &Winner)> {
        let without_effect = self
            .without_effect
            .iter()
            .map(|(unit, (winner, _))| (*unit, winner));
        self.winners().chain(without_effect)
    }

    /// Takes `unit` out of force because this backend cannot use it.
    pub(crate) fn without_effect(&mut self, unit: Unit, reason: String) {
        if let Some(winner) = self.winners.remove(&unit) {
            self.without_effect.insert(unit, (winner, reason));
        }
    }
}
