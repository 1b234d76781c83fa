// SPDX-License-Identifier: Apache-2.0
//! Word of what takes long.
//!
//! In: what a command does now. Out: after a second, and every second from then on, a line on
//! standard error that is gone when the work is done; nothing where that is no terminal.

use std::{
    io::{self, IsTerminal},
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Tells until it is dropped.
#[derive(Debug)]
pub struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Of `what`, such as `reading manifests`.
    pub fn of(what: impl Into<String>) -> Self {
        if !io::stderr().is_terminal() {
            return Self(None);
        }
        let what = what.into();
        let (sender, receiver) = mpsc::channel::<()>();
        let started = Instant::now();
        let teller = thread::spawn(move || {
            let mut is_shown = false;
            while receiver.recv_timeout(SECOND) == Err(RecvTimeoutError::Timeout) {
                is_shown = true;
                let seconds = started.elapsed().as_secs();
                eprint!("\r{what}, {seconds} s\u{1b}[K");
            }
            if is_shown {
                eprint!("\r\u{1b}[K");
            }
        });
        Self(Some((sender, teller)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, teller)) = self.0.take() {
            drop(sender);
            // It cannot panic, and nothing is left to tell.
            let _ = teller.join();
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
