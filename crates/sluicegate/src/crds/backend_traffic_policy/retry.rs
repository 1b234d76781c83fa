// SPDX-License-Identifier: Apache-2.0
//! Retries.
//!
//! In: nothing. Out: the schema of `retry` in both dialects.

use crate::crds::schema::{
    I32_MAX, Schema, duration, integer, list, object, positive_duration, word,
};

const TRIGGERS: [&str; 13] = [
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

pub(super) fn retry() -> Schema {
    let on = object([
        ("triggers", list(word(&TRIGGERS), 0, u32::MAX)),
        (
            "httpStatusCodes",
            list(integer(100, 599), 0, u32::MAX).says("With the trigger retriable-status-codes."),
        ),
    ]);
    let per_retry = object([
        (
            "timeout",
            duration().says("How long each attempt may take, the first one, too."),
        ),
        ("backOff", back_off()),
        ("backoff", back_off().says("Other name of backOff.")),
    ]);
    let block = object([
        (
            "numRetries",
            integer(0, I32_MAX).says("Attempts after the first. Absent: 2."),
        ),
        (
            "numAttemptsPerPriority",
            integer(0, I32_MAX).says("Attempts before the next priority of hosts is tried."),
        ),
        ("retryOn", on.says("What is tried again.")),
        ("perRetry", per_retry.says("Each attempt.")),
        (
            "perRetryTimeout",
            duration().says("Other name of perRetry.timeout."),
        ),
        (
            "backoff",
            back_off().says("Other name of perRetry.backOff."),
        ),
    ])
    .says("Failed requests are tried again.")
    .same_time("perRetry.timeout", "perRetryTimeout");
    let back_offs = ["perRetry.backOff", "perRetry.backoff", "backoff"];
    let intervals = ["baseInterval", "maxInterval"];
    intervals.iter().fold(block, |block, interval| {
        let [today, inner, outer] = back_offs.map(|name| format!("{name}.{interval}"));
        block
            .same_time(&today, &inner)
            .same_time(&today, &outer)
            .same_time(&inner, &outer)
    })
}

fn back_off() -> Schema {
    object([
        (
            "baseInterval",
            positive_duration()
                .says("Longest wait before the first retry; it doubles. Absent: 25ms."),
        ),
        (
            "maxInterval",
            positive_duration().says("Longest wait. Absent: ten times the base."),
        ),
    ])
    .says("Time between attempts, at random.")
    .rule(
        "!has(self.maxInterval) || duration(self.maxInterval) >= \
         (has(self.baseInterval) ? duration(self.baseInterval) : duration('25ms'))",
        "maxInterval must be at least baseInterval (25ms where absent): raise maxInterval",
    )
}
