// SPDX-License-Identifier: Apache-2.0
//! A terminal in which something goes on.
//!
//! In: a command. Out: its processes, which end with the terminal.

use std::{
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// A command and what it started; all of it is killed when dropped.
pub(crate) struct Terminal(Child);

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that what the shell starts is reached.
        Self(command.process_group(0).spawn().unwrap())
    }

    /// `Ctrl-C`, and waits for what comes of it.
    pub(crate) fn interrupt(mut self) {
        self.signal("-INT");
        self.0.wait().unwrap();
    }

    fn signal(&self, signal: &str) {
        let group = format!("-{}", self.0.id());
        let kill = Command::new("kill").args([signal, "--", &group]).status();
        kill.unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whoever has ended cannot be told, and its number may be somebody else's.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal("-KILL");
            let _ = self.0.wait();
        }
    }
}
