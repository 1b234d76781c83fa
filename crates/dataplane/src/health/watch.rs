// SPDX-License-Identifier: Apache-2.0
//! Watching over hosts, on the control side.
//!
//! In: plans, and news from workers and checks. Out: running checks and sweeps, flags on the health
//! boards, stats. Nothing here runs on a worker.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{Arc, PoisonError},
    time::Duration,
};

use sluicegate_stats::Registry;
use tokio::{sync::mpsc, task::AbortHandle, time::sleep};

use super::{
    active::{CheckResult, HealthFlags, Jitter},
    checker::Checker,
    news::{Event, News},
    outlier::{Detector, Draw, HostId, OutlierStats},
};
use crate::{
    cluster::{Flag, HealthBoard, HostHealth},
    plan::{Check, ClusterConfig, ClusterPlan, Endpoint, Plan, Probe},
    stats::{HealthCheckStats, OutlierCells},
};

/// All clusters.
pub(crate) struct Watch {
    registry: Registry,
    news: mpsc::UnboundedSender<News>,
    clusters: HashMap<Arc<str>, Watched>,
    next: u64,
}

/// One cluster with one set of settings.
struct Watched {
    id: u64,
    board: Arc<HealthBoard>,
    config: Arc<ClusterConfig>,
    detector: Option<Detector>,
    hosts: HashMap<SocketAddr, HostId>,
    next_host: u32,
    shown: OutlierStats,
    outlier_stats: Arc<OutlierCells>,
    check_stats: Arc<HealthCheckStats>,
    checks: HashMap<SocketAddr, AbortHandle>,
    sweeper: Option<AbortHandle>,
    /// Hosts whose first check has no result yet.
    pending: HashSet<SocketAddr>,
}

/// What a task needs that checks one host.
struct Checking {
    news: mpsc::UnboundedSender<News>,
    id: u64,
    address: SocketAddr,
    checker: Checker,
    check: Check,
    config: Arc<ClusterConfig>,
    board: Arc<HealthBoard>,
    host: Arc<HostHealth>,
    stats: Arc<HealthCheckStats>,
}

impl Watch {
    /// Watches nothing yet; messages go to `news`.
    pub(crate) fn new(registry: Registry, news: mpsc::UnboundedSender<News>) -> Self {
        Self {
            registry,
            news,
            clusters: HashMap::new(),
            next: 0,
        }
    }

    /// Whether every host that is checked has had its first result.
    pub(crate) fn settled(&self) -> bool {
        self.clusters.values().all(|one| one.pending.is_empty())
    }

    /// Brings checks and detectors in line with a plan. Comes before the workers see the plan.
    pub(crate) fn follow(&mut self, plan: &Plan) {
        let mut old = std::mem::take(&mut self.clusters);
        for cluster in plan.clusters.iter().flatten() {
            let name = cluster.config.name.clone();
            let before = old.remove(&name);
            let known = before.is_some();
            let mut watched = match before {
                Some(same) if Arc::ptr_eq(&same.config, &cluster.config) => same,
                before => self.begin(cluster, before),
            };
            watched.follow(cluster, &self.news, known);
            self.clusters.insert(name, watched);
        }
    }

    fn begin(&mut self, cluster: &ClusterPlan, before: Option<Watched>) -> Watched {
        self.next += 1;
        let config = &cluster.config;
        let board = cluster.shared.health.clone();
        board.tell(&self.news);
        let (outlier_stats, check_stats) = match &before {
            Some(before) => (before.outlier_stats.clone(), before.check_stats.clone()),
            None => (Arc::default(), Arc::default()),
        };
        if before.is_none() && config.outlier.is_some() {
            let prefix = format!("cluster.{}.outlier_detection.", config.stat_name);
            self.registry.register(&prefix, &outlier_stats);
        }
        if before.is_none() && config.check.is_some() {
            let prefix = format!("cluster.{}.health_check.", config.stat_name);
            self.registry.register(&prefix, &check_stats);
        }
        outlier_stats.ejections_active.set(0);
        let sweeper = config.outlier.as_ref().map(|outlier| {
            let interval = outlier.interval.max(Duration::from_millis(1));
            let (news, cluster, id) = (self.news.clone(), config.name.clone(), self.next);
            tokio::spawn(sweeps(news, cluster, id, interval)).abort_handle()
        });
        Watched {
            id: self.next,
            board,
            config: config.clone(),
            detector: config.outlier.clone().map(Detector::new),
            hosts: HashMap::new(),
            next_host: 0,
            shown: OutlierStats::default(),
            outlier_stats,
            check_stats,
            checks: HashMap::new(),
            sweeper,
            pending: HashSet::new(),
        }
    }

