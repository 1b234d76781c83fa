// SPDX-License-Identifier: Apache-2.0
//! Everything that is wrong now.
//!
//! In: rows of backends, findings, and what the planes, the API server and Envoys report. Out: one
//! list, worst first, each with what to do.

use std::{collections::BTreeSet, time::Duration};

use serde::Serialize;
use sluicegate_ads::{Ledger, RefusedNode};
use sluicegate_dataplane::Report;
use sluicegate_manifest::{Diagnostic, Severity};
use sluicegate_xds_client::Client;

use super::backends::{BackendRow, State};
use crate::{findings::findings, pipeline::Round};

/// How bad a problem is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Requests fail, or a resource has no effect.
    Error,
    /// Something is not as it was meant.
    Warning,
}

impl Weight {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub weight: Weight,
    /// What it is about: `backend`, `listener`, `manifest`, `API server`, …
    pub kind: &'static str,
    /// The object.
    pub subject: String,
    /// What is wrong.
    pub message: String,
    /// `file:line:column`; empty when there is no such place.
    pub place: String,
    /// What to do; empty when the message says it.
    pub help: String,
    /// The cluster, for what is wrong with a backend.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}

/// Whom to ask what is wrong.
pub struct Witnesses<'a> {
    /// What is wrong with the manifests of the newest round.
    pub of_round: &'a [Problem],
    /// What the data plane could not do.
    pub report: &'a Report,
    /// Envoys, when there are any.
    pub ledger: Option<&'a Ledger>,
    /// A management server, when there is one.
    pub client: Option<&'a Client>,
    /// What an API server refuses.
    pub rights: Vec<String>,
}

/// The problems; backends first among those of the same weight.
pub fn problems(rows: &[BackendRow], witnesses: &Witnesses<'_>) -> Vec<Problem> {
    let mut all: Vec<Problem> = rows.iter().filter_map(backend).collect();
    of_report(witnesses.report, &mut all);
    all.extend_from_slice(witnesses.of_round);
    if let Some(ledger) = witnesses.ledger {
        of_envoys(ledger, &mut all);
    }
    if let Some(client) = witnesses.client {
        of_client(client, &mut all);
    }
    for sentence in &witnesses.rights {
        let help =
            "docs/kubernetes.md has the table of rights; /sluicegate/cluster has the details";
        all.push(problem(Weight::Error, "API server", "", sentence).help(help));
    }
    // Stable: what was found first stays first.
    all.sort_by_key(|it| it.weight);
    all
}

fn problem(weight: Weight, kind: &'static str, subject: &str, message: &str) -> Problem {
    Problem {
        weight,
        kind,
        subject: subject.to_owned(),
        message: message.to_owned(),
        place: String::new(),
        help: String::new(),
        cluster: String::new(),
    }
}

impl Problem {
    fn help(mut self, help: &str) -> Self {
        help.clone_into(&mut self.help);
        self
    }
}

fn backend(row: &BackendRow) -> Option<Problem> {
    let weight = match row.state {
        State::Failing => Weight::Error,
        State::Degraded => Weight::Warning,
        State::Healthy | State::Unused => return None,
    };
    let mut found = problem(weight, "backend", &row.name, &row.why);
    found.help = match row.name == row.cluster {
        // Nothing is known of manifests: there is nothing to explain.
        true => "see its endpoints: /clusters".to_owned(),
        false => format!("see its settings: /explain?backend={}", row.name),
    };
    found.cluster.clone_from(&row.cluster);
    Some(found)
}

