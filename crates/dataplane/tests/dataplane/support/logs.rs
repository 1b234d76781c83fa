// SPDX-License-Identifier: Apache-2.0
//! Access logs into files that are gone with their test.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sluicegate_testkit::patience;
use sluicegate_xds::{json::from_str, pb::envoy::config::accesslog::v3::AccessLog};

/// A file to log to.
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
}

impl LogFile {
    pub(crate) fn new() -> Self {
        static FILES: AtomicUsize = AtomicUsize::new(0);
        let number = FILES.fetch_add(1, Relaxed);
        let name = format!("access-{}-{number}.log", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_file(&path);
        Self { path }
    }

    /// A log with this text for each request.
    pub(crate) fn text(&self, line: &str) -> AccessLog {
        self.with(&json!({ "text_format_source": { "inline_string": format!("{line}\n") } }))
    }

    /// The same for those that pass a filter.
    pub(crate) fn filtered(&self, line: &str, filter: &Value) -> AccessLog {
        let filtered: AccessLog =
            from_str(&json!({ "name": "x", "filter": filter }).to_string()).unwrap();
        AccessLog {
            filter: filtered.filter,
            ..self.text(line)
        }
    }

    /// A log with this `log_format`.
    pub(crate) fn with(&self, format: &Value) -> AccessLog {
        self.of_type(&json!({
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": self.path.to_str().unwrap(),
            "log_format": format,
        }))
    }

    /// A log in Envoy's own format.
    pub(crate) fn plain(&self) -> AccessLog {
        self.of_type(&json!({
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": self.path.to_str().unwrap(),
        }))
    }

    fn of_type(&self, config: &Value) -> AccessLog {
        from_str(&json!({ "name": "log", "typed_config": config }).to_string()).unwrap()
    }

    /// What is in it.
    pub(crate) fn content(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for so many lines, and that there are no more.
    pub(crate) fn lines(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + patience();
        loop {
            let lines: Vec<_> = self.content().lines().map(str::to_owned).collect();
            assert!(lines.len() <= count, "{count} lines wanted: {lines:#?}");
            if lines.len() == count {
                return lines;
            }
            assert!(Instant::now() < until, "{count} lines wanted: {lines:#?}");
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
