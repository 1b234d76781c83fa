// SPDX-License-Identifier: Apache-2.0
//! `retry`.
//!
//! In: the block in either dialect. Out: how often, on what, how long and after which wait.

use std::time::Duration;

use super::reader;
use crate::{
    admission::{Block, Field, I32_MAX, agreed},
    codes,
    value::Written,
};

/// Retries; an empty block turns them on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Retry {
    /// `numRetries`, without the first attempt. Absent: 2 (Envoy Gateway default).
    pub num_retries: Option<u32>,
    /// `numAttemptsPerPriority`. Absent or zero: retries keep to the priority.
    pub num_attempts_per_priority: Option<u32>,
    /// `retryOn.triggers`. Absent: connect-failure, refused-stream, unavailable, cancelled and
    /// retriable-status-codes (Envoy Gateway default).
    pub triggers: Option<Vec<RetryTrigger>>,
    /// `retryOn.httpStatusCodes`, 100..599. Absent: 503 where `retryOn` is absent, else none.
    pub http_status_codes: Option<Vec<u16>>,
    /// `perRetry.timeout`, or the seed's `perRetryTimeout`; the first attempt has it, too. Absent:
    /// none.
    pub per_retry_timeout: Option<Written<Duration>>,
    /// `perRetry.backOff.baseInterval`, or the seed's `backoff.baseInterval`, more than zero.
    /// Absent: 25 ms (Envoy default).
    pub base_interval: Option<Written<Duration>>,
    /// `perRetry.backOff.maxInterval`, or the seed's `backoff.maxInterval`, no less than the base.
    /// Absent: ten times the base (Envoy default).
    pub max_interval: Option<Written<Duration>>,
}

/// What is tried again, in the order of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryTrigger {
    /// `5xx`.
    FiveXx,
    /// `gateway-error`: 502, 503, 504.
    GatewayError,
    /// `reset`: no answer at all.
    Reset,
    /// `reset-before-request`.
    ResetBeforeRequest,
    /// `connect-failure`.
    ConnectFailure,
    /// `retriable-4xx`: 409.
    Retriable4xx,
    /// `refused-stream`.
    RefusedStream,
    /// `retriable-status-codes`: those of `httpStatusCodes`.
    RetriableStatusCodes,
    /// `cancelled` (gRPC).
    Cancelled,
    /// `deadline-exceeded` (gRPC).
    DeadlineExceeded,
    /// `internal` (gRPC).
    Internal,
    /// `resource-exhausted` (gRPC).
    ResourceExhausted,
    /// `unavailable` (gRPC).
    Unavailable,
}

/// Envoy's base interval where none is written.
const DEFAULT_BASE: Duration = Duration::from_millis(25);

impl RetryTrigger {
    /// Every trigger with its word.
    pub(super) const ALL: [(&'static str, Self); 13] = [
        ("5xx", Self::FiveXx),
        ("gateway-error", Self::GatewayError),
        ("reset", Self::Reset),
        ("reset-before-request", Self::ResetBeforeRequest),
        ("connect-failure", Self::ConnectFailure),
        ("retriable-4xx", Self::Retriable4xx),
        ("refused-stream", Self::RefusedStream),
        ("retriable-status-codes", Self::RetriableStatusCodes),
        ("cancelled", Self::Cancelled),
        ("deadline-exceeded", Self::DeadlineExceeded),
        ("internal", Self::Internal),
        ("resource-exhausted", Self::ResourceExhausted),
        ("unavailable", Self::Unavailable),
    ];

    /// Envoy's word.
    pub fn word(self) -> &'static str {
        let mut all = Self::ALL.iter();
        let found = all.find(|(_, trigger)| *trigger == self);
        found.map_or("", |(word, _)| word)
    }
}

impl Retry {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let mut timeouts = Vec::new();
        let mut backoffs = Vec::new();
        block.object("perRetry", |block| {
            timeouts.extend(block.optional("timeout"));
            backoffs.extend(block.optional("backOff"));
            backoffs.extend(block.optional("backoff"));
        });
        timeouts.extend(block.optional("perRetryTimeout"));
        backoffs.extend(block.optional("backoff"));
        let intervals: Vec<_> = backoffs
            .iter()
            .filter_map(|field| {
                field.object(|block| {
                    (
                        block.optional("baseInterval"),
                        block.optional("maxInterval"),
                    )
                })
            })
            .collect();
        let bases = intervals.iter().filter_map(|(base, _)| base.clone());
        let base_interval = agreed(bases, Field::positive_duration);
        let most = intervals.iter().filter_map(|(_, most)| most.clone());
        let max_interval = agreed(most, Field::positive_duration);
        let (triggers, http_status_codes) = block.object("retryOn", retry_on).unwrap_or_default();
        let retry = Self {
            num_retries: block.u32("numRetries", 0..=I32_MAX),
            num_attempts_per_priority: block.u32("numAttemptsPerPriority", 0..=I32_MAX),
            triggers,
            http_status_codes,
            per_retry_timeout: agreed(timeouts, Field::duration),
            base_interval,
            max_interval,
        };
        let place = intervals.iter().find_map(|(_, most)| most.as_ref());
        if let Some(field) = place {
            check_intervals(&retry, field);
        }
        retry
    }
}

fn check_intervals(retry: &Retry, field: &Field<'_>) {
    let Some(most) = &retry.max_interval else {
        return;
    };
    match &retry.base_interval {
        Some(base) if most.value < base.value => {
            field.reject(format!("must be greater than or equal to `{}`", base.path));
        }
        None if most.value < DEFAULT_BASE => field.reject_with(
            "must be at least 25ms, the base interval where none is written",
            "write `baseInterval` as well",
        ),
        _ => {}
    }
}

type RetryOn = (Option<Vec<RetryTrigger>>, Option<Vec<u16>>);

fn retry_on(block: &Block<'_>) -> RetryOn {
    let triggers = block.optional("triggers").map(|field| {
        let items = field.items(0..=usize::MAX);
        let triggers = items
            .iter()
            .filter_map(|item| item.choice(&RetryTrigger::ALL));
        triggers.collect::<Vec<_>>()
    });
    let field = block.optional("httpStatusCodes");
    let codes = field
        .is_some()
        .then(|| reader::statuses(block, "httpStatusCodes"));
    let by_status = triggers
        .as_ref()
        .is_none_or(|triggers| triggers.contains(&RetryTrigger::RetriableStatusCodes));
    let has_codes = codes.as_ref().is_some_and(|codes| !codes.is_empty());
    match (field, block.optional("triggers")) {
        (Some(field), _) if has_codes && !by_status => field.warn(
            codes::NO_EFFECT,
            "`httpStatusCodes` have no effect without the trigger `retriable-status-codes`",
        ),
        (_, Some(field)) if by_status && !has_codes => field.warn(
            codes::NO_EFFECT,
            "the trigger `retriable-status-codes` has no effect without `httpStatusCodes`",
        ),
        _ => {}
    }
    (triggers, codes)
}
