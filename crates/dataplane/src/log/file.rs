// SPDX-License-Identifier: Apache-2.0
//! Log files.
//!
//! In: lines, from any worker. Out: the file, written by a thread of its own in large pieces, at the
//! latest after the flush interval. A worker never waits for the disk: when a file does not keep up,
//! lines are dropped and counted. Whoever logs to the same path shares the file.

use std::{
    collections::HashMap,
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Duration,
};

use sluicegate_stats::Registry;
use tokio::time::{Instant, sleep};

use crate::stats::FileStats;

/// The files that are open.
pub(crate) struct LogFiles {
    open: Mutex<HashMap<Box<str>, Weak<LogFile>>>,
    stats: Arc<FileStats>,
    interval: Duration,
}

/// A file that is open, as long as somebody may log to it.
#[derive(Debug)]
pub(crate) struct LogFile(Arc<Shared>);

/// What the file and its thread share.
#[derive(Debug)]
struct Shared {
    path: Box<str>,
    queue: Mutex<Queue>,
    wake: Condvar,
    stats: Arc<FileStats>,
    interval: Duration,
}

#[derive(Debug, Default)]
struct Queue {
    lines: Vec<u8>,
    /// The thread has taken lines and not written them yet.
    writing: bool,
    /// Nobody waits for more.
    flush: bool,
    reopen: bool,
    closing: bool,
}

/// Where the bytes go.
enum Output {
    File(File),
    Stderr,
    Stdout,
}

impl LogFiles {
    /// No files yet; lines wait at most for `interval`.
    pub(crate) fn new(interval: Duration, registry: &Registry) -> Arc<Self> {
        let stats = Arc::<FileStats>::default();
        registry.register("filesystem.", &stats);
        Arc::new(Self {
            open: Mutex::default(),
            stats,
            interval,
        })
    }

