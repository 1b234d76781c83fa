// SPDX-License-Identifier: Apache-2.0
//! Watching over hosts, on the control side.
//!
//! In: plans, and news from workers and checks. Out: running checks and sweeps, flags on the health
//! boards, stats. Nothing here runs on a worker.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use sluicegate_stats::Registry;
use tokio::{sync::mpsc, task::AbortHandle, time::sleep};

use super::{
    active::{CheckResult, Jitter},
    checker::Checker,
    events::EventLog,
    news::{Event, News},
    outlier::{Detector, Draw, HostId, OutlierStats},
    subject::Subject,
};
use crate::{
    cluster::{Flag, HealthBoard},
    plan::{Check, ClusterConfig, ClusterPlan, Endpoint},
    stats::{HealthCheckStats, OutlierCells},
};

/// All clusters, those that warm up as well.
pub(crate) struct Watch {
    registry: Registry,
    news: mpsc::UnboundedSender<News>,
    /// By the id of their boards.
    clusters: HashMap<u64, Watched>,
    /// By name: they go on when settings change.
    cells: HashMap<Arc<str>, Cells>,
}

/// The stats of one cluster.
#[derive(Debug, Clone, Default)]
struct Cells {
    outlier: Option<Arc<OutlierCells>>,
    check: Option<Arc<HealthCheckStats>>,
}

/// One cluster with one set of settings.
struct Watched {
    board: Arc<HealthBoard>,
    config: Arc<ClusterConfig>,
    detector: Option<Detector>,
    hosts: HashMap<SocketAddr, HostId>,
    next_host: u32,
    shown: OutlierStats,
    cells: Cells,
    events: Option<Arc<EventLog>>,
    checks: HashMap<SocketAddr, (Arc<Subject>, AbortHandle)>,
    sweeper: Option<AbortHandle>,
    /// Hosts whose first check has no result yet.
    pending: HashSet<SocketAddr>,
}

/// What a task needs that checks one host.
struct Checking {
    news: mpsc::UnboundedSender<News>,
    checker: Checker,
    check: Check,
    config: Arc<ClusterConfig>,
    subject: Arc<Subject>,
}

impl Watch {
    /// Watches nothing yet; messages go to `news`.
    pub(crate) fn new(registry: Registry, news: mpsc::UnboundedSender<News>) -> Self {
        Self {
            registry,
            news,
            clusters: HashMap::new(),
            cells: HashMap::new(),
        }
    }

    /// Whether every host of a cluster that is checked has had its first result.
    pub(crate) fn settled(&self, cluster: &ClusterPlan) -> bool {
        let watched = self.clusters.get(&cluster.shared.health.id());
        watched.is_some_and(|one| one.pending.is_empty())
    }

