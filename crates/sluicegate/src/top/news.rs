// SPDX-License-Identifier: Apache-2.0
//! What happens while the screen is shown.
//!
//! In: keys, signals and looks, each from a thread of its own, so that a process that does not answer
//! keeps no key waiting. Out: one channel.

use std::{
    io,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};

use super::{look::Look, watch::Watch};

/// What has happened.
#[derive(Debug)]
pub enum News {
    /// A key.
    Key(KeyEvent),
    /// A look, or why there was none.
    Look(Box<anyhow::Result<Look>>),
    /// The terminal has another size.
    Resized,
    /// A signal, or the end of the terminal.
    Stop,
}

/// Everything that happens from now on, with a look at every interval.
///
/// # Errors
/// When the system does not allow to catch signals.
pub fn news(mut watch: Watch, interval: Duration) -> io::Result<Receiver<News>> {
    let (sender, receiver) = mpsc::channel();
    signals(sender.clone())?;
    let keys = sender.clone();
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            let news = match event {
                Event::Key(key) if key.kind != KeyEventKind::Release => News::Key(key),
                Event::Resize(..) => News::Resized,
                _ => continue,
            };
            if keys.send(news).is_err() {
                return;
            }
        }
        // Nobody is left who hears.
        let _ = keys.send(News::Stop);
    });
    thread::spawn(move || {
        loop {
            thread::sleep(interval);
            if sender.send(News::Look(Box::new(watch.look()))).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

/// Signals that end a process; Ctrl-C is a key while the terminal is ours.
fn signals(sender: Sender<News>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let guard = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut quit = signal(SignalKind::quit())?;
    drop(guard);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
                _ = quit.recv() => {}
            }
        });
        let _ = sender.send(News::Stop);
    });
    Ok(())
}
