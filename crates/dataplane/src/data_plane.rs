// SPDX-License-Identifier: Apache-2.0
//! The handle to a running data plane.
//!
//! In: options and a subscription to snapshots. Out: traffic, until drained; and read-only views.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, available_parallelism},
    time::Duration,
};

use arc_swap::ArcSwap;
use sluicegate_snapshot::Subscriber;
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::{
    admin::v3::{Clusters, Listeners},
    config::core::v3::Locality,
};
use tokio::{runtime::Builder, sync::mpsc, time::timeout};

use crate::{
    control::{Control, Shown},
    insight::{self, Ejected, KeepaliveSettings},
    listen::{ListeningSocket, Places},
    log::LogFiles,
    report::{Report, State},
    view,
    worker::{self, Command, DrainStrategy, Leaving},
};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Worker threads. Default: one per core.
    pub workers: usize,
    /// How long connections of a removed or changed listener may live on, and how long
    /// [`DataPlane::drain`] waits. Default: 600 s, as Envoy.
    pub drain_time: Duration,
    /// How connections are spread over the drain time.
    pub drain_strategy: DrainStrategy,
    /// Client connections at a time, over all listeners that do not set `ignore_global_conn_limit`;
    /// `None` is no limit. More are closed as soon as they are accepted.
    pub max_connections: Option<u64>,
    /// Binds listeners to this address instead of their own.
    pub bind: Option<IpAddr>,
    /// How long lines of access logs wait to be written at most. Default: 10 s, as Envoy.
    pub file_flush_interval: Duration,
    /// Where this process runs. Zone aware routing is off without it, as it is in an Envoy whose
    /// bootstrap has no `local_cluster_name`. Default: not known.
    pub zone: Option<LocalZone>,
    /// What spans call this process: Envoy's `node.id`. Default: nothing.
    pub node_id: String,
}

/// Where this process runs: what Envoy's bootstrap says in `node.locality` and
/// `cluster_manager.local_cluster_name`.
#[derive(Debug, Clone)]
pub struct LocalZone {
    /// Its locality.
    pub locality: Locality,
    /// The cluster whose hosts are the gateways themselves.
    pub local_cluster_name: String,
}

/// A running data plane; clones share it. It stops when the last one is dropped.
#[derive(Clone)]
pub struct DataPlane {
    shared: Arc<Shared>,
}

/// Why the data plane could not start. Trying again may help once the system has resources.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No thread or no event loop.
    #[error("starting {what}: {error}; check the limits on threads and open files")]
    System {
        /// What was being started.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

struct Shared {
    shown: Arc<Shown>,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    files: Arc<LogFiles>,
    drain_time: Duration,
    draining: AtomicBool,
    unhealthy: AtomicBool,
    /// Dropped to stop the control side.
    _stop: Mutex<Option<mpsc::Sender<()>>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: available_parallelism().map_or(1, usize::from),
            drain_time: Duration::from_secs(600),
            drain_strategy: DrainStrategy::default(),
            max_connections: None,
            bind: None,
            file_flush_interval: Duration::from_secs(10),
            zone: None,
            node_id: String::new(),
        }
    }
}

impl DataPlane {
    /// Starts workers and the control thread.
    pub fn start(
        options: Options,
        snapshots: Subscriber,
        registry: Registry,
    ) -> Result<Self, StartError> {
        Self::take_over(options, snapshots, registry, Vec::new())
    }