    /// Brings checks and detectors in line with these clusters. Comes before the workers see them.
    pub(crate) fn follow<'a>(&mut self, clusters: impl Iterator<Item = &'a Arc<ClusterPlan>>) {
        let mut old = std::mem::take(&mut self.clusters);
        for cluster in clusters {
            let id = cluster.shared.health.id();
            let watched = old.remove(&id);
            let mut watched = watched.unwrap_or_else(|| self.begin(cluster));
            watched.follow(cluster, &self.news);
            self.clusters.insert(id, watched);
        }
        let names: HashSet<&Arc<str>> =
            self.clusters.values().map(|one| &one.config.name).collect();
        self.cells.retain(|name, _| names.contains(name));
    }

    fn begin(&mut self, cluster: &ClusterPlan) -> Watched {
        let config = &cluster.config;
        let board = cluster.shared.health.clone();
        board.tell(&self.news);
        let sweeper = config.outlier.as_ref().map(|outlier| {
            let interval = outlier.interval.max(Duration::from_millis(1));
            let sweep = News {
                cluster: config.name.clone(),
                board: board.id(),
                address: SocketAddr::from(([0, 0, 0, 0], 0)),
                event: Event::Sweep,
            };
            tokio::spawn(sweeps(self.news.clone(), sweep, interval)).abort_handle()
        });
        let check = config.check.as_ref();
        Watched {
            cells: self.cells(config),
            events: check
                .and_then(|check| EventLog::open(&check.events))
                .map(Arc::new),
            board,
            config: config.clone(),
            detector: config.outlier.clone().map(Detector::new),
            hosts: HashMap::new(),
            next_host: 0,
            shown: OutlierStats::default(),
            checks: HashMap::new(),
            sweeper,
            pending: HashSet::new(),
        }
    }

    fn cells(&mut self, config: &ClusterConfig) -> Cells {
        let cells = self.cells.entry(config.name.clone()).or_default();
        let prefix = format!("cluster.{}", config.stat_name);
        if config.outlier.is_some() {
            let cells = cells.outlier.get_or_insert_with(|| {
                let cells = Arc::default();
                let prefix = format!("{prefix}.outlier_detection.");
                self.registry.register(&prefix, &cells);
                cells
            });
            cells.ejections_active.set(0);
        }
        if config.check.is_some() {
            cells.check.get_or_insert_with(|| {
                let cells = Arc::default();
                let prefix = format!("{prefix}.health_check.");
                self.registry.register(&prefix, &cells);
                cells
            });
        }
        cells.clone()
    }

    /// Takes news in. Whether a host is to be given up that was removed before.
    pub(crate) fn hear(&mut self, news: &News) -> bool {
        let watched = self.clusters.get_mut(&news.board);
        watched.is_some_and(|watched| watched.hear(news))
    }
}

impl Watched {
    fn follow(&mut self, cluster: &ClusterPlan, news: &mpsc::UnboundedSender<News>) {
        let endpoints = &cluster.endpoints.endpoints;
        let wanted: HashMap<SocketAddr, &Arc<Endpoint>> =
            endpoints.iter().map(|one| (one.address, one)).collect();
        let gone = self.hosts.keys().filter(|at| !wanted.contains_key(at));
        let gone: Vec<SocketAddr> = gone.copied().collect();
        let added = wanted.iter().filter(|(at, _)| !self.hosts.contains_key(at));
        let added: Vec<_> = added.map(|(at, endpoint)| (*at, *endpoint)).collect();
        if !gone.is_empty() || !added.is_empty() {
            self.board.hosts_changed();
        }
        for address in gone {
            if let (Some(id), Some(detector)) = (self.hosts.remove(&address), &mut self.detector) {
                detector.remove(id);
            }
            if let Some((_, task)) = self.checks.remove(&address) {
                task.abort();
            }
            self.pending.remove(&address);
        }
        self.board.retain(|address| wanted.contains_key(address));
        for (address, endpoint) in added {
            self.add(address, endpoint, news);
        }
        self.show();
    }

    fn add(
        &mut self,
        address: SocketAddr,
        endpoint: &Endpoint,
        news: &mpsc::UnboundedSender<News>,
    ) {
        let host = self.board.host(address);
        let id = HostId(self.next_host);
        self.next_host += 1;
        self.hosts.insert(address, id);
        if let Some(detector) = &mut self.detector {
            detector.watch(id, host.monitor.clone());
        }
        let check = self.config.check.as_ref();
        let Some(check) = check.filter(|_| !endpoint.checked.disabled) else {
            return;
        };
        host.set(Flag::FailedActiveHc, true);
        host.set(Flag::PendingActiveHc, self.config.host_set.ignores_new);
        self.pending.insert(address);
        let subject = Arc::new(Subject {
            cluster: self.config.name.clone(),
            address,
            locality: endpoint.locality.clone(),
            board: self.board.clone(),
            host,
            stats: self.cells.check.clone().unwrap_or_default(),
            events: self.events.clone(),
        });
        let checking = Checking {
            news: news.clone(),
            checker: Checker::new(endpoint, check, &self.config),
            check: check.clone(),
            config: self.config.clone(),
            subject: subject.clone(),
        };
        let task = tokio::spawn(checking.run()).abort_handle();
        self.checks.insert(address, (subject, task));
    }

