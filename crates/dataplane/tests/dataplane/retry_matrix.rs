// SPDX-License-Identifier: Apache-2.0
//! Which words of `retry_on` retry which events: the measured matrix, cell by cell.

use crate::{
    retries::{policy, present},
    support::{
        Gateway,
        gateway::Resources,
        script::{Script, Step, nobody},
        xds,
    },
};

/// What happens to every attempt.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    ConnectRefused,
    NoHost,
    Overflow,
    PerTryTimeout,
    RouteTimeout,
    Upstream(Step),
}

/// The columns, in the order of the rows below.
const EVENTS: [Event; 23] = [
    Event::Upstream(Step::Status(500)),
    Event::Upstream(Step::Status(502)),
    Event::Upstream(Step::Status(503)),
    Event::Upstream(Step::Status(504)),
    Event::Upstream(Step::Status(409)),
    Event::Upstream(Step::Status(LISTED as u16)),
    Event::Upstream(Step::Status(404)),
    Event::Upstream(Step::Status(429)),
    Event::Upstream(Step::Close),
    Event::Upstream(Step::Say("garbage\r\n\r\n")),
    Event::Upstream(Step::Say(
        "HTTP/1.1 503 X\r\nX-Envoy-RateLimited: true\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 503 X\r\nX-Envoy-Overloaded: true\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nX-Again: 1\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nGrpc-Status: 14\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nGrpc-Status: 1\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nGrpc-Status: 4\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nGrpc-Status: 8\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::Upstream(Step::Say(
        "HTTP/1.1 200 X\r\nGrpc-Status: 13\r\nContent-Length: 0\r\n\r\n",
    )),
    Event::ConnectRefused,
    Event::PerTryTimeout,
    Event::RouteTimeout,
    Event::Overflow,
    Event::NoHost,
];

/// Listed in `retriable_status_codes`.
const LISTED: u32 = 418;

/// Row 50. Each cell is the number of attempts with one retry allowed. The reset of a stream that
/// was refused needs HTTP/2: `retry_bodies` has it.
#[test]
fn each_word_retries_what_it_says() {
    for (words, wanted) in [
        ("5xx", "22221111221211111122111"),
        ("gateway-error", "12221111221211111122111"),
        ("reset", "11111111221111111122111"),
        ("reset-before-request", "11111111111111111121111"),
        ("connect-failure", "11111111111111111121111"),
        ("envoy-ratelimited", "11111111112111111111111"),
        ("retriable-4xx", "11112111111111111111111"),
        ("retriable-status-codes", "11111211111111111111111"),
        ("retriable-headers", "11111111111121111111111"),
        ("refused-stream", "11111111111111111111111"),
        ("unavailable", "11111111111112111111111"),
        ("cancelled", "11111111111111211111111"),
        ("deadline-exceeded", "11111111111111121111111"),
        ("resource-exhausted", "11111111111111112111111"),
        ("internal", "11111111111111111211111"),
        ("http3-post-connect-failure", "11111111111111111111111"),
        ("nonsense", "11111111111111111111111"),
    ] {
        assert_eq!(attempts(words), wanted, "{words}");
    }
}

/// One gateway with a route and a cluster for each event.
fn attempts(words: &str) -> String {
    let scripts: Vec<Script> = EVENTS
        .iter()
        .map(|event| Script::play(&[event.step()]))
        .collect();
    let mut resources = Resources::simple(&[nobody()]);
    resources.clusters.clear();
    resources.endpoints.clear();
    let mut routes = Vec::new();
    for (at, event) in EVENTS.into_iter().enumerate() {
        let name = format!("c{at}");
        resources.clusters.push(xds::cluster(&name, |cluster| {
            if event == Event::Overflow {
                cluster.circuit_breakers =
                    xds::limits(|limits| limits.max_pending_requests = xds::number(0));
            }
        }));
        let addresses = match event {
            Event::ConnectRefused => vec![nobody()],
            Event::NoHost => Vec::new(),
            _ => vec![scripts[at].upstream.address],
        };
        resources.endpoints.push(xds::endpoints(&name, &addresses));
        let limit = |is_it| xds::seconds(if is_it { 0.15 } else { 60.0 });
        let policy = policy(words, |policy| {
            policy.retriable_status_codes = vec![LISTED];
            policy.retriable_headers = vec![present("x-again")];
            policy.per_try_timeout = limit(event == Event::PerTryTimeout);
        });
        routes.push(xds::route(&format!("/{at}/"), &name, |action| {
            action.retry_policy = Some(policy);
            action.timeout = limit(event == Event::RouteTimeout);
        }));
    }
    resources.routes = vec![xds::routes(routes)];
    let gateway = Gateway::start(&resources);
    let count = |at: usize| {
        gateway.client().get(&format!("/{at}/"));
        let retries = gateway.stat(&format!("cluster.c{at}.upstream_rq_retry"));
        if let Event::Upstream(_) = EVENTS[at] {
            assert_eq!(scripts[at].attempts() as i64, 1 + retries, "{words} /{at}/");
        }
        (1 + retries).to_string()
    };
    (0..EVENTS.len()).map(count).collect()
}

impl Event {
    fn step(self) -> Step {
        match self {
            Self::Upstream(step) => step,
            _ => Step::Hang,
        }
    }
}
