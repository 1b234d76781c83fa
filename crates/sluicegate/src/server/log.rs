// SPDX-License-Identifier: Apache-2.0
//! The process log.
//!
//! In: a level or a filter. Out: lines on standard error, and a handle that changes the level while
//! the process runs.

use std::{
    io::IsTerminal,
    sync::{Arc, Mutex, PoisonError},
};

use sluicegate_admin::LogLevel;
use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// Handle to the process log.
#[derive(Clone)]
pub struct Logs {
    filter: Option<reload::Handle<EnvFilter, Registry>>,
    level: Arc<Mutex<LogLevel>>,
}

impl Logs {
    /// A log that goes nowhere, for tests.
    pub fn silent() -> Self {
        Self {
            filter: None,
            level: Arc::new(Mutex::new(LogLevel::Off)),
        }
    }

    /// Logs to standard error from now on.
    pub fn init(level: LogLevel) -> Self {
        let (layer, filter) = reload::Layer::new(filter_for(level));
        let lines = fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .with_target(false)
            .compact();
        // A second call in one process (tests) keeps the first log.
        let filter = tracing_subscriber::registry()
            .with(layer)
            .with(lines)
            .try_init()
            .is_ok()
            .then_some(filter);
        Self {
            filter,
            level: Arc::new(Mutex::new(level)),
        }
    }

    /// The level in force.
    pub fn level(&self) -> LogLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the level.
    pub fn set_level(&self, level: LogLevel) {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = level;
        if let Some(filter) = &self.filter {
            // Fails only when the subscriber is gone, and then nobody reads.
            let _ = filter.reload(filter_for(level));
        }
    }
}

fn filter_for(level: LogLevel) -> EnvFilter {
    EnvFilter::new(match level {
        LogLevel::Trace => "trace",
        // Every request of the API server's client would be several lines.
        LogLevel::Debug => "debug,hyper_util=info,kube_client=info,kube_runtime=info,tower=info",
        LogLevel::Info => "info",
        LogLevel::Warning => "warn",
        LogLevel::Error | LogLevel::Critical => "error",
        LogLevel::Off => "off",
    })
}