    /// Whether the host is to be given up: it was removed and is not healthy any more.
    fn hear(&mut self, news: &News) -> bool {
        let (address, now) = (news.address, self.board.now());
        let host = self.hosts.get(&address).copied();
        match news.event {
            Event::Checked(result) => {
                self.pending.remove(&address);
                let healthy = self.board.known(address);
                let healthy = healthy.is_some_and(|host| !host.has(Flag::FailedActiveHc));
                if matches!(result, CheckResult::Succeeded { .. })
                    && healthy
                    && let (Some(detector), Some(host)) = (&mut self.detector, host)
                    && detector.on_good_check(host, now)
                {
                    self.mark(host, false);
                }
            }
            Event::FailedImmediately => {
                if let (Some(check), Some((subject, _))) =
                    (&self.config.check, self.checks.get(&address))
                {
                    subject.fail_immediately(&check.active);
                }
            }
            Event::Reached(ejection) => {
                if let (Some(detector), Some(host)) = (&mut self.detector, host)
                    && detector.on_reached(host, ejection, now, draw())
                {
                    tracing::info!(cluster = %news.cluster, %address, ?ejection, "host ejected");
                    self.mark(host, true);
                }
            }
            Event::Sweep => self.sweep(now),
        }
        self.show();
        self.board.known(address).is_some_and(|host| {
            host.has(Flag::PendingDynamicRemoval) && host.has(Flag::FailedActiveHc)
        })
    }

    fn sweep(&mut self, now: Duration) {
        let Some(detector) = &mut self.detector else {
            return;
        };
        let (ejected, returned) = detector.sweep(now, draw);
        let thresholds = detector.rates.each_ref().map(|rates| rates.threshold);
        for (address, id) in &self.hosts {
            if let Some(host) = self.board.known(*address) {
                host.set_success_rates(detector.success_rates(*id));
            }
        }
        self.board.set_rates(thresholds);
        ejected.into_iter().for_each(|host| self.mark(host, true));
        returned.into_iter().for_each(|host| self.mark(host, false));
    }

    /// Raises or lowers `/failed_outlier_check`.
    fn mark(&self, host: HostId, ejected: bool) {
        let found = self.hosts.iter().find(|(_, id)| **id == host);
        let sentence = self.detector.as_ref().and_then(|it| it.sentence(host));
        let Some(host) = found.and_then(|(address, _)| self.board.known(*address)) else {
            return;
        };
        host.set_sentence(sentence);
        if host.set(Flag::FailedOutlierCheck, ejected) {
            self.board.changed();
        }
    }

    /// Brings the stats in line.
    fn show(&mut self) {
        if let (Some(detector), Some(cells)) = (&self.detector, &self.cells.outlier) {
            cells.follow(&self.shown, &detector.stats);
            self.shown = detector.stats.clone();
        }
        if let Some(stats) = &self.cells.check {
            let healths = || self.hosts.keys().filter_map(|at| self.board.known(*at));
            let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
            let with = |flag| number(healths().filter(|host| host.has(flag)).count());
            let all = number(self.hosts.len());
            stats.healthy.set(all - with(Flag::FailedActiveHc));
            stats.degraded.set(with(Flag::DegradedActiveHc));
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let checks = self.checks.values().map(|(_, task)| task);
        checks.chain(&self.sweeper).for_each(AbortHandle::abort);
    }
}

impl Checking {
    async fn run(mut self) {
        let active = &self.check.active;
        sleep(active.initial_delay(jitter())).await;
        loop {
            let outcome = self.checker.check(&self.check, &self.config).await;
            let step = self.subject.checked(outcome, active);
            let board = &self.subject.board;
            let news = News {
                cluster: self.config.name.clone(),
                board: board.id(),
                address: self.subject.address,
                event: Event::Checked(outcome.result),
            };
            if self.news.send(news).is_err() {
                return;
            }
            sleep(active.next_delay(&step, board.had_traffic(), jitter())).await;
        }
    }
}

async fn sweeps(news: mpsc::UnboundedSender<News>, sweep: News, interval: Duration) {
    loop {
        sleep(interval).await;
        if news.send(sweep.clone()).is_err() {
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
