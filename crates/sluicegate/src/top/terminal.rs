// SPDX-License-Identifier: Apache-2.0
//! The terminal, while it is ours.
//!
//! In: lines to show. Out: a terminal that is as it was, however this ends: dropped, or by a panic.

use std::{
    io::{self, Write},
    panic,
};

use crossterm::{
    cursor::{Hide, Show},
    execute,
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};

/// The terminal in raw mode with a screen of its own, until it is dropped.
#[derive(Debug)]
pub struct Terminal(());

impl Terminal {
    /// Takes the terminal. A panic of any thread gives it back before it says what happened.
    ///
    /// # Errors
    /// When there is none, or it does not allow that.
    pub fn take() -> io::Result<Self> {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            previous(info);
        }));
        enable_raw_mode()?;
        // From here on it is given back, whatever fails.
        let terminal = Self(());
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(terminal)
    }

    /// Shows lines, which must fit.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = String::from("\u{1b}[H");
        for (at, line) in lines.iter().enumerate() {
            let newline = if at == 0 { "" } else { "\r\n" };
            // Clears what was there behind the end of the line.
            text.push_str(&format!("{newline}{line}\u{1b}[0m\u{1b}[K"));
        }
        text.push_str("\u{1b}[J");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Nothing can be done where it fails: the terminal is gone.
fn give_back() {
    let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}
