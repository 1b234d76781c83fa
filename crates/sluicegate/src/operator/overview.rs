// SPDX-License-Identifier: Apache-2.0
//! The whole at a glance.
//!
//! In: rows, problems and the tree of Gateways. Out: one value that the web page, the table and JSON
//! show; a bounded number of backends and problems, the worst.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::{
    backends::{BackendRow, State},
    numbers::Totals,
    of_round::OfRound,
    problems::Problem,
    topology::GatewayNode,
};

/// What the page shows.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// The process as a whole.
    #[serde(flatten)]
    pub process: Process,
    /// Changes whenever something but a counter does.
    pub revision: String,
    /// Part of the name, the cluster or the state of the backends that are shown; empty for all.
    pub filter: String,
    /// How many backends there are in each state, and how many problems.
    pub counts: Counts,
    /// The worst problems.
    pub problems: Vec<Problem>,
    /// The worst backends.
    pub backends: Vec<BackendRow>,
    /// Gateways; of many routes the first.
    pub gateways: Vec<GatewayNode>,
}

/// The process as a whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    /// Envoy's word for its state.
    pub server: String,
    /// Milliseconds since the start, the time of the counters.
    pub uptime_ms: u64,
    /// Requests and connections of clients.
    pub clients: Totals,
}

/// How many of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Counts {
    /// Backends that are failing.
    pub failing: usize,
    /// Backends that are degraded.
    pub degraded: usize,
    /// Backends that are healthy.
    pub healthy: usize,
    /// Backends without a route.
    pub unused: usize,
    /// Backends that the filter leaves.
    pub matching: usize,
    /// Problems.
    pub problems: usize,
    /// Routes on listeners.
    pub routes: usize,
}

impl Counts {
    /// All backends.
    pub fn backends(&self) -> usize {
        self.failing + self.degraded + self.healthy + self.unused
    }
}

/// Backends, problems and routes that are shown where nobody asks for all. Ours: a page of more is read by nobody.
pub const MOST: usize = 200;

/// Which backends, and how much of everything.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Part of the name, the cluster or the state; empty for all.
    pub filter: String,
    /// The most backends and problems.
    pub most: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            filter: String::new(),
            most: MOST,
        }
    }
}

impl Wanted {
    fn has(&self, row: &BackendRow) -> bool {
        let texts = [&row.name, &row.cluster, row.state.name()];
        texts.iter().any(|text| text.contains(&self.filter))
    }
}

impl Overview {
    /// Puts it together.
    pub fn new(
        process: Process,
        wanted: &Wanted,
        mut backends: Vec<BackendRow>,
        mut problems: Vec<Problem>,
        of_round: &OfRound,
    ) -> Self {
        let count = |state| backends.iter().filter(|it| it.state == state).count();
        let mut counts = Counts {
            failing: count(State::Failing),
            degraded: count(State::Degraded),
            healthy: count(State::Healthy),
            unused: count(State::Unused),
            matching: backends.len(),
            problems: problems.len(),
            routes: of_round.routes,
        };
        if !wanted.filter.is_empty() {
            backends.retain(|row| wanted.has(row));
            counts.matching = backends.len();
        }
        backends.truncate(wanted.most);
        problems.truncate(wanted.most);
        let mut overview = Self {
            process,
            revision: String::new(),
            filter: wanted.filter.clone(),
            counts,
            problems,
            backends,
            gateways: of_round.gateways.clone(),
        };
        overview.revision = format!("{:016x}", overview.hash());
        overview
    }

    /// Of everything that has to be drawn anew, which is everything but counters.
    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.process.server, &self.filter, self.counts).hash(&mut hasher);
        for problem in &self.problems {
            // The words of a backend's problem hold counts.
            (problem.kind, &problem.subject, &problem.place).hash(&mut hasher);
        }
        for backend in &self.backends {
            (&backend.cluster, backend.state.name()).hash(&mut hasher);
            for endpoint in &backend.endpoints {
                (&endpoint.address, &endpoint.state).hash(&mut hasher);
            }
            for breaker in &backend.breakers {
                (breaker.limit, breaker.open).hash(&mut hasher);
            }
        }
        // A tree of strings: its JSON is its identity.
        let tree = serde_json::to_string(&self.gateways).unwrap_or_default();
        tree.hash(&mut hasher);
        hasher.finish()
    }
}
