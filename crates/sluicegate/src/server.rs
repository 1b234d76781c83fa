// SPDX-License-Identifier: Apache-2.0
//! A running gateway: control side, data plane and admin API wired together.
//!
//! In: where manifests are and where to listen. Out: traffic enforced as they say, until told to
//! stop. Manifests are watched; a change is in force as soon as it is computed.

mod addressing;
mod admin;
mod admission;
mod cluster;
mod config;
mod control;
mod control_stats;
mod fleet;
mod hand_over;
mod infrastructure;
mod log;
mod open_files;
mod operator;
mod pages;
mod signals;
mod stats;
mod view;

use std::{
    net::SocketAddr,
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use sluicegate_admin::{Admin, Health};
use sluicegate_dataplane::{DataPlane, State};
use sluicegate_manifest::source::FileState;
use sluicegate_stats::Registry;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinHandle,
};

use crate::{failure::Failure, operator::numbers::Samples};
pub use addressing::Addressing;
use addressing::Assigner;
pub use admission::Admission;
pub use cluster::Cluster;
pub use config::Config;
use control::{Control, Outlets};
pub use fleet::Tamper;
use hand_over::{Predecessor, Succession, Successor};
pub use infrastructure::{Envoys, GatewayServices, Selector, ServiceType};
pub use log::Logs;
pub use open_files::{default_max_connections, raise_open_files};
pub use signals::Signals;
use view::Shared;

/// A running gateway.
pub struct Server {
    shared: Arc<Shared>,
    admin_address: SocketAddr,
    health_address: Option<SocketAddr>,
    admission_address: Option<SocketAddr>,
    drain_time: Duration,
    quit: watch::Sender<bool>,
    admin: JoinHandle<()>,
    succession: JoinHandle<Option<Successor>>,
    _control: Control,
    status: Option<cluster::Status>,
    _idle: sluicegate_snapshot::Publisher,
}

/// Why a gateway ends.
#[derive(Debug)]
pub enum Ending {
    /// Another process has taken over.
    Replaced(Replaced),
    /// A signal, or `/quitquitquit`.
    Stopped,
}

/// The process that has taken over, which waits for word.
#[derive(Debug)]
pub struct Replaced(Successor);