fn of_report(report: &Report, all: &mut Vec<Problem>) {
    for bind in &report.binds {
        let message = format!("cannot bind {}: {}", bind.address, bind.message);
        let help = "free the address, or change the port of the listener";
        all.push(problem(Weight::Error, "listener", &bind.listener, &message).help(help));
    }
    for resource in &report.resources {
        let kind = resource.resource_type.message_name();
        let kind = kind.rsplit('.').next().unwrap_or(kind);
        let subject = format!("{kind} {}", resource.name);
        let help = "its last good version stays in force, if it has one";
        all.push(problem(Weight::Error, "data plane", &subject, &resource.message).help(help));
    }
    // Ten thousand clusters may share one setting.
    let mut told = BTreeSet::new();
    for setting in &report.unsupported {
        if !told.insert((setting.resource_type, &setting.field)) {
            continue;
        }
        let same = report
            .unsupported
            .iter()
            .filter(|it| it.field == setting.field && it.resource_type == setting.resource_type);
        let subject = match same.count() {
            1 => setting.name.to_string(),
            some => format!("{} and {} more", setting.name, some - 1),
        };
        let message = format!("{} is not enforced", setting.field);
        let help = "it has no effect here; /sluicegate/data_plane has every resource that sets it";
        all.push(problem(Weight::Warning, "not enforced", &subject, &message).help(help));
    }
}

/// What is wrong with the manifests of a round.
pub(super) fn of_round(round: &Round) -> Vec<Problem> {
    let mut all = Vec::new();
    for file in round.files.iter().filter(|file| file.error.is_some()) {
        let message = match file.stale {
            true => "cannot be read: its last good version stays in force",
            false => "cannot be read: nothing of it is in force",
        };
        let mut found = problem(Weight::Error, "file", &file.path, message);
        if let Some(error) = &file.error {
            found.message = format!("{message}: {}", error.message);
            found.place = error.place();
        }
        all.push(found);
    }
    let of_file = |it: &Diagnostic| {
        let mut errors = round.files.iter().filter_map(|file| file.error.as_ref());
        errors.any(|error| error.place() == it.place() && error.message == it.message)
    };
    for finding in findings(round) {
        let weight = match finding.severity {
            Severity::Error => Weight::Error,
            Severity::Warning => Weight::Warning,
            Severity::Advice => continue,
        };
        if of_file(&finding) {
            continue;
        }
        let mut found = problem(weight, "manifest", &finding.object, &finding.message);
        found.place = finding.place();
        found.help = match (&finding.help, finding.notes.first()) {
            (Some(help), _) => help.clone(),
            (None, Some(note)) => note.clone(),
            (None, None) => String::new(),
        };
        all.push(found);
    }
    all
}

fn of_envoys(ledger: &Ledger, all: &mut Vec<Problem>) {
    for refusal in ledger.refusals() {
        let kind = refusal.resource_type.message_name();
        let kind = kind.rsplit('.').next().unwrap_or(kind);
        let subject = format!("Envoy {}", refusal.node);
        let text = refusal
            .text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let message = format!("refuses {kind} {}: {text}", refusal.name);
        let help = "it goes on with its last good version; /xds has what it took";
        all.push(problem(Weight::Error, "Envoy", &subject, &message).help(help));
    }
    let is_news = |node: &RefusedNode| node.at.elapsed().is_ok_and(|age| age < LATELY);
    for node in ledger.refused().iter().filter(|node| is_news(node)) {
        let help = "`sluicegate bootstrap` writes the bootstrap of an Envoy";
        let subject = format!("Envoy {} at {}", node.id, node.peer);
        let message = format!("is not served: {}", node.reason);
        all.push(problem(Weight::Error, "Envoy", &subject, &message).help(help));
    }
}

fn of_client(client: &Client, all: &mut Vec<Problem>) {
    let status = client.status();
    if !status.connected {
        let message = format!("is not connected: {}", status.error);
        let help = "what it sent last stays in force";
        let found = problem(Weight::Error, "management server", &status.server, &message);
        all.push(found.help(help));
    }
    for resource_type in sluicegate_snapshot::ResourceType::ALL {
        let refusal = &status.of(resource_type).refusal;
        if !refusal.is_empty() {
            let subject = resource_type.message_name();
            let message = format!("refused: {refusal}");
            all.push(problem(
                Weight::Error,
                "management server",
                subject,
                &message,
            ));
        }
    }
}

/// A node that is refused tries again within seconds. Ours.
const LATELY: Duration = Duration::from_secs(60);
