// SPDX-License-Identifier: Apache-2.0
//! What the view needs of a round, and does not change while the round lasts.
//!
//! In: a round. Out: names of backends, the tree of Gateways, findings; worked out once, because ten
//! thousand backends are looked at every second.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use sluicegate_attach::BackendKey;
use sluicegate_translate::names;

use super::{
    overview::MOST,
    problems::{Problem, of_round},
    topology::{self, GatewayNode},
};
use crate::{
    explain::{backend::BackendFacts, backend_name},
    pipeline::Round,
};

/// Everything of a round.
#[derive(Debug, Default)]
pub struct OfRound {
    /// Backends by the name of their base cluster.
    pub(crate) known: HashMap<String, Known>,
    /// Gateways; of many routes the first.
    pub(super) gateways: Vec<GatewayNode>,
    /// All routes on listeners.
    pub(super) routes: usize,
    /// What is wrong with manifests.
    pub problems: Vec<Problem>,
}

/// What a cluster belongs to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(super) key: Option<BackendKey>,
    pub(super) name: String,
    pub(super) routed: bool,
    pub(super) closed: Option<String>,
}

impl OfRound {
    /// Works it out.
    pub fn of(round: &Round) -> Self {
        let listeners = || round.graph.gateways.iter().flat_map(|it| &it.listeners);
        Self {
            known: known(round),
            gateways: topology::gateways(round, MOST),
            routes: listeners().map(|it| it.routes.len()).sum(),
            problems: of_round(round),
        }
    }

    /// The backend of a base cluster.
    pub fn key(&self, cluster: &str) -> Option<&BackendKey> {
        self.known.get(cluster)?.key.as_ref()
    }
}

/// Backends whose facts are told, by the name of their base cluster.
pub(crate) fn known_of(facts: &[BackendFacts]) -> HashMap<String, Known> {
    let backends = facts.iter().map(|facts| {
        let known = Known {
            key: None,
            name: facts.name.clone(),
            routed: !facts.routes.is_empty(),
            closed: facts.closed.clone(),
        };
        (facts.cluster.clone(), known)
    });
    backends.collect()
}

fn known(round: &Round) -> HashMap<String, Known> {
    let routed = routed(round);
    let backends = round.graph.backends.values().map(|backend| {
        let known = Known {
            key: Some(backend.key.clone()),
            name: backend_name(&backend.key),
            routed: routed.contains(&backend.key),
            closed: backend.closed.clone(),
        };
        (names::cluster(&backend.key), known)
    });
    backends.collect()
}

/// Backends that a route on a listener leads to.
fn routed(round: &Round) -> HashSet<&BackendKey> {
    let listeners = round.graph.gateways.iter().flat_map(|it| &it.listeners);
    let rules = listeners
        .flat_map(|listener| &listener.routes)
        .flat_map(|attached| attached.rules.iter());
    let keys = rules.flat_map(|rule| {
        let backends = rule.backends.iter().filter_map(|it| it.key.as_ref());
        backends.chain(rule.mirrors.iter().map(|mirror| &mirror.key))
    });
    keys.collect()
}

/// Remembers the newest round's.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<(Weak<Round>, Arc<OfRound>)>>);

impl Memory {
    /// What is known of a round.
    pub fn of(&self, round: &Arc<Round>) -> Arc<OfRound> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, known)) = &*last
            && of.as_ptr() == Arc::as_ptr(round)
        {
            return known.clone();
        }
        let known = Arc::new(OfRound::of(round));
        // Weak: whoever has looked once does not keep a round alive, but for its address.
        *last = Some((Arc::downgrade(round), known.clone()));
        known
    }
}
