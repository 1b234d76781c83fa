// SPDX-License-Identifier: Apache-2.0
//! One worker: a thread with its own runtime, sockets, pools, buffers and numbers.
//!
//! In: commands from the control side. Out: traffic. Nothing here is shared with other workers,
//! except the plan, which nobody writes, and circuit breaker budgets.

mod command;
mod connections;
mod drain;
mod groups;
mod sweep;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    rc::Rc,
    sync::Arc,
    thread,
    time::Duration,
};

use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::config::core::v3::Locality;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{Notify, mpsc},
};

pub(crate) use command::{Command, Leaving};
pub(crate) use connections::{Connections, Mark};
pub(crate) use drain::Drain;
pub use drain::DrainStrategy;
use groups::Groups;

use crate::{
    cluster::{Admission, ClusterId, LocalCluster, Zone},
    data_plane::LocalZone,
    http::Clock,
    insight,
    io::Buffers,
    life::{Exchange, StreamTasks},
    listen::{self, Listening, Places},
    plan::Plan,
    stats::{CodecStats, Http2Stats, InspectorStats},
};

/// A worker's state.
pub(crate) struct Worker {
    /// Recycled buffers.
    pub(crate) buffers: Buffers,
    /// Cached date.
    pub(crate) clock: Clock,
    /// Open client connections.
    pub(crate) connections: Connections,
    /// What a loopback client's address is replaced by.
    pub(crate) local_address: Arc<str>,
    /// What spans call this process.
    pub(crate) node_id: Arc<str>,
    /// HTTP/1 codec numbers.
    pub(crate) codec_stats: Arc<CodecStats>,
    /// The same of HTTP/2.
    pub(crate) http2_codec_stats: Arc<CodecStats>,
    /// HTTP/2 codec numbers.
    pub(crate) http2_stats: Arc<Http2Stats>,
    /// Numbers of TLS inspectors.
    pub(crate) inspector_stats: Arc<InspectorStats>,
    /// Tasks for streams of HTTP/2.
    pub(crate) stream_tasks: StreamTasks,
    /// Responses carry `connection: close`.
    pub(crate) draining: Cell<bool>,
    /// Places for client connections, of all workers together.
    pub(crate) places: Option<Arc<Places>>,
    plan: RefCell<Arc<Plan>>,
    /// Where this process runs, and the cluster of its own kind once there is one.
    local_zone: Option<(Arc<Locality>, String)>,
    zone: RefCell<Option<Zone>>,
    generation: Cell<u64>,
    clusters: RefCell<Vec<Option<Rc<LocalCluster>>>>,
    groups: Groups,
    #[expect(
        clippy::vec_box,
        reason = "requests hold the box; moving it costs a pointer"
    )]
    exchanges: RefCell<Vec<Box<Exchange>>>,
    listening: RefCell<Vec<Listening>>,
    sweeper: Notify,
    sweeper_sleeps: Cell<bool>,
    drain_strategy: DrainStrategy,
    drain_time: Duration,
}

/// What a worker is started with.
pub(crate) struct Start {
    /// Position among the workers.
    pub(crate) index: usize,
    /// Where its numbers go.
    pub(crate) registry: Registry,
    /// See [`Worker::local_address`].
    pub(crate) local_address: Arc<str>,
    /// See [`Worker::node_id`].
    pub(crate) node_id: Arc<str>,
    /// How long connections of a replaced listener live on.
    pub(crate) drain_time: Duration,
    /// Where this process runs.
    pub(crate) zone: Option<LocalZone>,
    /// See [`Worker::places`].
    pub(crate) places: Option<Arc<Places>>,
    /// How they are spread over that time.
    pub(crate) drain_strategy: DrainStrategy,
    /// What to do.
    pub(crate) commands: mpsc::UnboundedReceiver<Command>,
}

