// SPDX-License-Identifier: Apache-2.0
//! What the binary hands in.
//!
//! In: handles that read the running process. Out: plain structs and closures; this crate never
//! sees the data plane itself.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use sluicegate_snapshot::Subscriber;
use sluicegate_stats::Registry;
use sluicegate_xds::pb::envoy::{
    admin::v3::{Certificates, Clusters, CommandLineOptions, Listeners, Memory},
    config::core::v3::Node,
};

use crate::{Answer, Request};

/// Reads something of the running process.
pub type View<T> = Arc<dyn Fn() -> T + Send + Sync>;

/// Everything that the admin API shows or can do.
#[derive(Clone)]
pub struct Views {
    /// For `/config_dump`.
    pub snapshots: Subscriber,
    /// For `/stats`.
    pub registry: Registry,
    /// For `/clusters`.
    pub clusters: View<Clusters>,
    /// For `/listeners`.
    pub listeners: View<Listeners>,
    /// For `/certs`.
    pub certificates: View<Certificates>,
    /// For `/memory`.
    pub memory: View<Memory>,
    /// For `/ready` and `/server_info`.
    pub state: View<ServerState>,
    /// Name and level of each logger, for `/logging`.
    pub loggers: View<Vec<(String, LogLevel)>>,
    /// Carries out what the changing pages ask for.
    pub actions: Arc<dyn Fn(Action) -> ActionResult + Send + Sync>,
    /// What has been known since the start.
    pub startup: Arc<Startup>,
    /// Pages of ours.
    pub pages: Vec<Page>,
    /// The page at `/`, given Envoy's home page as a fragment; `None` is that page alone.
    pub home: Option<Arc<Home>>,
}

impl Views {
    /// Views of a process with no clusters and no listeners that is live and refuses every action:
    /// replace the fields that matter.
    pub fn new(snapshots: Subscriber, registry: Registry, startup: Startup) -> Self {
        Self {
            snapshots,
            registry,
            clusters: Arc::new(Clusters::default),
            listeners: Arc::new(Listeners::default),
            certificates: Arc::new(Certificates::default),
            memory: Arc::new(Memory::default),
            state: Arc::new(|| ServerState::Live),
            loggers: Arc::new(Vec::new),
            actions: Arc::new(|action| Err(format!("{action:?} is not supported\n"))),
            startup: Arc::new(startup),
            pages: Vec::new(),
            home: None,
        }
    }
}

/// What is known at the start and does not change.
#[derive(Debug, Clone)]
pub struct Startup {
    /// Shown by `/server_info`.
    pub version: String,
    /// For the uptime.
    pub started: Instant,
    /// The same moment as a date, for `last_updated`.
    pub started_at: SystemTime,
    /// Who we are, as an Envoy would say it to its management server.
    pub node: Node,
    /// Where the admin API listens.
    pub admin_address: SocketAddr,
    /// What we were started with, under Envoy's names.
    pub options: CommandLineOptions,
}

/// The state of the process, in Envoy's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// Serving.
    Live,
    /// Told to fail health checks, or shutting down.
    Draining,
    /// No configuration yet.
    PreInitializing,
    /// Waiting for endpoints or certificates.
    Initializing,
}

impl fmt::Display for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Initializing => "INITIALIZING",
        })
    }
}

/// Something that a changing page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `/drain_listeners`.
    DrainListeners {
        /// Wait for the drain period before closing.
        graceful: bool,
        /// Drain connections, but keep accepting.
        skip_exit: bool,
        /// Only listeners whose traffic direction is inbound.
        inbound_only: bool,
    },
    /// `/healthcheck/fail`.
    HealthcheckFail,
    /// `/healthcheck/ok`.
    HealthcheckOk,
    /// `/quitquitquit`.
    Quit,
    /// `/reopen_logs`.
    ReopenLogs,
    /// `/logging`: for one logger, or for all.
    SetLogLevel {
        /// Its name.
        logger: Option<String>,
        /// The level from now on.
        level: LogLevel,
    },
}

/// `Err` holds a text for the reader, who gets a 503 with it.
pub type ActionResult = Result<(), String>;

/// Envoy's log levels, most talkative first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// `trace`.
    Trace,
    /// `debug`.
    Debug,
    /// `info`.
    Info,
    /// `warning`.
    Warning,
    /// `error`.
    Error,
    /// `critical`; logs nothing more than `error` in this process.
    Critical,
    /// `off`.
    Off,
}

impl LogLevel {
    /// Every level, in order.
    pub const ALL: [Self; 7] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Off,
    ];

    /// Envoy's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

/// A page of ours: it only reads, and answers to any method.
#[derive(Clone)]
pub struct Page {
    /// Such as `/problems`.
    pub path: &'static str,
    /// Other paths of it, which `/help` does not list.
    pub aliases: &'static [&'static str],
    /// One line for `/help`.
    pub help: &'static str,
    /// The answer.
    pub show: Arc<Show>,
}

/// Answers a request.
pub type Show = dyn Fn(&Request) -> Answer + Send + Sync;

/// Puts the table of commands, in HTML, into the page that a request asks for.
pub type Home = dyn Fn(&Request, &str) -> Answer + Send + Sync;
