// SPDX-License-Identifier: Apache-2.0
//! A running gateway: control side, data plane and admin API wired together.
//!
//! In: where manifests are and where to listen. Out: traffic enforced as they say, until told to
//! stop. Manifests are watched; a change is in force as soon as it is computed.

mod admin;
mod control;
mod fleet;
mod log;
mod pages;
mod stats;
mod view;

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use sluicegate_dataplane::{DataPlane, State};
use sluicegate_manifest::source::Input;
use sluicegate_stats::Registry;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{failure::Failure, pipeline};
use control::{Control, NewControl, Outlets};
pub use fleet::Tamper;
pub use log::Logs;
use view::Shared;

/// How to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where manifests are.
    pub inputs: Vec<Input>,
    /// Settings of the pipeline.
    pub pipeline: pipeline::Options,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    /// Binds Gateway listeners to this address instead of every one.
    pub bind: Option<IpAddr>,
    /// Worker threads; `None` is one per core.
    pub workers: Option<usize>,
    /// How long running requests may take at the end.
    pub drain_time: Duration,
    /// Node id that `/server_info` shows.
    pub node_id: String,
    /// Serves Envoys over ADS, when set.
    pub ads: Option<sluicegate_ads::Options>,
    /// Whether the data plane of this process carries traffic itself.
    pub data_plane: bool,
    /// Changes what Envoys are sent, for tests that need resources our own checks would not let
    /// through.
    pub tamper: Option<Tamper>,
}

/// A running gateway.
pub struct Server {
    shared: Arc<Shared>,
    admin_address: SocketAddr,
    drain_time: Duration,
    quit: watch::Sender<bool>,
    admin: JoinHandle<()>,
    _control: Control,
    _idle: sluicegate_snapshot::Publisher,
}

impl Server {
    /// Reads the manifests, then binds and serves. What is wrong with a manifest is logged; it keeps
    /// nothing else from working.
    ///
    /// # Errors
    /// When an input cannot be read at all, or the admin address cannot be bound.
    pub async fn start(config: Config, logs: Logs) -> Result<Self, Failure> {
        let admin_listener = TcpListener::bind(config.admin_address).await.with_context(|| {
            format!(
                "binding the admin API to {}; is another instance running? --admin-address takes \
                 another one",
                config.admin_address
            )
        })?;
        let admin_address = admin_listener.local_addr()?;
        let (publisher, subscriber) = sluicegate_snapshot::channel();
        let registry = Registry::default();
        let (fleet, ads) = fleet::start(&config, &registry).await?;
        let control = NewControl::new(
            config.inputs.clone(),
            config.pipeline.clone(),
            Outlets { publisher, fleet },
        );
        let (control, rounds) = control.first_round()?;
        let defaults = sluicegate_dataplane::Options::default();
        let workers = config.workers.unwrap_or(defaults.workers);
        let options = sluicegate_dataplane::Options {
            workers,
            drain_time: config.drain_time,
            bind: config.bind,
            // There is no bootstrap that says where this gateway runs.
            zone: None,
        };
        let (idle, nothing) = fleet::idle();
        let enforced = if config.data_plane {
            subscriber.clone()
        } else {
            nothing
        };
        let data_plane = DataPlane::start(options, enforced, registry.clone())
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
            carries_traffic: config.data_plane,
        });
        let (quit, quitting) = watch::channel(false);
        let views = admin::views(&shared, &config, admin_address, quit.clone());
        let admin = tokio::spawn(sluicegate_admin::Admin::serve(
            admin_listener,
            views,
            wait(quitting),
        ));
        tokio::spawn(stats::flush(shared.clone(), workers, quit.subscribe()));
        Ok(Self {
            shared,
            admin_address,
            drain_time: config.drain_time,
            quit,
            admin,
            _control: control,
            _idle: idle,
        })
    }

    /// Where the admin API listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
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

    /// Waits until a signal or `/quitquitquit` asks to stop.
    ///
    /// # Errors
    /// When signals cannot be received.
    pub async fn stopped(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut quit = self.quit.subscribe();
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: draining"),
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                tracing::info!("interrupted: draining");
            }
            _ = quit.wait_for(|quit| *quit) => tracing::info!("/quitquitquit: draining"),
        }
        Ok(())
    }

    /// Lets running requests finish, then ends. The admin API answers until then.
    pub async fn drain(self) {
        let started = Instant::now();
        if let Some(ads) = &self.shared.ads {
            ads.stop().await;
        }
        self.shared.data_plane.drain().await;
        tracing::info!(took = ?started.elapsed(), bound = ?self.drain_time, "drained");
        let _ = self.quit.send(true);
        let _ = self.admin.await;
    }
}

/// Ends when asked to, or when nobody can ask any more.
async fn wait(mut quitting: watch::Receiver<bool>) {
    let _ = quitting.wait_for(|quit| *quit).await;
}

impl Config {
    /// The defaults of `sluicegate run` for `inputs`.
    pub fn new(inputs: Vec<PathBuf>) -> Self {
        Self {
            inputs: crate::input::inputs(&inputs),
            pipeline: pipeline::Options::default(),
            admin_address: ([127, 0, 0, 1], 19000).into(),
            bind: None,
            workers: None,
            drain_time: Duration::from_secs(30),
            node_id: "sluicegate".to_owned(),
            ads: None,
            data_plane: true,
            tamper: None,
        }
    }
}
