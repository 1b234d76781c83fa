// SPDX-License-Identifier: Apache-2.0
//! A terminal that nobody looks at.
//!
//! In: a command and keys. Out: everything that was written to the terminal, and the settings that it
//! was left with.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use sluicegate_testkit::eventually;

/// The terminal with what runs in it.
pub(crate) struct Pty {
    keyboard: File,
    terminal: File,
    written: Arc<Mutex<Vec<u8>>>,
    before: LocalModes,
    child: Child,
}

impl Pty {
    /// Runs a command in a terminal of 120 columns and 20 rows.
    pub(crate) fn run(command: &mut Command) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize {
            ws_row: 20,
            ws_col: 120,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let before = tcgetattr(&terminal).unwrap().local_modes;
        let end = || terminal.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end());
        let child = child.env("TERM", "xterm").spawn().unwrap();
        let keyboard = File::from(keyboard);
        let written = Arc::new(Mutex::new(Vec::new()));
        read_all(keyboard.try_clone().unwrap(), written.clone());
        Self {
            keyboard,
            terminal,
            written,
            before,
            child,
        }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was written.
    pub(crate) fn written(&self) -> String {
        let written = self.written.lock().unwrap();
        String::from_utf8_lossy(&written).into_owned()
    }

    /// The last screen that was drawn, without styles.
    pub(crate) fn screen(&self) -> String {
        let written = self.written();
        let last = written.rsplit("\u{1b}[H").next().unwrap_or_default();
        anstream::adapter::strip_str(last).to_string()
    }

    /// Waits until the screen shows something.
    pub(crate) async fn shows(&self, what: &str) {
        let seen = async || self.screen().contains(what).then_some(());
        if let Err(error) = eventually(what, seen).await {
            panic!("{error}:\n{}", self.screen());
        }
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let ended = eventually("it ends", async || self.child.try_wait().unwrap()).await;
        ended.unwrap_or_else(|error| panic!("{error}:\n{}", self.screen()))
    }

    /// Whether the terminal is as it was: its modes, its first screen, its cursor.
    pub(crate) async fn is_given_back(&self) {
        let back = async || {
            let written = self.written();
            let shown = written.rfind("\u{1b}[?25h") > written.rfind("\u{1b}[?25l");
            (shown && written.contains("\u{1b}[?1049l")).then_some(())
        };
        if let Err(error) = eventually("the first screen is back", back).await {
            panic!("{error}: {:?}", self.written());
        }
        assert_eq!(tcgetattr(&self.terminal).unwrap().local_modes, self.before);
    }

    /// Whether the terminal gives every key at once and shows none.
    pub(crate) fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_all(mut from: File, to: Arc<Mutex<Vec<u8>>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count) = from.read(&mut buffer) {
            to.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
    });
}
