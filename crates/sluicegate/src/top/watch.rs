// SPDX-License-Identifier: Apache-2.0
//! Looking at a process again and again.
//!
//! In: its admin API. Out: [`Look`]s, with rates since the one before. A process of ours says everything
//! at `/overview`; of a real Envoy it is read from `/clusters`, `/stats` and `/server_info`.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;
use sluicegate_xds::pb::envoy::admin::v3::Clusters;

use super::{
    look::{Look, Row},
    stats::{Stats, path},
};
use crate::{
    admin_client,
    operator::{
        backends::{BackendRow, rows_of_clusters},
        numbers::{Numbers, Totals},
        overview::Process,
    },
};

/// Looks at a process.
#[derive(Debug)]
pub struct Watch {
    admin: String,
    /// Whether it has answered as one of ours.
    is_ours: bool,
    /// The counters of the last look.
    last: Option<Counters>,
    /// Of a real Envoy in the last seconds, oldest first.
    before: VecDeque<(Instant, Stats)>,
}

/// What rates are made of.
#[derive(Debug)]
struct Counters {
    at: Instant,
    totals: Totals,
    /// Requests and errors by cluster.
    clusters: HashMap<String, [u64; 2]>,
}

/// What a process of ours says of itself and its backends.
#[derive(Debug, Deserialize)]
struct Overview {
    #[serde(flatten)]
    process: Process,
    backends: Vec<BackendRow>,
}

impl Watch {
    /// Of the process with this admin API.
    pub fn new(admin: &str) -> Self {
        Self {
            admin: admin.to_owned(),
            is_ours: false,
            last: None,
            before: VecDeque::new(),
        }
    }

    /// Looks now.
    ///
    /// # Errors
    /// When the process does not answer, or with something else.
    pub fn look(&mut self) -> anyhow::Result<Look> {
        let overview = match self.ask("/overview?format=json&all") {
            Ok(text) => serde_json::from_str(&text).ok(),
            Err(error) if self.is_ours => return Err(error),
            Err(_) => None,
        };
        let overview: Overview = match overview {
            Some(overview) => {
                self.is_ours = true;
                overview
            }
            None => self.envoy()?,
        };
        Ok(self.rated(overview))
    }

    fn ask(&self, path: &str) -> anyhow::Result<String> {
        admin_client::fetch(&self.admin, path)
    }

    /// The same of a real Envoy.
    fn envoy(&mut self) -> anyhow::Result<Overview> {
        let clusters = sluicegate_xds::json::from_str(&self.ask("/clusters?format=json")?);
        let clusters: Clusters = clusters.context("the answer to /clusters cannot be read")?;
        let stats = Stats::read(&self.ask(&path())?)?;
        // The stats of the process itself may be seconds old.
        let mut process = server(&self.ask("/server_info")?)?;
        process.clients = stats.totals;
        let first = self.before.front();
        let numbers = |name: &str| {
            let now = stats.clusters.get(name).cloned().unwrap_or_default();
            // What happened before the first look may be long ago.
            let recent = match first {
                Some((_, first)) => match first.clusters.get(name) {
                    Some(first) => now.since(first),
                    None => now.clone(),
                },
                None => Numbers::default(),
            };
            (now, recent)
        };
        let mut backends = rows_of_clusters(&clusters, numbers);
        backends.sort_by(|a, b| (a.state, &a.name).cmp(&(b.state, &b.name)));
        let now = Instant::now();
        let is_old = |at: &Instant| now.duration_since(*at) > LATELY;
        while self.before.len() > 1 && self.before.front().is_some_and(|(at, _)| is_old(at)) {
            self.before.pop_front();
        }
        self.before.push_back((now, stats));
        Ok(Overview { process, backends })
    }

    /// With rates since the last look, which this becomes.
    fn rated(&mut self, overview: Overview) -> Look {
        let Overview { process, backends } = overview;
        let totals = process.clients;
        let counters = backends
            .iter()
            .map(|row| (row.cluster.clone(), [row.requests, row.errors]));
        let now = Counters {
            at: Instant::now(),
            totals,
            clusters: counters.collect(),
        };
        let last = self.last.as_ref();
        let rate = |more: u64| {
            let seconds = now.at.duration_since(last?.at).as_secs_f64();
            Some(more as f64 / seconds.max(0.001))
        };
        let before = last.map_or(Totals::default(), |last| last.totals);
        let rows = backends.into_iter().map(|row| {
            let before = last.and_then(|last| last.clusters.get(&row.cluster));
            let [requests, errors] = before.copied().unwrap_or_default();
            let rates = [
                rate(row.requests.saturating_sub(requests)),
                rate(row.errors.saturating_sub(errors)),
            ];
            Row::of(row, rates)
        });
        let look = Look {
            admin: self.admin.clone(),
            is_envoy: !self.is_ours,
            server: process.server,
            uptime_s: process.uptime_ms / 1000,
            requests_per_second: rate(totals.requests.saturating_sub(before.requests)),
            errors_per_second: rate(totals.errors.saturating_sub(before.errors)),
            active: totals.active,
            connections: totals.connections,
            backends: rows.collect(),
        };
        self.last = Some(now);
        look
    }
}

/// What a process says of itself at `/server_info`.
fn server(text: &str) -> anyhow::Result<Process> {
    let value: Value = serde_json::from_str(text).context("the server_info is not JSON")?;
    let text = |key: &str| value[key].as_str().unwrap_or_default();
    let uptime = text("uptime_current_epoch").split(['.', 's']).next();
    let uptime: u64 = uptime.unwrap_or_default().parse().unwrap_or(0);
    Ok(Process {
        server: text("state").to_owned(),
        uptime_ms: uptime.saturating_mul(1000),
        clients: Totals::default(),
    })
}

/// How long a failure counts for the state of a backend, as on the page. Ours.
const LATELY: Duration = Duration::from_secs(10);
