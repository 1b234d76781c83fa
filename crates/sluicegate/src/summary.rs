// SPDX-License-Identifier: Apache-2.0
//! How many of what: the last line of `check`.
//!
//! In: a round and its findings. Out: counts, as a sentence and as JSON.

use serde_json::{Value, json};
use sluicegate_manifest::{Diagnostic, Severity, diagnostic};

use crate::pipeline::Round;

/// Counts of one round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Objects read, ignored ones included.
    pub objects: usize,
    /// Findings that refuse something.
    pub errors: usize,
    /// Findings that doubt something.
    pub warnings: usize,
    /// Findings that suggest something.
    pub advice: usize,
    /// Objects of kinds that are not read, by `apiVersion/Kind`.
    pub ignored: Vec<(String, usize)>,
}

impl Summary {
    /// Counts.
    pub fn of(round: &Round, findings: &[Diagnostic]) -> Self {
        let count = |severity| findings.iter().filter(|it| it.severity == severity).count();
        let ignored = round.store.ignored.iter();
        Self {
            objects: round.documents,
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            advice: count(Severity::Advice),
            ignored: ignored
                .map(|(kind, count)| (kind.clone(), *count))
                .collect(),
        }
    }

    /// `8 objects, 0 errors, 1 warning; ignored: apps/v1/Deployment (2)`.
    pub fn sentence(&self) -> String {
        let mut text = format!(
            "{}, {}, {}",
            counted(self.objects, "object"),
            counted(self.errors, "error"),
            counted(self.warnings, "warning"),
        );
        if self.advice > 0 {
            text.push_str(&format!(", {} of advice", counted(self.advice, "piece")));
        }
        let ignored: Vec<String> = self
            .ignored
            .iter()
            .map(|(kind, count)| format!("{kind} ({count})"))
            .collect();
        if !ignored.is_empty() {
            text.push_str(&format!("; ignored: {}", ignored.join(", ")));
        }
        text
    }

    /// The counts and the findings.
    pub fn to_json(&self, findings: &[Diagnostic]) -> Value {
        let ignored: serde_json::Map<String, Value> = self
            .ignored
            .iter()
            .map(|(kind, count)| (kind.clone(), (*count).into()))
            .collect();
        json!({
            "objects": self.objects,
            "errors": self.errors,
            "warnings": self.warnings,
            "advice": self.advice,
            "ignored": ignored,
            "diagnostics": findings.iter().map(diagnostic::to_json).collect::<Vec<_>>(),
        })
    }
}

fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}