    /// As [`start`](Self::start), with the sockets of a process that is to be replaced. Nothing is
    /// accepted before requests can be answered: endpoints are looked up and checked.
    pub fn take_over(
        options: Options,
        snapshots: Subscriber,
        registry: Registry,
        sockets: Vec<ListeningSocket>,
    ) -> Result<Self, StartError> {
        let system = |what| move |error| StartError::System { what, error };
        let local_address: Arc<str> = view::local_address().into();
        let places = options.max_connections.map(Places::new);
        let mut workers = Vec::new();
        for index in 0..options.workers.max(1) {
            let (sender, commands) = mpsc::unbounded_channel();
            worker::spawn(worker::Start {
                index,
                registry: registry.clone(),
                local_address: local_address.clone(),
                drain_time: options.drain_time,
                node_id: options.node_id.as_str().into(),
                zone: options.zone.clone(),
                drain_strategy: options.drain_strategy,
                places: places.clone(),
                commands,
            })
            .map_err(system("a worker"))?;
            workers.push(sender);
        }
        let shown = Arc::new(Shown {
            plan: ArcSwap::default(),
            warming: ArcSwap::default(),
            bound: Mutex::default(),
            report: ArcSwap::default(),
            state: Mutex::new(State::PreInitializing),
        });
        let (stop, stopped) = mpsc::channel(1);
        let drain_time = options.drain_time;
        let files = LogFiles::new(options.file_flush_interval, &registry);
        let common = (registry, files.clone());
        let control = Control::new(options, workers.clone(), shown.clone(), common, sockets);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(system("the control runtime"))?;
        thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || runtime.block_on(control.run(snapshots, stopped)))
            .map_err(system("the control thread"))?;
        Ok(Self {
            shared: Arc::new(Shared {
                shown,
                workers,
                files,
                drain_time,
                draining: AtomicBool::new(false),
                unhealthy: AtomicBool::new(false),
                _stop: Mutex::new(Some(stop)),
            }),
        })
    }

    /// Live state of all hosts, as `/clusters` shows it.
    pub fn clusters(&self) -> Clusters {
        self.clusters_of(|_| true)
    }

    /// The same of the clusters whose name is meant; the others are not looked at.
    pub fn clusters_of(&self, is_meant: impl Fn(&str) -> bool) -> Clusters {
        view::clusters(&self.shared.shown.plan.load(), is_meant)
    }

    /// Hosts that outlier detection has ejected, and why.
    pub fn ejections(&self) -> Vec<Ejected> {
        self.ejections_of(|_| true)
    }

    /// The same of the clusters whose name is meant.
    pub fn ejections_of(&self, is_meant: impl Fn(&str) -> bool) -> Vec<Ejected> {
        insight::ejections(&self.shared.shown.plan.load(), is_meant)
    }

    /// Keepalive of the clusters that set it.
    pub fn keepalives(&self) -> Vec<(Arc<str>, KeepaliveSettings)> {
        insight::keepalives(&self.shared.shown.plan.load())
    }

    /// Names of clusters whose newest settings do not serve yet: their names are being looked up, or
    /// their hosts are being checked for the first time.
    pub fn warming(&self) -> Vec<String> {
        let warming = self.shared.shown.warming.load();
        warming.iter().map(|name| name.to_string()).collect()
    }

    /// Listeners with the addresses they are bound to.
    pub fn listeners(&self) -> Listeners {
        let bound = &self.shared.shown.bound;
        view::listeners(&bound.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        let shared = &self.shared;
        if shared.draining.load(Relaxed) || shared.unhealthy.load(Relaxed) {
            return State::Draining;
        }
        *shared
            .shown
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// How applying the newest snapshot went.
    pub fn reports(&self) -> Arc<Report> {
        self.shared.shown.report.load_full()
    }

    /// Stops accepting, lets running requests finish with `connection: close`, closes connections
    /// that stay idle. Returns when the last connection is gone, or after the drain time.
    pub async fn drain(&self) {
        self.leave(Leaving::Closing).await;
    }

    /// As [`drain`](Self::drain), when another process accepts on the same sockets: idle
    /// connections may stay for the drain time.
    pub async fn hand_over(&self) {
        self.leave(Leaving::HandedOver).await;
    }

    /// Copies of all listening sockets, for the process that is to take over.
    pub async fn listening_sockets(&self) -> Vec<ListeningSocket> {
        let (to, mut from) = mpsc::unbounded_channel();
        self.tell(|| Command::Share(to.clone()));
        drop(to);
        let mut sockets = Vec::new();
        while let Some(socket) = from.recv().await {
            sockets.push(socket);
        }
        sockets
    }

    async fn leave(&self, leaving: Leaving) {
        self.shared.draining.store(true, Relaxed);
        let (done, mut gone) = mpsc::channel(1);
        self.tell(|| Command::Drain {
            leaving,
            done: done.clone(),
        });
        drop(done);
        // Nothing is ever sent: the channel closes when the last connection drops its end.
        let _ = timeout(self.shared.drain_time, gone.recv()).await;
        let plan = self.shared.shown.plan.load_full();
        for tracer in plan.tracers() {
            // The collector may be gone as well.
            let _ = timeout(FLUSH_PATIENCE, tracer.flush()).await;
        }
        self.flush_logs().await;
    }

    /// Writes what access logs hold back. Waits for slow files for five seconds.
    pub async fn flush_logs(&self) {
        self.shared.files.flush().await;
    }

    /// Opens the files of access logs anew, under their names: after they were moved away.
    pub fn reopen_logs(&self) {
        self.shared.files.reopen();
    }

    /// Fails health checks: the state becomes draining and responses carry `connection: close`.
    pub fn healthcheck_fail(&self) {
        self.shared.unhealthy.store(true, Relaxed);
        self.tell(|| Command::HealthcheckFail(true));
    }

    /// Undoes [`healthcheck_fail`](Self::healthcheck_fail).
    pub fn healthcheck_ok(&self) {
        self.shared.unhealthy.store(false, Relaxed);
        self.tell(|| Command::HealthcheckFail(false));
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.shared.workers {
            // A worker that is gone needs no telling.
            let _ = worker.send(command());
        }
    }
}

/// How long the last spans may take at the end. Ours.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);