thread_local! {
    static ENDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the event loop of this thread has ended: its tasks are being dropped, and what they held
/// must not start others, which would be dropped at once in their turn.
pub(crate) fn has_ended() -> bool {
    ENDED.get()
}

/// Starts a worker's thread; it ends when the commands end.
pub(crate) fn spawn(start: Start) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new()
        .name(format!("worker-{}", start.index))
        .spawn(move || {
            insight::is_worker(start.index);
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    runtime.block_on(run(start));
                    ENDED.set(true);
                }
                Err(error) => tracing::error!(%error, "a worker has no event loop"),
            }
        })
}

async fn run(start: Start) {
    let Start {
        index: _,
        registry,
        local_address,
        node_id,
        drain_time,
        zone,
        drain_strategy,
        places,
        mut commands,
    } = start;
    let codec_stats = Arc::<CodecStats>::default();
    registry.register("http1.", &codec_stats);
    let http2_codec_stats = Arc::<CodecStats>::default();
    registry.register("http2.", &http2_codec_stats);
    let http2_stats = Arc::<Http2Stats>::default();
    registry.register("http2.", &http2_stats);
    let inspector_stats = Arc::<InspectorStats>::default();
    registry.register("tls_inspector.", &inspector_stats);
    let worker = Rc::new(Worker {
        buffers: Buffers::default(),
        clock: Clock::default(),
        connections: Connections::default(),
        local_address,
        node_id,
        codec_stats,
        http2_codec_stats,
        http2_stats,
        inspector_stats,
        stream_tasks: StreamTasks::default(),
        draining: Cell::new(false),
        places,
        plan: RefCell::default(),
        local_zone: zone.map(|zone| (Arc::new(zone.locality), zone.local_cluster_name)),
        zone: RefCell::default(),
        generation: Cell::new(0),
        clusters: RefCell::default(),
        groups: Groups::new(registry),
        exchanges: RefCell::default(),
        listening: RefCell::default(),
        sweeper: Notify::new(),
        sweeper_sleeps: Cell::new(false),
        drain_strategy,
        drain_time,
    });
    tokio::task::spawn_local(sweep::run(worker.clone()));
    while let Some(command) = commands.recv().await {
        worker.clone().obey(command);
    }
}

impl Worker {
    fn obey(self: Rc<Self>, command: Command) {
        match command {
            Command::Apply(plan) => self.apply(plan),
            // Whoever has begun to leave takes in nobody new.
            Command::Listen { .. } if self.connections.are_ending() => {}
            Command::Listen { id, socket } => match listen::adopt(socket) {
                Ok(socket) => {
                    let listening = listen::start(&self, socket, id);
                    self.listening.borrow_mut().push(listening);
                }
                Err(error) => tracing::error!(%error, "a worker cannot use its listening socket"),
            },
            Command::Share(to) => {
                let listening = self.listening.borrow();
                let copies = listening.iter().filter_map(Listening::share);
                // Nobody waits any more: nothing is lost.
                copies.for_each(|copy| drop(to.send(copy)));
            }
            Command::StopListening { socket } => {
                let mut listening = self.listening.borrow_mut();
                let gone = listening.extract_if(.., |one| one.id.socket == socket);
                gone.for_each(|one| one.stop(Leaving::Closing, None));
            }
            Command::Drain { leaving, done } => {
                let drain = match leaving {
                    Leaving::Closing => self.drain().with_grace(IDLE_GRACE),
                    Leaving::HandedOver => self.drain(),
                };
                self.connections.drain(drain, &done);
                for listening in self.listening.borrow_mut().drain(..) {
                    listening.stop(leaving, Some(done.clone()));
                }
            }
            Command::HealthcheckFail(fail) => self.draining.set(fail),
        }
    }

