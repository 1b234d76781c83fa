// SPDX-License-Identifier: Apache-2.0
//! Signals that ask the process to end.
//!
//! In: SIGTERM, SIGINT. Out: word of them, in order, from the moment on that they are caught.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What has been caught.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches them from now on: they do not kill the process any more.
    ///
    /// # Errors
    /// When the system does not allow that.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