    /// Takes news in.
    pub(crate) fn hear(&mut self, news: &News) {
        if let Some(watched) = self.clusters.get_mut(&news.cluster) {
            watched.hear(news);
        }
    }
}

impl Watched {
    fn follow(&mut self, cluster: &ClusterPlan, news: &mpsc::UnboundedSender<News>, known: bool) {
        let endpoints = &cluster.endpoints.endpoints;
        let wanted: HashMap<SocketAddr, &Arc<Endpoint>> =
            endpoints.iter().map(|one| (one.address, one)).collect();
        let gone = self.hosts.keys().filter(|at| !wanted.contains_key(at));
        for address in gone.copied().collect::<Vec<_>>() {
            if let (Some(id), Some(detector)) = (self.hosts.remove(&address), &mut self.detector) {
                detector.remove(id);
            }
            if let Some(task) = self.checks.remove(&address) {
                task.abort();
            }
            self.pending.remove(&address);
        }
        self.board.retain(|address| wanted.contains_key(address));
        for (address, endpoint) in wanted {
            if !self.hosts.contains_key(&address) {
                self.add(address, endpoint, news, known);
            }
        }
        self.show();
    }

    fn add(
        &mut self,
        address: SocketAddr,
        endpoint: &Endpoint,
        news: &mpsc::UnboundedSender<News>,
        known: bool,
    ) {
        let in_use = known && self.board.known(address).is_some();
        let host = self.board.host(address);
        let id = HostId(self.next_host);
        self.next_host += 1;
        self.hosts.insert(address, id);
        if let Some(detector) = &mut self.detector {
            detector.watch(id, host.monitor.clone());
        }
        // Whatever an earlier detector decided is over.
        if host.set(Flag::FailedOutlierCheck, false) {
            self.board.changed();
        }
        let check = self.config.check.as_ref();
        let Some(check) = check.filter(|_| !endpoint.checked.disabled) else {
            show(&host, &self.board, HealthFlags::default());
            return;
        };
        if !in_use {
            let active = host.active.lock().unwrap_or_else(PoisonError::into_inner);
            show(&host, &self.board, active.flags());
        }
        self.pending.insert(address);
        let mut check = check.clone();
        if let Probe::Http(probe) = &mut check.probe {
            let named = [&endpoint.checked.hostname, &probe.host];
            let host = named.into_iter().find(|name| !name.is_empty());
            probe.host = host.map_or_else(|| self.config.name.to_string(), String::clone);
        }
        let checking = Checking {
            news: news.clone(),
            id: self.id,
            address,
            checker: Checker::new(endpoint.check_address()),
            check,
            config: self.config.clone(),
            board: self.board.clone(),
            host,
            stats: self.check_stats.clone(),
        };
        let task = tokio::spawn(checking.run());
        self.checks.insert(address, task.abort_handle());
    }

    fn hear(&mut self, news: &News) {
        let (address, now) = (news.address, self.board.now());
        let host = self.hosts.get(&address).copied();
        match news.event {
            Event::Checked(result, id) if id == self.id => {
                self.pending.remove(&address);
                let healthy = |host: Arc<HostHealth>| !host.has(Flag::FailedActiveHc);
                if matches!(result, CheckResult::Succeeded { .. })
                    && self.board.known(address).is_some_and(healthy)
                    && let (Some(detector), Some(host)) = (&mut self.detector, host)
                    && detector.on_good_check(host, now)
                {
                    self.mark(host, false);
                }
            }
            Event::FailedImmediately => self.fail(address),
            Event::Reached(ejection) => {
                if let (Some(detector), Some(host)) = (&mut self.detector, host)
                    && detector.on_reached(host, ejection, now, draw())
                {
                    tracing::info!(cluster = %news.cluster, %address, ?ejection, "host ejected");
                    self.mark(host, true);
                }
            }
            Event::Sweep(id) if id == self.id => {
                if let Some(detector) = &mut self.detector {
                    let (ejected, returned) = detector.sweep(now, draw);
                    ejected.into_iter().for_each(|host| self.mark(host, true));
                    returned.into_iter().for_each(|host| self.mark(host, false));
                }
            }
            Event::Checked(..) | Event::Sweep(_) => {}
        }
        self.show();
    }

