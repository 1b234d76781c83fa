// SPDX-License-Identifier: Apache-2.0
//! `explain route` as text.
//!
//! In: the facts about a route. Out: parents, listeners, then each rule with its backends.

use super::{heading, section, traffic::traffic};
use crate::{
    explain::route::{ParentFacts, RouteFacts, RuleFacts},
    output::{
        Cell, Table,
        style::{BAD, DOUBT, GOOD, PLAIN},
    },
};

/// The text.
pub fn route(facts: &RouteFacts, width: Option<usize>) -> String {
    let mut text = heading(
        &facts.kind,
        &facts.name,
        std::slice::from_ref(&facts.source),
    );
    text.push('\n');
    let mut table = Table::new(0, &["PARENT", "VERDICT"]);
    for parent in &facts.parents {
        let (words, style) = verdict(parent);
        table.row([parent.parent.clone().into(), Cell::new(words, style)]);
    }
    text.push_str(&table.render(width));
    if !facts.listeners.is_empty() {
        text.push('\n');
        let mut table = Table::new(0, &["LISTENER", "PORT", "HOSTNAMES"]);
        for listener in &facts.listeners {
            table.row([
                listener.listener.clone().into(),
                listener.port.to_string().into(),
                listener.hostnames.join(", ").into(),
            ]);
            for older in &listener.older {
                table.note(format!("an older route has {older}"), DOUBT);
            }
            for log in &listener.access_logs {
                table.note(format!("writes {log}"), PLAIN);
            }
            if let Some(tracing) = &listener.tracing {
                table.note(format!("traces {tracing}"), PLAIN);
            }
        }
        text.push_str(&table.render(width));
    }
    for (index, one) in facts.rules.iter().enumerate() {
        let name = one
            .name
            .as_deref()
            .map_or(String::new(), |name| format!(" {name}"));
        text.push_str(&section(&format!("RULE {index}{name}")));
        text.push_str(&rule(one, refusal(&facts.kind), width));
    }
    text
}

fn verdict(parent: &ParentFacts) -> (String, anstyle::Style) {
    let fine = parent.resolved_refs == "ResolvedRefs";
    match (parent.accepted.as_str(), fine) {
        ("Accepted", true) => ("Accepted".to_owned(), GOOD),
        ("Accepted", false) => (format!("Accepted; {}", parent.resolved_refs), DOUBT),
        (_, true) => (parent.accepted.clone(), BAD),
        (accepted, false) => (format!("{accepted}; {}", parent.resolved_refs), BAD),
    }
}

/// What a rule does that cannot be honoured.
fn refusal(kind: &str) -> &'static str {
    match kind {
        "GRPCRoute" => "answers UNAVAILABLE",
        "TCPRoute" | "TLSRoute" => "closes connections",
        _ => "answers 500",
    }
}

fn rule(rule: &RuleFacts, refusal: &str, width: Option<usize>) -> String {
    let mut text = String::new();
    for one in &rule.matches {
        text.push_str(&format!("  match    {one}\n"));
    }
    if let Some(timeout) = &rule.timeout {
        text.push_str(&format!("  timeout  {timeout}\n"));
    }
    if let Some(reason) = &rule.broken {
        text.push_str(&format!("  {BAD}{refusal}: {reason}{BAD:#}\n"));
    }
    let head = ["BACKEND", "WEIGHT", "CONNECT", "IDLE", "STREAM", "CLUSTER"];
    let mut table = Table::new(2, &head);
    for backend in &rule.backends {
        let closed = backend.problem.is_some();
        let cell = |text: &Option<String>| Cell::from(text.as_deref().unwrap_or("-"));
        table.row([
            Cell::new(backend.backend.clone(), if closed { BAD } else { PLAIN }),
            backend.weight.to_string().into(),
            cell(&backend.connect_timeout),
            cell(&backend.idle_timeout),
            cell(&backend.max_stream_duration),
            cell(&backend.cluster),
        ]);
        if let Some(problem) = &backend.problem {
            table.note(format!("{refusal}: {problem}"), BAD);
        }
    }
    if rule.backends.is_empty() {
        let unless = if refusal == "answers 500" {
            ", unless a filter redirects"
        } else {
            ""
        };
        table.note(format!("no backend: {refusal}{unless}"), DOUBT);
    }
    text.push_str(&table.render(width));
    for facts in &rule.traffic {
        text.push_str(&traffic(facts, width));
    }
    text
}