    /// Swaps the plan. Requests that run keep the one they began with.
    fn apply(&self, plan: Arc<Plan>) {
        let zone = self.zone_of(&plan);
        let mut clusters = self.clusters.borrow_mut();
        for (at, slot) in clusters.iter_mut().enumerate() {
            let Some(local) = slot else {
                continue;
            };
            match plan.clusters.get(at).and_then(Option::as_ref) {
                Some(new) if Arc::ptr_eq(&new.config, &local.config) => {
                    local.set_zone(zone.as_ref());
                    local.update(&new.endpoints);
                }
                new => {
                    local.retire();
                    if new.is_none() {
                        self.groups.forget_cluster(&local.config.stat_name);
                    }
                    *slot = None;
                }
            }
        }
        let current: HashMap<_, _> = plan
            .listeners
            .iter()
            .map(|listener| (listener.name.clone(), listener.version))
            .collect();
        self.connections.replace(
            |listener| current.get(&listener.name) != Some(&listener.version),
            self.drain(),
        );
        self.groups.forget_routes(&plan);
        *self.zone.borrow_mut() = zone;
        *self.plan.borrow_mut() = plan;
        self.generation.set(self.generation.get() + 1);
    }

    /// The name of the zone that this process runs in.
    pub(crate) fn zone_name(&self) -> &str {
        let zone = self.local_zone.as_ref();
        zone.map_or("", |(locality, _)| &locality.zone)
    }

    fn zone_of(&self, plan: &Plan) -> Option<Zone> {
        let (locality, name) = self.local_zone.as_ref()?;
        let mut clusters = plan.clusters.iter().flatten();
        let local = clusters.find(|cluster| *cluster.config.name == **name)?;
        Some(Zone {
            locality: locality.clone(),
            local: local.clone(),
        })
    }

    /// How connections of a replaced listener run out from now on.
    pub(crate) fn drain(&self) -> Drain {
        Drain::begin(self.drain_strategy, self.drain_time)
    }

    /// Number of the plan in force.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// The plan in force.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan.borrow().clone()
    }

    /// The cluster with this id, made at its first use.
    pub(crate) fn cluster(&self, id: ClusterId) -> Option<Rc<LocalCluster>> {
        let mut clusters = self.clusters.borrow_mut();
        if let Some(Some(local)) = clusters.get(id.index()) {
            return Some(local.clone());
        }
        let plan = self.plan.borrow();
        let cluster = plan.cluster(id)?;
        let config = &cluster.config;
        let name = &config.stat_name;
        let tls = config.tls.as_ref();
        let ssl_stats = tls.map(|_| self.groups.cluster_ssl(name));
        let admission = config.admission_control.clone();
        let admission =
            admission.map(|settings| Admission::new(settings, self.groups.admission(name)));
        let local = Rc::new(LocalCluster::new(
            cluster,
            self.groups.cluster(name),
            ssl_stats,
            admission,
            self.zone.borrow().clone(),
        ));
        if clusters.len() <= id.index() {
            clusters.resize_with(id.index() + 1, || None);
        }
        clusters[id.index()] = Some(local.clone());
        Some(local)
    }

    /// The cluster of this name, if it exists now.
    pub(crate) fn cluster_named(&self, name: &[u8]) -> Option<Rc<LocalCluster>> {
        let name = std::str::from_utf8(name).ok()?;
        let id = self.plan.borrow().named(name)?;
        self.cluster(id)
    }

    /// Space for a request.
    pub(crate) fn exchange(&self) -> Box<Exchange> {
        self.exchanges.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes that space back.
    pub(crate) fn recycle(&self, exchange: Box<Exchange>) {
        let mut exchanges = self.exchanges.borrow_mut();
        if exchanges.len() < KEPT_EXCHANGES {
            exchanges.push(exchange);
        }
    }

    /// A connection became idle: somebody must look after it.
    pub(crate) fn wake_sweeper(&self) {
        if self.sweeper_sleeps.replace(false) {
            self.sweeper.notify_one();
        }
    }
}

const KEPT_EXCHANGES: usize = 64;
/// How long a client's idle connection is kept at the end, in case that a request comes which can be
/// told to be the last one. Ours: clients that send more seldom must cope with idle timeouts anyway.
const IDLE_GRACE: Duration = Duration::from_secs(2);
