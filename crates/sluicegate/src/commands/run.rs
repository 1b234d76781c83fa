// SPDX-License-Identifier: Apache-2.0
//! `sluicegate run`: serves and enforces manifests until it is told to stop.
//!
//! In: paths and where to listen. Out: traffic; log lines on standard error.

mod kubernetes;

use std::{path::PathBuf, time::Duration};

use clap::Args;

use self::kubernetes::Kubernetes;
use super::serving::Serving;
use crate::{
    failure::{Failure, Outcome},
    input::{Settings, inputs},
    server::{Config, Logs, Server, Signals},
};

/// Arguments of `sluicegate run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  sluicegate run manifests/
  sluicegate run manifests/ --bind 127.0.0.1 --log-level debug
  sluicegate run manifests/ --ads-address 127.0.0.1:18000 --no-data-plane
  sluicegate run --kubernetes             # what `kubectl apply` says
  sluicegate run manifests/ --replace     # a new version, or other options, without a gap
  kubectl get gateway,httproute,service,endpointslice,backendconfigpolicy -A -o yaml | sluicegate run -")]
pub struct Arguments {
    /// Files or directories of manifests, watched for changes; `-` reads standard input once
    #[arg(
        required_unless_present = "kubernetes",
        conflicts_with = "kubernetes",
        value_name = "PATH"
    )]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    kubernetes: Kubernetes,
    #[command(flatten)]
    settings: Settings,
    /// Take over from the process with the same admin address, without refusing a connection: its
    /// sockets are used on, then it drains and ends; if this process cannot start, it goes on serving
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    serving: Serving,
}

/// Serves and enforces manifests.
///
/// # Errors
/// When an input cannot be read at all, or an address of the process itself is taken.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let pools = &arguments.kubernetes.cluster.address_pool;
    if !pools.is_empty() && arguments.serving.bind.is_some() {
        let message = "--bind is one address for all Gateways, --address-pool one for each";
        return Err(Failure::Usage(message.to_owned()));
    }
    let logs = Logs::init(arguments.serving.process.log_level.into());
    let config = arguments.serving.config(Config {
        inputs: inputs(&arguments.paths),
        pipeline: arguments.settings.options(),
        replace: arguments.replace,
        ..Config::new(Vec::new())
    });
    let drain_seconds = arguments.serving.process.drain_time;
    let envoys = &arguments.kubernetes.envoys;
    let envoys = envoys.envoys((drain_seconds, &arguments.settings));
    block_on(async {
        let config = Config {
            cluster: arguments.kubernetes.cluster(envoys).await?,
            admission: arguments.kubernetes.admission(),
            ..config
        };
        serve(config, logs).await
    })
}

/// Serves until told to stop.
pub(super) async fn serve(config: Config, logs: Logs) -> Result<Outcome, Failure> {
    let mut signals = Signals::catch()?;
    let mut server = Server::start(config, logs).await?;
    server.ready(READY_PATIENCE).await;
    for address in server.listeners() {
        tracing::info!("listening on {address}");
    }
    tracing::info!("admin API on http://{}", server.admin_address());
    if let Some(address) = server.health_address() {
        tracing::info!("/live and /ready on http://{address}");
    }
    if let Some(address) = server.admission_address() {
        tracing::info!("admission reviews on https://{address}");
    }
    if let Some(address) = server.ads_address() {
        tracing::info!("ADS on {address}");
    }
    let ending = server.stopped(&mut signals).await;
    server.drain(ending, &mut signals).await;
    Ok(Outcome::Done)
}

/// How long to wait for sockets before saying where they are.
pub(super) const READY_PATIENCE: Duration = Duration::from_secs(5);

/// Runs the control runtime; workers have their own.
pub(super) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("admin")
        .enable_all()
        .build()?;
    runtime.block_on(future)
}
