// SPDX-License-Identifier: Apache-2.0
//! Runs the tests of a test binary on both planes, each in a process of its own.
//!
//! In: a package with a test binary that knows `SLUICEGATE_PLANE` and `SLUICEGATE_TRANSCRIPT`. Out:
//! how each test ended, what it decided, and the messages that went through.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::layout::root;

/// Tests at a time. Ours: most of their time is waiting.
const PARALLEL: usize = 6;

/// Longest time for a test. Ours: several times what the longest takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A test binary.
pub(super) struct Suite {
    binary: PathBuf,
    folder: PathBuf,
}

/// How a test went on one plane.
pub(super) struct Outcome {
    /// What it said when it failed.
    pub(super) result: Result<(), String>,
    /// Differences that it counts on.
    pub(super) decided: BTreeSet<String>,
    /// What clients and upstreams got.
    pub(super) messages: BTreeSet<String>,
}

/// A test with its outcome on our plane and on Envoy.
pub(super) type Run = (String, Outcome, Outcome);

impl Suite {
    /// Builds all of them.
    pub(super) fn all() -> Result<Vec<Self>> {
        SUITES
            .iter()
            .map(|(package, test)| Self::build(package, test))
            .collect()
    }

    fn build(package: &str, test: &str) -> Result<Self> {
        let output = Command::new(env!("CARGO"))
            .args(["test", "--no-run", "--message-format=json", "-p", package])
            .args(["--test", test])
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "{package}: {test} does not build");
        let text = String::from_utf8(output.stdout)?;
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut artifacts = messages.filter(|it: &Value| it["target"]["name"] == test);
        let artifact = artifacts.find(|it| it["executable"].is_string());
        let artifact = artifact.with_context(|| format!("{package}: no binary of {test}"))?;
        let path = |value: &Value| PathBuf::from(value.as_str().unwrap_or_default());
        let manifest = path(&artifact["manifest_path"]);
        Ok(Self {
            binary: path(&artifact["executable"]),
            folder: manifest.parent().unwrap_or(Path::new(".")).to_owned(),
        })
    }

    /// Its tests whose name has this part.
    pub(super) fn tests(&self, part: &str) -> Result<Vec<String>> {
        let output = Command::new(&self.binary).arg("--list").output()?;
        let text = String::from_utf8(output.stdout)?;
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        let names = names.filter(|name| name.contains(part));
        Ok(names.map(str::to_owned).collect())
    }

    /// Runs these tests on both planes.
    pub(super) fn run(&self, names: Vec<String>) -> Result<Vec<Run>> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..PARALLEL {
                scope.spawn(|| {
                    while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let both = self
                            .outcome(name, "own")
                            .and_then(|own| Ok((name.clone(), own, self.outcome(name, "envoy")?)));
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push(both);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_iter().collect()
    }

    fn outcome(&self, name: &str, plane: &str) -> Result<Outcome> {
        let folder = root().join("target/peer").join(plane);
        fs::create_dir_all(&folder)?;
        let path = |end: &str| folder.join(format!("{}.{end}", name.replace("::", ".")));
        let (transcript, log) = (path("transcript"), path("log"));
        let _ = fs::remove_file(&transcript);
        let output = fs::File::create(&log)?;
        let mut child = Command::new(&self.binary)
            .args(["--exact", name])
            .env("SLUICEGATE_PLANE", plane)
            .env("SLUICEGATE_TRANSCRIPT", &transcript)
            .env("RUST_BACKTRACE", "0")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if Instant::now() > until {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(Duration::from_millis(20));
        };
        let result = match status {
            Some(status) if status.success() => Ok(()),
            Some(_) => Err(shown(&fs::read_to_string(&log)?, name)),
            None => Err(format!("not done after {PATIENCE:?}")),
        };
        let lines = fs::read_to_string(&transcript).unwrap_or_default();
        let (decided, messages) = lines
            .lines()
            .map(str::to_owned)
            .partition::<BTreeSet<_>, _>(|line| line.starts_with(DECIDED));
        let decided = decided.iter().map(|line| line[DECIDED.len()..].to_owned());
        Ok(Outcome {
            result,
            decided: decided.collect(),
            messages,
        })
    }
}

impl Outcome {
    /// Messages that only one of the two has.
    pub(super) fn difference(&self, envoy: &Self) -> String {
        /// Ours: enough to see what it is about.
        const SHOWN: usize = 400;
        let short = |text: &String| text.chars().take(SHOWN).collect::<String>();
        let own = self.messages.difference(&envoy.messages);
        let own = own.map(|it| format!("  only ours:   {}", short(it)));
        let envoys = envoy.messages.difference(&self.messages);
        let envoys = envoys.map(|it| format!("  only Envoy's: {}", short(it)));
        own.chain(envoys).collect::<Vec<_>>().join("\n")
    }
}

/// The part of a log that says why a test failed.
fn shown(log: &str, name: &str) -> String {
    let begin = log.find(&format!("---- {name} stdout ----")).unwrap_or(0);
    let end = log.rfind("\nfailures:\n").filter(|end| *end > begin);
    log[begin..end.unwrap_or(log.len())].trim().to_owned()
}

/// Package and name of each.
const SUITES: [(&str, &str); 1] = [("sluicegate-dataplane", "dataplane")];

/// How lines of a transcript begin that are no messages.
const DECIDED: &str = "decided ";
