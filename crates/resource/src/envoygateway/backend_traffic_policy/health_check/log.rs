// SPDX-License-Identifier: Apache-2.0
//! `healthCheck.active.healthCheckLog`.
//!
//! In: the block. Out: which probes are logged, and where.

use super::super::reader;
use crate::{admission::Block, codes};

/// A log of probes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HealthCheckLog {
    /// `matches`; empty: every probe.
    pub matches: Vec<HealthCheckMatch>,
    /// `sinks[0].file.path`. Absent: standard output.
    pub file: Option<String>,
}

/// Probes worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthCheckMatch {
    /// Every failure.
    Failure,
    /// The first failure of a series.
    FailureSeriesStart,
    /// A host that became healthy.
    HealthyTransition,
    /// Every success.
    Success,
}

impl HealthCheckLog {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        use HealthCheckMatch::{Failure, FailureSeriesStart, HealthyTransition, Success};
        let items = block.list("matches", 0..=4);
        let matches: Vec<HealthCheckMatch> = items
            .iter()
            .filter_map(|item| {
                item.choice(&[
                    ("Failure", Failure),
                    ("FailureSeriesStart", FailureSeriesStart),
                    ("Success", Success),
                    ("HealthyTransition", HealthyTransition),
                ])
            })
            .collect();
        let has = |wanted: [HealthCheckMatch; 2]| matches.iter().any(|it| wanted.contains(it));
        if has([Failure, FailureSeriesStart]) && !has([Success, HealthyTransition]) {
            block.field.reject_with(
                "a failure kind in matches needs a success kind beside it",
                "add `HealthyTransition`, so that the log tells when a host is well again",
            );
        }
        let sinks = block.list("sinks", 0..=1);
        let file = sinks.first().and_then(|item| item.object(sink)).flatten();
        Self { matches, file }
    }
}

fn sink(block: &Block<'_>) -> Option<String> {
    let kind = block.required("type");
    let kind = kind.and_then(|field| field.word(&["File"]));
    let file = block.object("file", |block| {
        reader::required_name(block, "path", usize::MAX)
    });
    if kind.is_some() && block.optional("file").is_none() {
        block.field.push(
            block
                .field
                .error(codes::REQUIRED_VALUE, "file must be set when type is File"),
        );
    }
    file.flatten()
}
