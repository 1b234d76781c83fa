// SPDX-License-Identifier: Apache-2.0
//! The control side: applies snapshots.
//!
//! In: snapshots. Out: a compiled plan on every worker, sockets bound and closed, and a report.
//! Runs on a thread of its own, so that a large snapshot does not hold up traffic.

mod inheritance;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use sluicegate_snapshot::{ResourceType, Snapshot, Subscriber};
use sluicegate_stats::Registry;
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::{
    cluster::{Membership, Warming},
    data_plane::Options,
    health::{News, Watch},
    listen::{ListeningSocket, SocketId, bind, explain},
    log::LogFiles,
    plan::{Compiler, ListenerPlan, NEEDS_ZONE, Plan},
    report::{BindError, Report, State, Unsupported},
    resolve::{Answer, Resolver},
    trace::Exporter,
    worker::Command,
};
use inheritance::Inheritance;

/// What the control side shows to the handle.
pub(crate) struct Shown {
    /// The plan in force.
    pub(crate) plan: ArcSwap<Plan>,
    /// Names of clusters that do not serve yet.
    pub(crate) warming: ArcSwap<Vec<Arc<str>>>,
    /// Bound addresses by listener.
    pub(crate) bound: Mutex<BTreeMap<Arc<str>, SocketAddr>>,
    /// How applying went.
    pub(crate) report: ArcSwap<Report>,
    /// Where the data plane stands, apart from draining.
    pub(crate) state: Mutex<State>,
}

/// The control side.
pub(crate) struct Control {
    options: Options,
    workers: Vec<mpsc::UnboundedSender<Command>>,
    shown: Arc<Shown>,
    compiler: Compiler,
    resolver: Resolver,
    answers: mpsc::UnboundedReceiver<Answer>,
    /// What the last snapshot asks for.
    target: Plan,
    warming: Warming,
    membership: Membership,
    watch: Watch,
    news: mpsc::UnboundedReceiver<News>,
    registry: Registry,
    sockets: BTreeMap<SocketAddr, SocketId>,
    inheritance: Inheritance,
    next_socket: u64,
    /// Every cluster of the first snapshot was warm: sockets may open.
    warmed_up: bool,
}

