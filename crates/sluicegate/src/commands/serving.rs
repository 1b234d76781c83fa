// SPDX-License-Identifier: Apache-2.0
//! Arguments about serving, which several commands take.
//!
//! In: the command line. Out: the process, its admin API, and ADS as the server is configured.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::{Args, ValueEnum};
use sluicegate_admin::LogLevel;
use sluicegate_dataplane::{DrainStrategy, LocalZone};
use sluicegate_xds::pb::envoy::config::core::v3::Locality;

use crate::server::{Config, default_max_connections, raise_open_files};

/// How to serve; `demo` takes the same.
#[derive(Debug, Clone, Args)]
pub(super) struct Serving {
    /// How the process runs.
    #[command(flatten)]
    pub(super) process: Process,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:19000")]
    pub(super) admin_address: SocketAddr,
    /// Answer GET /live and GET /ready here, and nothing else: for probes from other machines,
    /// which do not reach the admin API
    #[arg(long, value_name = "ADDRESS")]
    health_address: Option<SocketAddr>,
    /// Bind the Gateways' listeners to this address only
    #[arg(long, value_name = "IP")]
    pub(super) bind: Option<IpAddr>,
    /// The zone that this gateway runs in
    #[arg(long, value_name = "ZONE", requires = "local_cluster")]
    pub(super) service_zone: Option<String>,
    /// The cluster whose endpoints are this gateway and its siblings, such as
    /// kube_infra_gateway_80; with the zone, requests stay in their zone as far as that is fair
    #[arg(long, value_name = "CLUSTER", requires = "service_zone")]
    pub(super) local_cluster: Option<String>,
    #[command(flatten)]
    fleet: Fleet,
}

/// How the process runs, wherever its configuration comes from.
#[derive(Debug, Clone, Args)]
pub(super) struct Process {
    /// Worker threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub(super) workers: Option<u16>,
    /// Client connections at a time, over all listeners; more are closed at once [default: half of
    /// the limit on open files, which is raised as far as it may be]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_connections: Option<u64>,
    /// How long running requests may take at the end, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(super) drain_time: u64,
    /// How connections are told to close over that time, and when a listener changes
    #[arg(long, value_name = "STRATEGY", default_value = "immediate")]
    pub(super) drain_strategy: Strategy,
    /// How long lines of access logs may wait to be written, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) file_flush_interval_msec: u64,
    /// How much to log
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(super) log_level: Level,
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
pub(super) enum Strategy {
    /// With a probability that grows over the drain time
    Gradual,
    /// With the next response
    Immediate,
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Level {
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
