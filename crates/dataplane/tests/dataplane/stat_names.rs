// SPDX-License-Identifier: Apache-2.0
//! Every number of clusters, listeners, connection managers and their managers, beside Envoy's.
//!
//! In: one script of traffic with all that can happen to it. Out: the names that `/stats` has
//! afterwards, with their values where those do not depend on chance. Envoy's are kept in
//! `stat_names/envoy.txt`, which the peer suite holds to a real Envoy (`UPDATE_CASES=1` writes it);
//! where ours differ stands in `docs/reference/differences.md`, name by name or by pattern, and
//! nothing stands there that does not differ.

mod script;

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use regex::Regex;

use crate::support::{Gateway, plane};

/// Names with their values: of histograms how many were recorded, `any` for what depends on chance.
type Numbers = BTreeMap<String, String>;

/// Row 76.
#[test]
fn every_number_is_envoys_or_is_listed() {
    let numbers = script::numbers(read);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dataplane/stat_names/envoy.txt");
    if plane::is_envoy() {
        hold(&file, &numbers);
        return;
    }
    let envoys = fs::read_to_string(&file).unwrap();
    let envoys = envoys.lines().filter_map(|line| line.split_once(": "));
    let envoys: Numbers = envoys
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let found = differences(&numbers, &envoys);
    let listed = listed();
    let mut unused: BTreeSet<&Listed> = listed.iter().collect();
    let mut unlisted = Vec::new();
    for (kind, name, words) in &found {
        let row = listed
            .iter()
            .find(|row| row.kind == *kind && row.is_about(name));
        match row {
            Some(row) => {
                unused.remove(row);
            }
            None => unlisted.push(format!("{kind}: {name}{words}")),
        }
    }
    assert!(
        unlisted.is_empty() && unused.is_empty(),
        "not listed in docs/reference/differences.md:\n{}\nlisted, and not different:\n{unused:#?}",
        unlisted.join("\n")
    );
}

/// Envoy's numbers are as they were.
fn hold(file: &PathBuf, numbers: &Numbers) {
    let lines = numbers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\n"));
    let text: String = lines.collect();
    if env::var_os("UPDATE_CASES").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        return;
    }
    let written = fs::read_to_string(file).unwrap();
    let (old, new): (BTreeSet<_>, BTreeSet<_>) =
        (written.lines().collect(), text.lines().collect());
    assert!(
        old == new,
        "Envoy says something else; was: {:#?}, is: {:#?}",
        old.difference(&new),
        new.difference(&old)
    );
}

/// What `/stats` has of the families, without what differs from run to run.
fn read(gateway: &Gateway) -> Numbers {
    static PORT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^(listener\.127\.0\.0\.\d)_\d+\.").unwrap());
    const FAMILIES: [&str; 5] = [
        "cluster.",
        "cluster_manager.",
        "http.",
        "listener.",
        "listener_manager.",
    ];
    // Of the harness, and of the admin interface.
    const OTHERS: [&str; 10] = [
        "cluster.ads.",
        "cluster_manager.cds.",
        "listener_manager.lds.",
        "http.admin.",
        "http.marker.",
        "listener.admin.",
        "http.async-client.",
        ".http.marker.",
        ".rds.marker.",
        ".worker_",
    ];
    let recorded: BTreeMap<String, i64> = gateway.stats().into_iter().collect();
    let recorded = |name: &str| {
        recorded
            .get(name)
            .copied()
            .unwrap_or_else(|| gateway.stat(name))
    };
    let text = gateway.admin("GET", "/stats").text;
    let lines = text.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.filter(|(name, _)| {
        FAMILIES.iter().any(|it| name.starts_with(it)) && !OTHERS.iter().any(|it| name.contains(it))
    });
    lines
        .map(|(full, value)| {
            let name = PORT.replace(full, "${1}_*.").into_owned();
            let value = match value.parse::<i64>() {
                _ if depends_on_chance(&name) => "any".to_owned(),
                Ok(value) => value.to_string(),
                Err(_) if value == "No recorded values" || value.starts_with("P0(") => {
                    format!("{} recorded", recorded(full))
                }
                Err(_) => "text".to_owned(),
            };
            (name, value)
        })
        .collect()
}

fn depends_on_chance(name: &str) -> bool {
    const PARTS: [&str; 12] = [
        "bytes",
        "version",
        "_time_ms",
        "_unix_time_",
        "update_time",
        "update_duration",
        "per_socket_event",
        // The harness has one more of each at Envoy.
        "active_clusters",
        "cluster_added",
        "listener_added",
        "listener_create_success",
        "total_listeners_active",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

/// A row of the list.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    kind: &'static str,
    pattern: String,
}

impl Listed {
    /// `*` stands for anything.
    fn is_about(&self, name: &str) -> bool {
        let pattern = regex::escape(&self.pattern).replace("\\*", ".*");
        Regex::new(&format!("^{pattern}$")).unwrap().is_match(name)
    }
}

const MISSING: &str = "not here";
const MORE: &str = "only here";
const OTHER: &str = "another value";

/// The rows of the page: `| names | not here | reason |`.
fn listed() -> Vec<Listed> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/differences.md");
    let page = fs::read_to_string(page).unwrap();
    let mut rows = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split(" | ").collect();
        let Some(kind) = [MISSING, MORE, OTHER]
            .into_iter()
            .find(|kind| cells.get(1) == Some(kind))
        else {
            continue;
        };
        let names = cells[0].split('`').skip(1).step_by(2);
        rows.extend(names.map(|name| Listed {
            kind,
            pattern: name.to_owned(),
        }));
    }
    rows
}

/// What differs: how, the name, and both values.
fn differences(ours: &Numbers, envoys: &Numbers) -> Vec<(&'static str, String, String)> {
    let names: BTreeSet<&String> = ours.keys().chain(envoys.keys()).collect();
    let differs = names.into_iter().filter_map(|name| {
        let (kind, words) = match (ours.get(name), envoys.get(name)) {
            (Some(one), Some(other)) if one == other => return None,
            (Some(one), Some(other)) => (OTHER, format!(": {one}, Envoy {other}")),
            (Some(one), None) => (MORE, format!(": {one}")),
            (None, other) => (MISSING, format!(": Envoy {}", other.unwrap())),
        };
        Some((kind, name.clone(), words))
    });
    differs.collect()
}
