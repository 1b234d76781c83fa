// SPDX-License-Identifier: Apache-2.0
//! Signals that ask the process to end, or to open its logs anew.
//!
//! In: SIGTERM, SIGINT. Out: word of them, in order, from the moment on that they are caught. In:
//! SIGUSR1. Out: the action that it stands for, each time.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Does this at every SIGUSR1 from now on; the signal does not kill the process any more.
pub(super) fn at_user_signal(act: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut signal = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while signal.recv().await.is_some() {
            act();
        }
    });
    Ok(())
}

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
