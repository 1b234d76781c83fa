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
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use crate::{
    bootstrap::HostPort,
    failure::{Failure, Outcome},
    input::{self, Settings, inputs},
    server::{
        Addressing, Admission, Cluster, Config, Envoys, GatewayServices, Logs, Selector, Server,
        ServiceType, Signals, default_max_connections, raise_open_files,
    },
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

/// The API server, when that has the manifests.
#[derive(Debug, Clone, Args)]
struct Kubernetes {
    #[command(flatten)]
    cluster: input::Cluster,
    /// Keep a Service for each Gateway, in the Lease's namespace, in front of the pods with these
    /// labels; its addresses are the Gateway's
    #[arg(
        long,
        value_name = "LABEL=VALUE,...",
        requires = "kubernetes",
        conflicts_with = "address_pool"
    )]
    gateway_services: Option<Selector>,
    /// The type of these Services
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "LoadBalancer",
        requires = "kubernetes"
    )]
    gateway_service_type: ServiceType,
    #[command(flatten)]
    envoys: FleetOfGateways,
    /// Answer admission reviews here, so that `kubectl apply` prints what is wrong with a policy
    #[arg(
        long,
        value_name = "ADDRESS",
        requires = "kubernetes",
        requires_all = ["admission_tls_cert", "admission_tls_key"]
    )]
    admission_address: Option<SocketAddr>,
    /// Certificate chain of the admission webhook, PEM
    #[arg(long, value_name = "FILE", requires = "admission_address")]
    admission_tls_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, value_name = "FILE", requires = "admission_address")]
    admission_tls_key: Option<PathBuf>,
    /// Let in what is wrong, and only warn of it
    #[arg(long, requires = "admission_address")]
    admission_warn_only: bool,
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

/// Envoys that the controller starts.
#[derive(Debug, Clone, Args)]
struct FleetOfGateways {
    /// Keep a Deployment of Envoys and a Service for each Gateway, in the Lease's namespace; this is
    /// where the Envoys find ADS
    #[arg(
        long,
        value_name = "HOST:PORT",
        requires_all = ["kubernetes", "no_data_plane"],
        conflicts_with_all = ["gateway_services", "address_pool"]
    )]
    fleet_address: Option<HostPort>,
    /// Their image
    #[arg(
        long,
        value_name = "IMAGE",
        default_value = "envoyproxy/envoy:distroless-v1.40.0",
        requires = "fleet_address"
    )]
    fleet_image: String,
    /// How many for each Gateway
    #[arg(
        long,
        value_name = "N",
        default_value_t = 2,
        requires = "fleet_address"
    )]
    fleet_replicas: u32,
    /// A Secret in that namespace with ca.crt, tls.crt and tls.key, for their side of ADS
    #[arg(long, value_name = "SECRET", requires = "fleet_address")]
    fleet_tls_secret: Option<String>,
}

impl FleetOfGateways {
    fn envoys(&self, (drain_seconds, settings): (u64, &Settings)) -> Option<Envoys> {
        Some(Envoys {
            ads: self.fleet_address.clone()?,
            image: self.fleet_image.clone(),
            replicas: self.fleet_replicas,
            tls_secret: self.fleet_tls_secret.clone(),
            system_ca_file: settings.options().translate.system_ca_file,
            drain_seconds,
        })
    }
}

impl Kubernetes {
    async fn cluster(&self, envoys: Option<Envoys>) -> Result<Option<Cluster>, Failure> {
        let Some(connection) = self.cluster.connection() else {
            return Ok(None);
        };
        let (client, address) = sluicegate_kube::connect(&connection)
            .await
            .map_err(|error| Failure::Environment(error.into()))?;
        tracing::info!("reading from the API server at {address}");
        Ok(Some(Cluster {
            client,
            address,
            lease_namespace: self.lease_namespace.clone(),
            addressing: self.addressing(),
            envoys,
        }))
    }

    fn admission(&self) -> Option<Admission> {
        let files = self.admission_tls_cert.clone();
        let (certificate, key) = files.zip(self.admission_tls_key.clone())?;
        Some(Admission {
            address: self.admission_address?,
            tls: sluicegate_ads::TlsFiles {
                certificate,
                key,
                client_ca: None,
            },
            warn_only: self.admission_warn_only,
        })
    }

    fn addressing(&self) -> Option<Addressing> {
        let fleet = self.envoys.fleet_address.as_ref();
        // Envoys have labels of their own.
        let selector = fleet.map(|_| Selector::default());
        if let Some(selector) = selector.or_else(|| self.gateway_services.clone()) {
            return Some(Addressing::Services(GatewayServices {
                selector,
                service_type: self.gateway_service_type,
            }));
        }
        let pools = self.cluster.address_pool.clone();
        (!pools.is_empty()).then_some(Addressing::Pool(pools))
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
    /// Answer GET /live and GET /ready here, and nothing else: for probes from other machines,
    /// which do not reach the admin API
    #[arg(long, value_name = "ADDRESS")]
    health_address: Option<SocketAddr>,
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
    /// How long lines of access logs may wait to be written, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub file_flush_interval_msec: u64,
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

impl Serving {
    /// Lays these settings over `config`, and raises the limit on open files.
    pub(super) fn config(&self, config: Config) -> Config {
        self.process.config(Config {
            admin_address: self.admin_address,
            health_address: self.health_address,
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
            file_flush_interval: Duration::from_millis(self.file_flush_interval_msec),
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
