// SPDX-License-Identifier: Apache-2.0
//! The laws of `ARCHITECTURE.md` as checks.
//!
//! In: `cargo metadata` and the source files. Out: every crate that depends on what it must not,
//! every file that does not say what it is for.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Checks all laws and reports every breach.
pub(crate) fn check() -> Result<()> {
    let mut breaches = dependencies()?;
    for folder in ["crates", "testkit", "xtask"] {
        for file in rust_files(&root().join(folder))? {
            breaches.extend(opening(&file)?);
        }
    }
    if breaches.is_empty() {
        println!("layout: every law holds");
        return Ok(());
    }
    bail!("{}", breaches.join("\n"));
}

/// What each crate may use of ours, and whether it must stay free of clocks, sockets and tasks.
const MAY_USE: &[(&str, &[&str], Purity)] = &[
    ("manifest", &[], Purity::Watches),
    ("resource", &["manifest"], Purity::Pure),
    ("attach", &["manifest", "resource"], Purity::Pure),
    ("xds", &[], Purity::Pure),
    ("snapshot", &["xds"], Purity::Publishes),
    (
        "translate",
        &["attach", "resource", "snapshot", "xds"],
        Purity::Pure,
    ),
    ("status", &["attach", "manifest", "resource"], Purity::Pure),
    ("kube", &["manifest", "status"], Purity::Runs),
    ("stats", &[], Purity::Runs),
    ("dataplane", &["snapshot", "stats", "xds"], Purity::Runs),
    ("ads", &["snapshot", "stats", "xds"], Purity::Runs),
    ("admin", &["snapshot", "stats", "xds"], Purity::Runs),
    ("xds-client", &["snapshot", "stats", "xds"], Purity::Runs),
    ("testkit", &[], Purity::Runs),
];

#[derive(PartialEq)]
enum Purity {
    /// No clock, no socket, no task.
    Pure,
    /// Pure, except for `tokio::sync`.
    Publishes,
    /// Runs things.
    Runs,
    /// Pure, except for its file watcher.
    Watches,
}

const IMPURE: [&str; 6] = ["hyper", "hyper-util", "mio", "notify", "socket2", "tokio"];

fn dependencies() -> Result<Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--locked"])
        .current_dir(root())
        .output()
        .context("running cargo metadata")?;
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut breaches = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(short) = name.strip_prefix("sluicegate-") else {
            continue;
        };
        let Some((_, allowed, purity)) = MAY_USE.iter().find(|(known, ..)| *known == short) else {
            breaches.push(format!("crate {short} has no row in xtask/src/layout.rs"));
            continue;
        };
        let normal = package["dependencies"].as_array().into_iter().flatten();
        for dependency in normal.filter(|dependency| dependency["kind"].is_null()) {
            let used = dependency["name"].as_str().unwrap_or_default();
            let breach = match used.strip_prefix("sluicegate-") {
                Some(ours) => !allowed.contains(&ours),
                None => impure(used, dependency, purity),
            };
            if breach {
                breaches.push(format!("crate {short} must not depend on {used}"));
            }
        }
    }
    Ok(breaches)
}

fn impure(used: &str, dependency: &Value, purity: &Purity) -> bool {
    let sync_only = || {
        dependency["features"]
            .as_array()
            .is_some_and(|on| *on == ["sync"])
    };
    match purity {
        Purity::Runs => false,
        Purity::Publishes if used == "tokio" => !sync_only(),
        Purity::Watches if used == "notify" => false,
        _ => IMPURE.contains(&used),
    }
}

/// A file opens with its licence and with what it is for.
fn opening(file: &Path) -> Result<Option<String>> {
    let text = fs::read_to_string(file)?;
    let mut lines = text.lines();
    let licensed = lines.next() == Some("// SPDX-License-Identifier: Apache-2.0");
    let explained = lines.next().is_some_and(|line| line.starts_with("//! "));
    let shown = file.strip_prefix(root()).unwrap_or(file).display();
    Ok((!licensed || !explained)
        .then(|| format!("{shown} must open with its SPDX line and a module doc")))
}

pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
