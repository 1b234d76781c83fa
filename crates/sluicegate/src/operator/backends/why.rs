// SPDX-License-Identifier: Apache-2.0
//! How a backend is, and the sentence that says why.
//!
//! In: its row and its numbers, in all and of late. Out: a state and words; none when nothing is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BackendRow, Ejection, Known, Numbers, State, base, closed, counted, endpoint::EJECTED, span,
};

/// Judges a cluster by `numbers` since the start and by `recent` ones.
pub(super) fn judge(
    row: &BackendRow,
    belongs: Option<&Known>,
    (numbers, recent): (&Numbers, &Numbers),
) -> (State, String) {
    if let Some(reason) = belongs.and_then(|known| known.closed.as_ref()) {
        return (State::Failing, closed(reason));
    }
    // A variant is there because a route uses it.
    let is_variant = base(&row.cluster).is_some();
    if belongs.is_some_and(|known| !known.routed) && !is_variant {
        return (State::Unused, "no route sends requests here".to_owned());
    }
    let mut reasons = Vec::new();
    let total = row.endpoints.len();
    if total == 0 {
        return (State::Failing, "it has no endpoints".to_owned());
    }
    if row.usable < total {
        reasons.push(unusable(row, numbers));
    }
    for open in row.breakers.iter().filter(|breaker| breaker.open) {
        reasons.push(format!(
            "circuit breaker {} is open ({} of {})",
            open.name, open.used, open.limit
        ));
    }
    let failing = recent.errors > 0 && recent.errors * 2 >= recent.requests;
    reasons.extend(errors(recent));
    let state = match (row.usable, reasons.is_empty()) {
        (0, _) => State::Failing,
        _ if failing => State::Failing,
        (_, true) => State::Healthy,
        (_, false) => State::Degraded,
    };
    (state, reasons.join("; "))
}

/// `12 of 15 requests failed lately: 12 connections could not be opened`.
pub(super) fn errors(recent: &Numbers) -> Option<String> {
    let unopened = recent.connect_fail.saturating_sub(recent.connect_timeout);
    let causes = [
        (unopened, "connection", "could not be opened"),
        (
            recent.connect_timeout,
            "connection",
            "took longer than the connect timeout",
        ),
        (recent.handshakes, "TLS handshake", "failed"),
        (recent.cut, "connection", "ended before the answer did"),
        (recent.protocol, "answer", "broke the rules of HTTP"),
        (recent.resets, "stream", "ended in a reset"),
        (recent.timeouts, "request or attempt", "took too long"),
        (recent.overflow, "", "turned away by circuit breakers"),
        (recent.none_healthy, "", "found no endpoint"),
    ];
    let causes = causes.iter().filter(|(count, ..)| *count > 0);
    let causes: Vec<String> = causes
        .map(|(count, what, did)| match *what {
            "" => format!("{count} {did}"),
            what => format!("{} {did}", counted(*count, what)),
        })
        .collect();
    let causes = causes.join(", ");
    match (recent.errors, recent.requests) {
        (0, _) if causes.is_empty() => None,
        (0, _) => Some(format!("lately {causes}")),
        (errors, requests) => {
            let colon = if causes.is_empty() { "" } else { ": " };
            let requests = counted(requests, "request");
            Some(format!(
                "{errors} of {requests} failed lately{colon}{causes}"
            ))
        }
    }
}

/// `2 of 3 endpoints not usable: 1 ejected (consecutive_5xx, returns in 12 s), 1 fails its health check`.
fn unusable(row: &BackendRow, numbers: &Numbers) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for endpoint in row.endpoints.iter().filter(|it| !it.usable) {
        *counts.entry(&endpoint.state).or_default() += 1;
    }
    let words = counts.iter().map(|(state, count)| {
        let why = ejected_by(row, state);
        format!("{count} {state}{why}")
    });
    let words = words.collect::<Vec<_>>().join(", ");
    let total = row.endpoints.len();
    let count = total - row.usable;
    let mut text = match (row.usable, total) {
        (0, 1) => format!("its only endpoint is not usable: {words}"),
        (0, _) => format!("none of {total} endpoints is usable: {words}"),
        _ => format!("{count} of {total} endpoints not usable: {words}"),
    };
    // A real Envoy does not say which host was ejected for what.
    let is_told = row.endpoints.iter().any(|it| it.ejection.is_some());
    let ejected = row.endpoints.iter().any(|it| it.state.contains(EJECTED));
    if ejected && !is_told && !numbers.ejections.is_empty() {
        text.push_str(&format!("; ejections: {}", numbers.ejections.join(", ")));
    }
    text
}

/// ` (consecutive_5xx, returns in 12 s)`: the detectors, and when the first of these hosts returns.
fn ejected_by(row: &BackendRow, state: &str) -> String {
    let of_state = row.endpoints.iter().filter(|it| it.state == state);
    let ejections: Vec<&Ejection> = of_state.filter_map(|it| it.ejection.as_ref()).collect();
    let Some(first) = ejections.iter().map(|it| it.returns_in_ms).min() else {
        return String::new();
    };
    let by: BTreeSet<&str> = ejections.iter().map(|it| &*it.by).collect();
    let by = by.into_iter().collect::<Vec<_>>().join(", ");
    let which = if ejections.len() > 1 {
        "the first "
    } else {
        ""
    };
    format!(" ({by}, {which}returns in {})", span(first))
}
