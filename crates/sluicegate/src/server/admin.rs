// SPDX-License-Identifier: Apache-2.0
//! The views and actions that the admin API gets.
//!
//! In: the parts of a running gateway. Out: closures over them.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use sluicegate_admin::{Action, ActionResult, ServerState, Startup, Views};
use sluicegate_dataplane::State;
use sluicegate_xds::pb::envoy::{
    admin::v3::{CommandLineOptions, Memory},
    config::core::v3::Node,
};
use tokio::sync::watch;

use super::{Config, pages, view::Shared};

pub(super) fn views(
    shared: &Arc<Shared>,
    config: &Config,
    admin_address: SocketAddr,
    quit: watch::Sender<bool>,
) -> Views {
    let startup = startup(shared, config, admin_address);
    let mut views = Views::new(shared.subscriber.clone(), shared.registry.clone(), startup);
    let of = shared.clone();
    views.clusters = Arc::new(move || of.data_plane.clusters());
    let of = shared.clone();
    views.listeners = Arc::new(move || of.data_plane.listeners());
    let of = shared.clone();
    views.state = Arc::new(move || state(of.state()));
    let of = shared.clone();
    views.loggers = Arc::new(move || vec![("sluicegate".to_owned(), of.logs.level())]);
    views.memory = Arc::new(memory);
    let of = shared.clone();
    views.actions = Arc::new(move |action| act(&of, &quit, action));
    views.pages = pages::pages(shared, config.proxy.is_some());
    views
}

fn startup(shared: &Shared, config: &Config, admin_address: SocketAddr) -> Startup {
    let workers = config
        .workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    Startup {
        version: format!("sluicegate {}", env!("CARGO_PKG_VERSION")),
        started: shared.started,
        started_at: SystemTime::now(),
        node: Node {
            user_agent_name: "sluicegate".to_owned(),
            ..config.node.clone()
        },
        admin_address,
        options: CommandLineOptions {
            concurrency: u32::try_from(workers).unwrap_or(u32::MAX),
            ..CommandLineOptions::default()
        },
    }
}

pub(super) fn state(state: State) -> ServerState {
    match state {
        State::PreInitializing => ServerState::PreInitializing,
        State::Initializing => ServerState::Initializing,
        State::Live => ServerState::Live,
        State::Draining => ServerState::Draining,
    }
}

fn act(shared: &Shared, quit: &watch::Sender<bool>, action: Action) -> ActionResult {
    match action {
        Action::HealthcheckFail => shared.data_plane.healthcheck_fail(),
        Action::HealthcheckOk => shared.data_plane.healthcheck_ok(),
        Action::Quit => drop(quit.send(true)),
        Action::ReopenLogs => shared.data_plane.reopen_logs(),
        Action::SetLogLevel { logger, level } => match logger.as_deref() {
            None | Some("sluicegate") => shared.logs.set_level(level),
            Some(other) => return Err(format!("unknown logger {other}")),
        },
        Action::DrainListeners { .. } => {
            let data_plane = shared.data_plane.clone();
            tokio::runtime::Handle::try_current()
                .map_err(|error| error.to_string())?
                .spawn(async move { data_plane.drain().await });
        }
    }
    Ok(())
}

/// Resident memory as the kernel counts it; the allocator's own figures are not known.
pub(super) fn memory() -> Memory {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
            .unwrap_or(0)
    };
    Memory {
        heap_size: kib("VmData:") * 1024,
        total_physical_bytes: kib("VmRSS:") * 1024,
        ..Memory::default()
    }
}