impl Server {
    /// Reads the manifests, then binds and serves. What is wrong with a manifest is logged; it keeps
    /// nothing else from working, unless another process is to be replaced: that one knows the last
    /// good version of a file that does not parse.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the admin address cannot be bound; and when another
    /// process cannot be replaced, which then goes on serving.
    pub async fn start(config: Config, logs: Logs) -> Result<Self, Failure> {
        let predecessor = if config.replace {
            predecessor(config.admin_address).await?
        } else {
            None
        };
        let (admin_listener, sockets, predecessor) = match predecessor {
            Some(mut old) => {
                let sockets = std::mem::take(&mut old.sockets);
                let admin = old.admin.try_clone()?;
                (TcpListener::from_std(admin)?, sockets, Some(old))
            }
            None => (bind_admin(config.admin_address).await?, Vec::new(), None),
        };
        let admin_address = admin_listener.local_addr()?;
        let health = config.health_address.map(bind_shared).transpose()?;
        let (publisher, subscriber) = sluicegate_snapshot::channel();
        let registry = Registry::default();
        let (fleet, ads) = fleet::start(&config, &registry, predecessor.is_some()).await?;
        let (control, rounds) = control::start(&config, Outlets { publisher, fleet }, &registry)?;
        if predecessor.is_some() {
            refuse_broken(&rounds.load().files)?;
        }
        let defaults = sluicegate_dataplane::Options::default();
        let workers = config.workers.unwrap_or(defaults.workers);
        let options = sluicegate_dataplane::Options {
            workers,
            drain_time: config.drain_time,
            file_flush_interval: config.file_flush_interval,
            drain_strategy: config.drain_strategy,
            max_connections: config.max_connections,
            bind: config.bind,
            zone: config.zone.clone(),
            node_id: config.node.id.clone(),
        };
        let (idle, nothing) = fleet::idle();
        let enforced = if config.data_plane {
            subscriber.clone()
        } else {
            nothing
        };
        let data_plane = DataPlane::take_over(options, enforced.clone(), registry.clone(), sockets)
            .context("starting the data plane")?;
        let shared = Arc::new(Shared {
            rounds,
            data_plane,
            subscriber,
            registry,
            logs,
            options: config.pipeline.clone(),
            started: Instant::now(),
            ads,
            client: control.client(),
            enforced,
            carries_traffic: config.data_plane,
            samples: Samples::default(),
            nothing: control.cluster().map(|(_, nothing)| nothing.clone()),
            assigner: control.cluster().and_then(|(source, _)| {
                let cluster = config.cluster.as_ref()?;
                Some(Assigner {
                    addressing: cluster.addressing.clone()?,
                    objects: source.objects().clone(),
                    namespace: cluster.lease_namespace.clone(),
                    envoys: cluster.envoys.is_some(),
                })
            }),
        });
        if let Some(old) = predecessor {
            relieve(&shared, &old).await?;
        }
        let admin_socket = admin_listener.as_fd().try_clone_to_owned()?;
        let of_logs = shared.data_plane.clone();
        signals::at_user_signal(move || of_logs.reopen_logs())?;
        let (quit, quitting) = watch::channel(false);
        let status = control.cluster().zip(config.cluster.as_ref());
        let status = status.map(|((source, nothing), cluster)| {
            cluster::Status::start(&shared, source, nothing, cluster)
        });
        let mut views = admin::views(&shared, &config, admin_address, quit.clone());
        views.pages.extend(status.iter().map(cluster::Status::page));
        let rights = status.as_ref().map(cluster::Status::problems);
        operator::Operator::new(&shared, rights, config.proxy.is_some()).add_to(&mut views);
        let health_address = health.as_ref().map(TcpListener::local_addr).transpose()?;
        if let Some(listener) = health {
            let end = wait(quitting.clone());
            tokio::spawn(Health::serve(listener, views.state.clone(), end));
        }
        let admission_address = match config.admission.clone() {
            Some(admission) => Some(admission::start(admission, quitting.clone())?),
            None => None,
        };
        let admin = tokio::spawn(Admin::serve(admin_listener, views, wait(quitting)));
        let succession = tokio::spawn(succession(shared.clone(), admin_address, admin_socket));
        let writes = status.as_ref().map(cluster::Status::writes);
        tokio::spawn(stats::flush(
            shared.clone(),
            workers,
            writes,
            quit.subscribe(),
        ));
        Ok(Self {
            shared,
            admin_address,
            health_address,
            admission_address,
            drain_time: config.drain_time,
            quit,
            admin,
            succession,
            _control: control,
            status,
            _idle: idle,
        })
    }