    /// A response to normal traffic failed the host.
    fn fail(&self, address: SocketAddr) {
        let (Some(check), Some(host)) = (&self.config.check, self.board.known(address)) else {
            return;
        };
        let mut active = host.active.lock().unwrap_or_else(PoisonError::into_inner);
        let step = active.fail_immediately(&check.active);
        count(&self.check_stats, step.stats);
        show(&host, &self.board, active.flags());
    }

    /// Raises or lowers `/failed_outlier_check`.
    fn mark(&self, host: HostId, ejected: bool) {
        let found = self.hosts.iter().find(|(_, id)| **id == host);
        let Some(host) = found.and_then(|(address, _)| self.board.known(*address)) else {
            return;
        };
        if host.set(Flag::FailedOutlierCheck, ejected) {
            self.board.changed();
        }
    }

    /// Brings the stats in line.
    fn show(&mut self) {
        if let Some(detector) = &self.detector {
            self.outlier_stats.follow(&self.shown, &detector.stats);
            self.shown = detector.stats.clone();
        }
        let healths = || self.hosts.keys().filter_map(|at| self.board.known(*at));
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let with = |flag| number(healths().filter(|host| host.has(flag)).count());
        if self.config.check.is_some() {
            let stats = &self.check_stats;
            let all = number(self.hosts.len());
            stats.healthy.set(all - with(Flag::FailedActiveHc));
            stats.degraded.set(with(Flag::DegradedActiveHc));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let tasks = self.checks.values().chain(&self.sweeper);
        tasks.for_each(AbortHandle::abort);
    }
}

impl Checking {
    async fn run(mut self) {
        sleep(self.check.active.initial_delay(jitter())).await;
        loop {
            let result = self.checker.check(&self.check, &self.config).await;
            let active = &self.check.active;
            let step = {
                let mut state = self
                    .host
                    .active
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let step = state.on_result(result, active);
                show(&self.host, &self.board, state.flags());
                step
            };
            count(&self.stats, step.stats);
            let news = News {
                cluster: self.config.name.clone(),
                address: self.address,
                event: Event::Checked(result, self.id),
            };
            if self.news.send(news).is_err() {
                return;
            }
            sleep(active.next_delay(&step, self.board.had_traffic(), jitter())).await;
        }
    }
}

/// Puts the flags of active checks on the board.
fn show(host: &HostHealth, board: &HealthBoard, flags: HealthFlags) {
    let recovered = host.has(Flag::FailedActiveHc) && !flags.failed_active_hc;
    let changes = [
        (Flag::FailedActiveHc, flags.failed_active_hc),
        (Flag::DegradedActiveHc, flags.degraded_active_hc),
        (Flag::ActiveHcTimeout, flags.active_hc_timeout),
        (
            Flag::ExcludedViaImmediateHcFail,
            flags.excluded_via_immediate_hc_fail,
        ),
    ]
    .map(|(flag, up)| host.set(flag, up));
    if recovered {
        host.became_healthy(board.now());
    }
    if changes.contains(&true) {
        board.changed();
    }
}

fn count(stats: &HealthCheckStats, names: &[&str]) {
    for name in names {
        match *name {
            "attempt" => stats.attempt.inc(),
            "success" => stats.success.inc(),
            "failure" => stats.failure.inc(),
            "network_failure" => stats.network_failure.inc(),
            "passive_failure" => stats.passive_failure.inc(),
            _ => {}
        }
    }
}

async fn sweeps(news: mpsc::UnboundedSender<News>, cluster: Arc<str>, id: u64, interval: Duration) {
    loop {
        sleep(interval).await;
        let sweep = News {
            cluster: cluster.clone(),
            address: SocketAddr::from(([0, 0, 0, 0], 0)),
            event: Event::Sweep(id),
        };
        if news.send(sweep).is_err() {
            return;
        }
    }
}

fn jitter() -> Jitter {
    Jitter {
        percent: fastrand::u64(..),
        interval: fastrand::u64(..),
    }
}

fn draw() -> Draw {
    Draw {
        enforcing: fastrand::u64(..),
        jitter: fastrand::u64(..),
    }
}
