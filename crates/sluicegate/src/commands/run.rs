// SPDX-License-Identifier: Apache-2.0
//! `sluicegate run`: serves and enforces manifests until it is told to stop.
//!
//! In: paths and where to listen. Out: traffic; log lines on standard error.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use sluicegate_admin::LogLevel;
use sluicegate_dataplane::{DrainStrategy, LocalZone};
use sluicegate_kube::Connection;
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use crate::{
    failure::{Failure, Outcome},
    input::{Settings, inputs},
    server::{Cluster, Config, Logs, Server, Signals, default_max_connections, raise_open_files},
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
    #[arg(required_unless_present = "kubernetes", value_name = "PATH")]
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

/// The API server, when that has the manifests.
#[derive(Debug, Clone, Args)]
struct Kubernetes {
    /// Watch a Kubernetes API server in place of files, and write status back
    #[arg(long, conflicts_with = "paths")]
    kubernetes: bool,
    /// How to reach it [default: $KUBECONFIG, ~/.kube/config, then the pod's service account]
    #[arg(long, value_name = "FILE", requires = "kubernetes")]
    kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    context: Option<String>,
    /// Namespace of the Lease that decides which replica writes status
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "POD_NAMESPACE",
        default_value = "default",
        requires = "kubernetes"
    )]
    lease_namespace: String,
}

impl Kubernetes {
    async fn cluster(&self) -> Result<Option<Cluster>, Failure> {
        if !self.kubernetes {
            return Ok(None);
        }
        let connection = Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        };
        let (client, address) = sluicegate_kube::connect(&connection)
            .await
            .map_err(|error| Failure::Environment(error.into()))?;
        tracing::info!("reading from the API server at {address}");
        Ok(Some(Cluster {
            client,
            address,
            lease_namespace: self.lease_namespace.clone(),
        }))
    }
}

/// How to serve; `demo` takes the same.
#[derive(Debug, Clone, Args)]
pub struct Serving {
    /// How the process runs.
    #[command(flatten)]
    pub process: Process,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:19000")]
    pub admin_address: SocketAddr,
    /// Bind the Gateways' listeners to this address only
    #[arg(long, value_name = "IP")]
    pub bind: Option<IpAddr>,
    /// The zone that this gateway runs in
    #[arg(long, value_name = "ZONE", requires = "local_cluster")]
    pub service_zone: Option<String>,
    /// The cluster whose endpoints are this gateway and its siblings, such as
    /// kube_infra_gateway_80; with the zone, requests stay in their zone as far as that is fair
    #[arg(long, value_name = "CLUSTER", requires = "service_zone")]
    pub local_cluster: Option<String>,
    #[command(flatten)]
    fleet: Fleet,
}

/// How the process runs, wherever its configuration comes from.
#[derive(Debug, Clone, Args)]
pub struct Process {
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub workers: Option<u16>,
    /// Client connections at a time, over all listeners; more are closed at once [default: half of
    /// the limit on open files, which is raised as far as it may be]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_connections: Option<u64>,
    /// How long running requests may take at the end, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub drain_time: u64,
    /// How connections are told to close over that time, and when a listener changes
    #[arg(long, value_name = "STRATEGY", default_value = "immediate")]
    pub drain_strategy: Strategy,
    /// How much to log
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: Level,
}

/// How to serve Envoys.
#[derive(Debug, Clone, Args)]
struct Fleet {
    /// Serve Envoys over ADS here; 127.0.0.1:18000 is what `bootstrap` expects
    #[arg(long, value_name = "ADDRESS")]
    ads_address: Option<SocketAddr>,
    /// Certificate chain of the ADS port, PEM
    #[arg(long, value_name = "FILE", requires_all = ["ads_address", "ads_tls_key"])]
    ads_tls_cert: Option<PathBuf>,
    /// Private key of the ADS port, PEM
    #[arg(long, value_name = "FILE", requires = "ads_tls_cert")]
    ads_tls_key: Option<PathBuf>,
    /// Authorities of client certificates, PEM; only Envoys that have one may connect
    #[arg(long, value_name = "FILE", requires = "ads_tls_cert")]
    ads_tls_client_ca: Option<PathBuf>,
    /// Carry no traffic here: Envoys do
    #[arg(long, requires = "ads_address")]
    no_data_plane: bool,
}

impl Fleet {
    fn options(&self) -> Option<sluicegate_ads::Options> {
        let tls = self.ads_tls_cert.clone().zip(self.ads_tls_key.clone());
        Some(sluicegate_ads::Options {
            address: self.ads_address?,
            tls: tls.map(|(certificate, key)| sluicegate_ads::TlsFiles {
                certificate,
                key,
                client_ca: self.ads_tls_client_ca.clone(),
            }),
            wait_for_address: false,
        })
    }
}

/// Drain strategies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Strategy {
    /// With a probability that grows over the drain time
    Gradual,
    /// With the next response
    Immediate,
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Everything
    Trace,
    /// Details
    Debug,
    /// Changes of state
    Info,
    /// What may go wrong
    Warning,
    /// What went wrong
    Error,
    /// Nothing
    Off,
}

/// Serves and enforces manifests.
///
/// # Errors
/// When an input cannot be read at all, or an address of the process itself is taken.
pub fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let logs = Logs::init(arguments.serving.process.log_level.into());
    let config = arguments.serving.config(Config {
        inputs: inputs(&arguments.paths),
        pipeline: arguments.settings.options(),
        replace: arguments.replace,
        ..Config::new(Vec::new())
    });
    block_on(async {
        let cluster = arguments.kubernetes.cluster().await?;
        serve(Config { cluster, ..config }, logs).await
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

impl Serving {
    /// Lays these settings over `config`, and raises the limit on open files.
    pub(super) fn config(&self, config: Config) -> Config {
        self.process.config(Config {
            admin_address: self.admin_address,
            bind: self.bind.or(config.bind),
            ads: self.fleet.options(),
            data_plane: !self.fleet.no_data_plane,
            zone: self.zone().or(config.zone),
            ..config
        })
    }

    fn zone(&self) -> Option<LocalZone> {
        Some(LocalZone {
            locality: Locality {
                zone: self.service_zone.clone()?,
                ..Locality::default()
            },
            local_cluster_name: self.local_cluster.clone()?,
        })
    }
}

impl Process {
    /// Lays these settings over `config`, and raises the limit on open files.
    pub(super) fn config(&self, config: Config) -> Config {
        let open_files = raise_open_files();
        Config {
            max_connections: self
                .max_connections
                .or_else(|| default_max_connections(open_files)),
            workers: self.workers.map(usize::from),
            drain_time: Duration::from_secs(self.drain_time),
            drain_strategy: match self.drain_strategy {
                Strategy::Gradual => DrainStrategy::Gradual,
                Strategy::Immediate => DrainStrategy::Immediate,
            },
            ..config
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
            Level::Off => Self::Off,
        }
    }
}