    /// Where the admin API listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Where probes are answered, when they are.
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health_address
    }

    /// Where admission reviews are answered, when they are.
    pub fn admission_address(&self) -> Option<SocketAddr> {
        self.admission_address
    }

    /// Where ADS is served, when it is.
    pub fn ads_address(&self) -> Option<SocketAddr> {
        Some(self.shared.ads.as_ref()?.address())
    }

    /// Addresses of the bound Gateway listeners.
    pub fn listeners(&self) -> Vec<SocketAddr> {
        view::addresses(&self.shared.data_plane.listeners())
    }

    /// Waits until the first snapshot is enforced, or until nothing more can be waited for.
    pub async fn ready(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.shared.data_plane.state() != State::Live {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// Waits until a signal, `/quitquitquit` or another process asks to stop.
    pub async fn stopped(&mut self, signals: &mut Signals) -> Ending {
        let mut quit = self.quit.subscribe();
        tokio::select! {
            signal = signals.next() => tracing::info!("{signal}: draining"),
            _ = quit.wait_for(|quit| *quit) => tracing::info!("/quitquitquit: draining"),
            Ok(Some(successor)) = &mut self.succession => {
                tracing::info!("another process has taken over: draining");
                return Ending::Replaced(Replaced(successor));
            }
        }
        self.succession.abort();
        Ending::Stopped
    }

    /// Lets running requests finish, then ends; a second signal ends it at once. The admin API answers
    /// until then, unless another process does.
    pub async fn drain(self, ending: Ending, signals: &mut Signals) {
        let started = Instant::now();
        let data_plane = self.shared.data_plane.clone();
        let logs = data_plane.clone();
        let drained = async {
            if let Some(status) = self.status {
                status.stop().await;
            }
            if let Some(ads) = &self.shared.ads {
                ads.stop().await;
            }
            let Ending::Replaced(Replaced(successor)) = ending else {
                data_plane.drain().await;
                let _ = self.quit.send(true);
                let _ = self.admin.await;
                return;
            };
            // First, so that nobody is told that the instance is not ready.
            let _ = self.quit.send(true);
            let _ = self.admin.await;
            successor.bid_farewell().await;
            data_plane.hand_over().await;
        };
        tokio::select! {
            () = drained => {
                tracing::info!(took = ?started.elapsed(), bound = ?self.drain_time, "drained");
            }
            signal = signals.next() => {
                tracing::warn!("{signal} again: ending at once");
                logs.flush_logs().await;
            }
        }
    }
}

async fn bind_admin(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await.with_context(|| {
        format!(
            "binding the admin API to {address}; is another instance running? --replace takes over \
             from it, --admin-address takes another address"
        )
    })?;
    Ok(bound)
}

/// Binds an address that a process which takes over has too, for a while.
fn bind_shared(address: SocketAddr) -> Result<TcpListener, Failure> {
    let bind = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    let bound = bind().with_context(|| format!("binding {address}"))?;
    Ok(bound)
}

/// Connections that wait to be accepted, for ports that few ask. Ours.
const BACKLOG: u32 = 64;

async fn predecessor(admin: SocketAddr) -> Result<Option<Predecessor>, Failure> {
    let found = Predecessor::find(admin)
        .await
        .with_context(|| format!("taking over from the process with the admin address {admin}"))?;
    if found.is_none() {
        tracing::info!("nobody to take over from has the admin address {admin}: starting plainly");
    }
    Ok(found)
}

fn refuse_broken(files: &[FileState]) -> Result<(), Failure> {
    let broken: Vec<&str> = files
        .iter()
        .filter(|file| file.error.is_some())
        .map(|file| file.path.as_str())
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    let error = anyhow::anyhow!(
        "{} cannot be read, and the running process may have a good version of it: it goes on \
         serving; repair the file, or stop that process first",
        broken.join(", ")
    );
    Err(Failure::Environment(error))
}

/// Waits until this process serves, then tells the old one to leave.
async fn relieve(shared: &Shared, old: &Predecessor) -> Result<(), Failure> {
    let version = shared.enforced.current().version();
    let deadline = Instant::now() + SERVING;
    let serves = || {
        let plane = &shared.data_plane;
        plane.state() == State::Live && plane.reports().version == version
    };
    while !serves() {
        if Instant::now() > deadline {
            let error = anyhow::anyhow!("not serving within {SERVING:?}; the old process still is");
            return Err(Failure::Environment(error));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    old.relieve().await?;
    tracing::info!("took over from the running process");
    Ok(())
}

/// Waits for a process that takes over.
async fn succession(
    shared: Arc<Shared>,
    admin_address: SocketAddr,
    admin: OwnedFd,
) -> Option<Successor> {
    let succession = match Succession::open(admin_address) {
        Ok(succession) => succession,
        Err(error) => {
            tracing::warn!("this process cannot be replaced by --replace: {error:#}");
            return None;
        }
    };
    loop {
        let sockets = async || shared.data_plane.listening_sockets().await;
        if let Some(successor) = succession.next(sockets, &admin).await {
            return Some(successor);
        }
    }
}

/// Until a process that takes over must serve. Above what the data plane waits for endpoints.
const SERVING: Duration = Duration::from_secs(20);

/// Ends when asked to, or when nobody can ask any more.
async fn wait(mut quitting: watch::Receiver<bool>) {
    let _ = quitting.wait_for(|quit| *quit).await;
}
