// SPDX-License-Identifier: Apache-2.0
//! Notices that inputs may have changed.
//!
//! In: the paths of a loader. Out: a call, from a thread of its own, after the file system has
//! been quiet for a moment. A call says "look again", not "it changed": the loader compares.
//!
//! Directories are watched rather than files. A mounted ConfigMap changes by renaming its `..data`
//! link, and editors save by renaming: a watch on the file would see it vanish and nothing more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::directory::Listing;

/// A running watch; it ends when this is dropped.
#[derive(Debug)]
pub struct Watcher {
    signals: Sender<Signal>,
}

/// Why nothing can be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system gives out no more watches; trying again helps once others let go of theirs.
    #[error("cannot watch files: {0}; check the limits in /proc/sys/fs/inotify")]
    System(#[from] notify::Error),
    /// No thread could be started.
    #[error("cannot watch files: {0}; check the limit on processes")]
    Thread(std::io::Error),
}

#[derive(Debug)]
enum Signal {
    Changed,
    Stop,
}

impl Watcher {
    /// Calls `on_change` whenever something below `paths` may have changed, with the time at which that
    /// was noticed, and every five seconds in case a change went unnoticed (network file systems
    /// report none).
    pub fn spawn(
        paths: Vec<PathBuf>,
        on_change: impl Fn(Instant) + Send + 'static,
    ) -> Result<Self, WatchError> {
        let (signals, received) = channel();
        let events = signals.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !is_change(&event.kind)) {
                return;
            }
            // The thread is gone only when nobody listens any more.
            let _ = events.send(Signal::Changed);
        })?;
        let mut watch = Watch {
            paths,
            watcher,
            watched: BTreeSet::new(),
        };
        // Before the thread starts, so that no change after this call goes unnoticed.
        watch.refresh();
        std::thread::Builder::new()
            .name("manifest-watch".to_owned())
            .spawn(move || watch.run(&received, on_change))
            .map_err(WatchError::Thread)?;
        Ok(Self { signals })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.signals.send(Signal::Stop);
    }
}

/// What the thread owns.
struct Watch {
    paths: Vec<PathBuf>,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
}

impl Watch {
    fn run(mut self, signals: &Receiver<Signal>, on_change: impl Fn(Instant)) {
        loop {
            let signal = signals.recv_timeout(POLL);
            let noticed = Instant::now();
            match signal {
                Ok(Signal::Changed) => {
                    if !settle(signals) {
                        return;
                    }
                }
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Before the call: what changes after it is seen by the new watches.
            self.refresh();
            on_change(noticed);
        }
    }

    /// Watches the directories that matter now, and no others.
    fn refresh(&mut self) {
        let wanted = directories(&self.paths);
        for gone in self.watched.difference(&wanted) {
            // Fails if the directory was removed, and its watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        let mut watched = BTreeSet::new();
        for directory in wanted {
            // Watching again is cheap and catches a directory that was removed and made anew.
            // One that cannot be watched is left to the poll.
            let mode = RecursiveMode::NonRecursive;
            if self.watcher.watch(&directory, mode).is_ok() {
                watched.insert(directory);
            }
        }
        self.watched = watched;
    }
}

/// Waits until nothing happens for a moment. False if the watch ends.
fn settle(signals: &Receiver<Signal>) -> bool {
    let deadline = Instant::now() + LONGEST;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match signals.recv_timeout(QUIET.min(left)) {
            Ok(Signal::Changed) if left.is_zero() => return true,
            Ok(Signal::Changed) => {}
            Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => return true,
        }
    }
}

/// Reading a file is an event too: without this every load would cause the next.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// The real directories in which a change of an entry can change a document.
fn directories(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut listing = Listing::default();
    let mut directories = BTreeSet::new();
    for path in paths {
        // A missing path is the loader's to report; it may appear in its directory.
        let _ = listing.add(path);
        if path.is_symlink() || !path.is_dir() {
            directories.extend(parent(path));
        }
    }
    let links = listing.files.iter().filter(|file| file.is_symlink());
    directories.extend(links.filter_map(|link| parent(&link.canonicalize().ok()?)));
    let walked = listing.directories.iter();
    directories.extend(walked.filter_map(|directory| directory.canonicalize().ok()));
    directories
}

fn parent(path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    parent.canonicalize().ok()
}

/// Quiet for this long means that a writer is done.
const QUIET: Duration = Duration::from_millis(50);

/// A writer that never pauses is read in the middle.
const LONGEST: Duration = Duration::from_millis(500);

/// How late a change is noticed that caused no event.
const POLL: Duration = Duration::from_secs(5);