    /// The file, opened to append to it. Whether that is possible is known at once.
    pub(crate) fn open(&self, path: &str) -> Result<Arc<LogFile>, String> {
        let mut open = lock(&self.open);
        if let Some(file) = open.get(path).and_then(Weak::upgrade) {
            return Ok(file);
        }
        let failed = |error: io::Error| format!("unable to open file '{path}': {error}");
        let output = Output::open(path).map_err(failed)?;
        let shared = Arc::new(Shared {
            path: path.into(),
            queue: Mutex::default(),
            wake: Condvar::new(),
            stats: self.stats.clone(),
            interval: self.interval,
        });
        let of_thread = shared.clone();
        thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || of_thread.run(output))
            .map_err(failed)?;
        let file = Arc::new(LogFile(shared));
        open.retain(|_, file| file.strong_count() > 0);
        open.insert(path.into(), Arc::downgrade(&file));
        Ok(file)
    }

    /// Opens all files anew, under their names.
    pub(crate) fn reopen(&self) {
        for file in self.all() {
            lock(&file.0.queue).reopen = true;
            file.0.wake.notify_one();
        }
    }

    /// Has all that was logged written, and waits for that for a while.
    pub(crate) async fn flush(&self) {
        let until = Instant::now() + PATIENCE;
        for file in self.all() {
            lock(&file.0.queue).flush = true;
            file.0.wake.notify_one();
            while !file.is_idle() && Instant::now() < until {
                sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn all(&self) -> Vec<Arc<LogFile>> {
        let open = lock(&self.open);
        open.values().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for LogFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(lock(&self.open).keys())
            .finish()
    }
}

impl LogFile {
    /// Takes a line, if there is room.
    pub(crate) fn write(&self, line: &[u8]) {
        let Shared {
            queue, wake, stats, ..
        } = &*self.0;
        let mut queue = lock(queue);
        let before = queue.lines.len();
        if before + line.len() > ROOM {
            stats.write_dropped.inc();
            return;
        }
        queue.lines.extend_from_slice(line);
        stats.write_buffered.inc();
        stats.write_total_buffered.add(signed(line.len()));
        if before <= ENOUGH && queue.lines.len() > ENOUGH {
            wake.notify_one();
        }
    }

    fn is_idle(&self) -> bool {
        let queue = lock(&self.0.queue);
        queue.lines.is_empty() && !queue.writing
    }
}

impl Drop for LogFile {
    /// The thread writes what is left, and ends.
    fn drop(&mut self) {
        lock(&self.0.queue).closing = true;
        self.0.wake.notify_one();
    }
}

impl Shared {
    /// The life of the thread.
    fn run(&self, mut output: Output) {
        let mut lines = Vec::new();
        loop {
            let mut queue = self.wait();
            std::mem::swap(&mut lines, &mut queue.lines);
            let reopen = std::mem::take(&mut queue.reopen);
            let closing = queue.closing;
            queue.flush = false;
            queue.writing = true;
            drop(queue);
            if reopen {
                self.reopen(&mut output);
            }
            self.write(&mut output, &lines);
            lines.clear();
            lines.shrink_to(ENOUGH);
            lock(&self.queue).writing = false;
            if closing {
                return;
            }
        }
    }

    /// Until there is enough to write, or something to do, or the time has come.
    fn wait(&self) -> MutexGuard<'_, Queue> {
        let waits = |queue: &mut Queue| {
            queue.lines.len() <= ENOUGH && !queue.flush && !queue.reopen && !queue.closing
        };
        let waited = self
            .wake
            .wait_timeout_while(lock(&self.queue), self.interval, waits);
        let (queue, timer) = waited.unwrap_or_else(PoisonError::into_inner);
        if timer.timed_out() {
            self.stats.flushed_by_timer.inc();
        }
        queue
    }

    /// A file that cannot be opened anew goes on as it is: nothing is lost.
    fn reopen(&self, output: &mut Output) {
        match Output::open(&self.path) {
            Ok(fresh) => *output = fresh,
            Err(error) => {
                self.stats.reopen_failed.inc();
                tracing::warn!(path = &*self.path, %error, "an access log cannot be opened anew");
            }
        }
    }

    fn write(&self, output: &mut Output, lines: &[u8]) {
        if lines.is_empty() {
            return;
        }
        match output.write(lines) {
            Ok(()) => self.stats.write_completed.inc(),
            Err(error) => {
                self.stats.write_failed.inc();
                tracing::debug!(path = &*self.path, %error, "an access log cannot be written");
            }
        }
        self.stats.write_total_buffered.add(-signed(lines.len()));
    }
}

impl Output {
    /// The two streams need no permission to be opened by name, nor a terminal or file behind them.
    fn open(path: &str) -> io::Result<Self> {
        match path {
            STDERR => Ok(Self::Stderr),
            STDOUT => Ok(Self::Stdout),
            path => {
                let file = OpenOptions::new().create(true).append(true).open(path)?;
                Ok(Self::File(file))
            }
        }
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.write_all(lines),
            Self::Stderr => io::stderr().write_all(lines),
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// The process's standard error, as a path.
pub(crate) const STDERR: &str = "/dev/stderr";
/// The process's standard output, as a path.
pub(crate) const STDOUT: &str = "/dev/stdout";
/// More than this is written at once; Envoy's default.
const ENOUGH: usize = 64 * 1024;
/// Bytes that wait for a file at most; ours. Envoy has no limit.
const ROOM: usize = 16 * 1024 * 1024;
/// How long the end waits for files.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn until(what: &str, condition: impl Fn() -> bool) {
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(std::time::Instant::now() < until, "{what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_path_has_one_file_and_what_does_not_fit_is_counted() {
        let path = std::env::temp_dir().join(format!("sluicegate-log-{}", std::process::id()));
        let name = path.to_str().expect("a path");
        // Only the end writes.
        let files = LogFiles::new(Duration::from_secs(3600), &Registry::default());
        let (first, second) = (
            files.open(name).expect("a file"),
            files.open(name).expect("it"),
        );
        assert!(Arc::ptr_eq(&first, &second));
        first.write(b"one\n");
        second.write(b"two\n");
        second.write(&vec![b'x'; ROOM]);
        assert_eq!(files.stats.write_buffered.get(), 2);
        assert_eq!(files.stats.write_dropped.get(), 1);
        assert_eq!(files.stats.write_total_buffered.get(), 8);
        drop((first, second));
        until("all is written", || {
            files.stats.write_total_buffered.get() == 0
        });
        assert_eq!(files.stats.write_completed.get(), 1);
        assert_eq!(std::fs::read(&path).expect("the file"), b"one\ntwo\n");
        let _ = std::fs::remove_file(&path);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_counted_and_not_waited_for() {
        let files = LogFiles::new(Duration::from_millis(1), &Registry::default());
        let full = files.open("/dev/full").expect("a file");
        full.write(b"line\n");
        until("it is tried", || files.stats.write_failed.get() == 1);
        until("it is forgotten", || {
            files.stats.write_total_buffered.get() == 0
        });
        let refused = files.open("/nowhere/at/all").expect_err("no file");
        assert!(
            refused.starts_with("unable to open file '/nowhere/at/all': "),
            "{refused}"
        );
    }
}