impl Control {
    /// A control side that has applied nothing.
    pub(crate) fn new(
        options: Options,
        workers: Vec<mpsc::UnboundedSender<Command>>,
        shown: Arc<Shown>,
        (registry, files): (Registry, Arc<LogFiles>),
        inherited: Vec<ListeningSocket>,
    ) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let (teller, news) = mpsc::unbounded_channel();
        Self {
            options,
            workers,
            shown,
            compiler: Compiler::logging_to(files),
            resolver: Resolver::new(registry.clone(), sender),
            answers,
            target: Plan::default(),
            warming: Warming::default(),
            membership: Membership::new(registry.clone()),
            watch: Watch::new(registry.clone(), teller),
            news,
            registry,
            sockets: BTreeMap::new(),
            inheritance: Inheritance::new(inherited),
            next_socket: 0,
            warmed_up: false,
        }
    }

    /// Applies snapshots until there are no more, or `stop` says so.
    pub(crate) async fn run(mut self, mut snapshots: Subscriber, mut stop: mpsc::Receiver<()>) {
        let first = snapshots.current();
        if !is_empty(&first) {
            self.apply(&first);
        }
        let mut closed = false;
        let mut again = tokio::time::interval(AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let unbound = !self.shown.report.load().binds.is_empty();
            tokio::select! {
                // Without a publisher the last snapshot stays in force.
                changed = snapshots.changed(), if !closed => match changed {
                    Some(snapshot) => self.apply(&snapshot),
                    None => closed = true,
                },
                Some(answer) = self.answers.recv() => self.resolve(answer),
                Some(news) = self.news.recv() => self.hear(&news),
                () = self.inheritance.patience() => self.lose_patience(),
                // An address may have come to this machine, or another process has ended.
                _ = again.tick(), if unbound => {
                    self.open_sockets(Report::clone(&self.shown.report.load()));
                }
                _ = stop.recv() => return,
            }
        }
    }

    fn apply(&mut self, snapshot: &Snapshot) {
        let resolved = self.resolver.resolved();
        let (target, resources) = self.compiler.compile(snapshot, resolved);
        self.target = target;
        if self.resolver.follow(&self.target) {
            self.target = self.compiler.plan(self.resolver.resolved());
        }
        self.membership.updated(!resources.is_empty());
        self.enforce();
        self.inheritance.wait();
        self.open_sockets(Report {
            version: snapshot.version(),
            resources,
            binds: self.shown.report.load().binds.clone(),
            unsupported: unsupported(&self.target, self.options.zone.is_some()),
        });
    }

    /// Opens and closes sockets as the target wants it, once its first clusters are warm; then the
    /// report is true.
    fn open_sockets(&mut self, mut report: Report) {
        if !self.warmed_up {
            self.shown.report.store(Arc::new(report));
            return;
        }
        let binds = self.bind();
        self.unbind();
        self.inheritance.renounce();
        for error in binds.iter().filter(|it| !report.binds.contains(it)) {
            let (listener, address) = (&error.listener, error.address);
            tracing::error!(%listener, %address, "not listening: {}", error.message);
        }
        report.binds = binds;
        self.shown.report.store(Arc::new(report));
        // Now: who is told that we are live may connect at once.
        let state = self.shown.state.lock();
        *state.unwrap_or_else(PoisonError::into_inner) = State::Live;
    }

    /// Takes in what a cluster's names stand for.
    fn resolve(&mut self, answer: Answer) {
        let changed = self.resolver.answered(answer);
        if changed {
            self.target = self.compiler.plan(self.resolver.resolved());
        }
        if changed || self.promote() {
            self.enforce();
            self.open_at_last();
        }
    }

    /// Takes in what was learnt about a host.
    fn hear(&mut self, news: &News) {
        let given_up = self.watch.hear(news);
        self.membership.recount(&news.cluster);
        if given_up || self.promote() {
            self.enforce();
            self.open_at_last();
        }
    }

    /// Brings everything in line with the target and with what is warm. The workers learn of it
    /// before sockets open, so that the first connection finds its listener.
    fn enforce(&mut self) {
        self.warming.follow(&self.target);
        self.watch.follow(self.warming.all());
        if self.promote() {
            // What was replaced is not watched any more.
            self.watch.follow(self.warming.all());
        }
        self.warmed_up |= self.warming.names().next().is_none();
        let plan = Arc::new(self.warming.plan(&self.target));
        let warming: Vec<Arc<str>> = self.warming.names().cloned().collect();
        self.membership.follow(&plan, warming.len());
        self.shown.warming.store(Arc::new(warming));
        self.shown.plan.store(plan.clone());
        Exporter::start(&plan, &self.shown, &self.registry);
        self.tell(|| Command::Apply(plan.clone()));
    }

    /// Whether a cluster became warm, which then serves.
    fn promote(&mut self) -> bool {
        let (watch, resolver) = (&self.watch, &self.resolver);
        self.warming
            .promote(|cluster| !resolver.awaits(&cluster.config.name) && watch.settled(cluster))
    }

    /// Opens the sockets that waited for the first clusters.
    fn open_at_last(&mut self) {
        if self.sockets.is_empty() {
            self.open_sockets(Report::clone(&self.shown.report.load()));
        }
    }

    /// Opens sockets although clusters are not warm: the older process shall not wait for ever.
    fn lose_patience(&mut self) {
        self.warmed_up = true;
        self.open_sockets(Report::clone(&self.shown.report.load()));
    }

    /// Opens sockets for new addresses.
    fn bind(&mut self) -> Vec<BindError> {
        let mut errors = Vec::new();
        for listener in self.target.listeners.clone() {
            let outcome = match self.sockets.get(&listener.address) {
                Some(id) => Ok(id.bound),
                None => self.open(&listener),
            };
            let mut bound = self
                .shown
                .bound
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match outcome {
                Ok(address) => {
                    bound.insert(listener.name.clone(), address);
                }
                Err(error) => {
                    bound.remove(&listener.name);
                    errors.push(error);
                }
            }
        }
        errors
    }

    fn open(&mut self, listener: &ListenerPlan) -> Result<SocketAddr, BindError> {
        let mut address = listener.address;
        if let Some(ip) = self.options.bind {
            address.set_ip(ip);
        }
        let inherited = self
            .inheritance
            .claim(listener.address, address, listener.ipv4_compat);
        let opened = bind(address, listener.ipv4_compat, self.workers.len(), inherited);
        let (bound, sockets) = opened.map_err(|error| BindError {
            listener: listener.name.clone(),
            address,
            message: explain(&error, address),
        })?;
        let id = SocketId {
            socket: self.next_socket,
            configured: listener.address,
            bound,
        };
        self.next_socket += 1;
        for (worker, socket) in self.workers.iter().cycle().zip(sockets) {
            let _ = worker.send(Command::Listen { id, socket });
        }
        self.sockets.insert(listener.address, id);
        Ok(bound)
    }

    /// Closes the sockets of addresses that no listener has any more.
    fn unbind(&mut self) {
        let plan = &self.target;
        let wanted = |address: &SocketAddr| plan.listeners.iter().any(|l| l.address == *address);
        let gone: Vec<SocketAddr> = self
            .sockets
            .keys()
            .filter(|address| !wanted(address))
            .copied()
            .collect();
        for address in gone {
            if let Some(id) = self.sockets.remove(&address) {
                self.tell(|| Command::StopListening { socket: id.socket });
            }
        }
        let mut bound = self
            .shown
            .bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        bound.retain(|name, _| plan.listeners.iter().any(|l| l.name == *name));
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            // A worker that is gone needs no telling.
            let _ = worker.send(command());
        }
    }
}

/// Between two attempts to bind what could not be bound. Ours.
const AGAIN: Duration = Duration::from_secs(1);

fn is_empty(snapshot: &Snapshot) -> bool {
    ResourceType::ALL
        .iter()
        .all(|kind| snapshot.resources(*kind).is_empty())
}

fn unsupported(plan: &Plan, has_zone: bool) -> Vec<Unsupported> {
    let clusters = plan.clusters.iter().flatten().flat_map(|cluster| {
        let config = &cluster.config;
        let fields = config.unsupported.iter();
        let fields = fields.filter(move |field| !(has_zone && **field == NEEDS_ZONE));
        fields.map(|field| (ResourceType::Cluster, config.name.clone(), *field))
    });
    let listeners = plan.listeners.iter().flat_map(|listener| {
        let fields = listener.unsupported.iter();
        fields.map(|field| (ResourceType::Listener, listener.name.clone(), *field))
    });
    let routes = plan.routes.iter().flat_map(|(name, table)| {
        let fields = table.unsupported.iter();
        fields.map(|field| (ResourceType::Route, name.clone(), *field))
    });
    clusters
        .chain(listeners)
        .chain(routes)
        .map(|(resource_type, name, field)| Unsupported {
            resource_type,
            name,
            field,
        })
        .collect()
}
