// SPDX-License-Identifier: Apache-2.0
//! The operator's view as tables of text.
//!
//! In: an overview, or its problems. Out: lines; plain, because a page of the admin API has no
//! colours.

use super::{
    backends::{BackendRow, span},
    ejections::EjectionRow,
    overview::Overview,
    problems::{Problem, Weight},
    sockets::{Keepalive, Sockets, Timer},
};
use crate::output::{
    Cell, Table,
    style::{BAD, DOUBT, PLAIN},
};

/// A row per backend, below the counts.
pub fn overview(overview: &Overview) -> String {
    let counts = overview.counts;
    let mut table = Table::new(
        0,
        &[
            "STATE",
            "BACKEND",
            "ENDPOINTS",
            "REQUESTS",
            "ERRORS",
            "CLUSTER",
        ],
    );
    for row in &overview.backends {
        table.row([
            row.state.name().into(),
            row.name.as_str().into(),
            format!("{}/{}", row.usable, row.endpoints.len()).into(),
            row.requests.to_string().into(),
            row.errors.to_string().into(),
            Cell::new(row.cluster.as_str(), PLAIN),
        ]);
        if !row.why.is_empty() {
            table.note(row.why.as_str(), PLAIN);
        }
    }
    let head = format!(
        "{}: {} failing, {} degraded, {} healthy, {} unused; problems: {}\n",
        overview.process.server,
        counts.failing,
        counts.degraded,
        counts.healthy,
        counts.unused,
        counts.problems,
    );
    let shown = overview.backends.len();
    if shown < counts.matching || !overview.filter.is_empty() {
        let of = match overview.filter.as_str() {
            "" => counts.backends().to_string(),
            filter => format!(
                "{} with \"{filter}\" of {}",
                counts.matching,
                counts.backends()
            ),
        };
        table.note(format!("the worst {shown} of {of}: ?filter=, ?all"), PLAIN);
    }
    head + &plain(&table.render(None))
}

/// A row per problem, with what to do below it.
pub fn problems(problems: &[Problem]) -> String {
    if problems.is_empty() {
        return "no problems\n".to_owned();
    }
    let mut table = Table::new(0, &["WEIGHT", "ABOUT", "PLACE"]);
    for problem in problems {
        let style = match problem.weight {
            Weight::Error => BAD,
            Weight::Warning => DOUBT,
        };
        table.row([
            Cell::new(problem.weight.name(), style),
            format!("{} {}", problem.kind, problem.subject)
                .trim_end()
                .into(),
            problem.place.as_str().into(),
        ]);
        table.note(problem.message.as_str(), style);
        if !problem.help.is_empty() {
            table.note(format!("→ {}", problem.help), PLAIN);
        }
    }
    plain(&table.render(None))
}

/// A row per connection.
pub fn sockets(sockets: &Sockets) -> String {
    let head = [
        "CLUSTER",
        "REMOTE",
        "LOCAL",
        "WORKER",
        "STATE",
        "TIMER",
        "KEEPALIVE SET",
        "RTT",
        "RETRANSMITTED",
    ];
    let mut table = Table::new(0, &head);
    for row in &sockets.sockets {
        let timer = match row.timer {
            Timer::Off => "off".to_owned(),
            timer => format!(
                "{} in {:.1} s",
                timer.name(),
                f64::from(row.expires_ms) / 1000.0
            ),
        };
        let rtt = row
            .rtt_us
            .map(|rtt| format!("{:.2} ms", f64::from(rtt) / 1000.0));
        let sent_again = match row.unanswered {
            0 => row.retransmitted.to_string(),
            some => format!("{}, {some} without an answer", row.retransmitted),
        };
        table.row([
            row.clusters.join(" or ").into(),
            row.remote.to_string().into(),
            row.local.to_string().into(),
            match row.worker {
                Some(worker) => worker.to_string(),
                None => "health check".to_owned(),
            }
            .into(),
            row.state.into(),
            timer.into(),
            keepalive(row.keepalive).into(),
            rtt.unwrap_or_default().into(),
            Cell::new(sent_again, PLAIN),
        ]);
    }
    if sockets.sockets.len() < sockets.count {
        table.note(
            format!("and {} more", sockets.count - sockets.sockets.len()),
            PLAIN,
        );
    }
    if sockets.count == 0 {
        return "no connection to an endpoint\n".to_owned();
    }
    plain(&table.render(None))
}

/// `after 30 s, every 5 s, 3 probes`; what is not said is the kernel's.
fn keepalive(set: Option<Keepalive>) -> String {
    let Some(Keepalive {
        time_s,
        interval_s,
        probes,
    }) = set
    else {
        return "off".to_owned();
    };
    let words = [
        time_s.map(|it| format!("after {it} s")),
        interval_s.map(|it| format!("every {it} s")),
        probes.map(|it| format!("{it} probe{}", if it == 1 { "" } else { "s" })),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    match words.is_empty() {
        true => "as the kernel has it".to_owned(),
        false => words.join(", "),
    }
}

/// A row per ejected endpoint.
pub fn ejections(rows: &[EjectionRow]) -> String {
    if rows.is_empty() {
        return "no endpoint is ejected\n".to_owned();
    }
    let mut table = Table::new(
        0,
        &["CLUSTER", "ENDPOINT", "EJECTED BY", "AGO", "RETURNS IN"],
    );
    for row in rows {
        table.row([
            row.cluster.as_str().into(),
            row.endpoint.as_str().into(),
            row.ejection.by.to_string().into(),
            span(row.ejection.ago_ms).into(),
            Cell::new(span(row.ejection.returns_in_ms), PLAIN),
        ]);
    }
    plain(&table.render(None))
}

/// How backends are now, below what they are meant to be; nothing of those that are well.
pub fn now(rows: &[BackendRow]) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&format!("\nnow {}: {}\n", row.state.name(), row.why));
        for endpoint in row.endpoints.iter().filter(|it| !it.usable) {
            text.push_str(&format!("  {}  {}\n", endpoint.address, endpoint.words()));
        }
    }
    text
}

/// Text without its colours.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
