// SPDX-License-Identifier: Apache-2.0
//! The page as text: what stands where, and that nothing of others becomes markup.

use super::*;
use crate::operator::{
    backends::{BackendRow, Breaker, Ejection, EndpointRow, State},
    of_round::OfRound,
    overview::{Process, Wanted},
    problems::Weight,
    topology::{BackendLink, GatewayNode, ListenerNode, RouteNode, RuleNode},
};

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"' onclick='x\u{202e}&amp;";

fn endpoint(address: &str, state: &str) -> EndpointRow {
    EndpointRow {
        address: address.to_owned(),
        hostname: String::new(),
        usable: state == "healthy",
        state: state.to_owned(),
        ejection: None,
        priority: 0,
        zone: String::new(),
        requests: 7,
        errors: 3,
        connect_fail: 0,
        active: 0,
        connections: 1,
    }
}

fn row(name: &str, state: State, why: &str) -> BackendRow {
    BackendRow {
        name: name.to_owned(),
        cluster: format!("cluster {name}"),
        state,
        why: why.to_owned(),
        usable: 1,
        endpoints: vec![
            endpoint("10.0.0.1:80", "healthy"),
            endpoint(name, "ejected"),
        ],
        breakers: vec![Breaker {
            name: "max_requests".into(),
            used: 3,
            limit: 3,
            open: true,
        }],
        requests: 14,
        errors: 6,
        active: 0,
        pending: 0,
        ejections: 0,
        p50_ms: None,
        p99_ms: None,
    }
}

fn tree(name: &str) -> Vec<GatewayNode> {
    let link = BackendLink {
        name: name.to_owned(),
        cluster: format!("cluster {name}"),
        weight: 1,
    };
    let rule = RuleNode {
        matches: vec![name.to_owned()],
        broken: name.to_owned(),
        policy: name.to_owned(),
        backends: vec![link],
    };
    let route = RouteNode {
        name: format!("HTTPRoute {name}"),
        source: name.to_owned(),
        hostnames: vec![name.to_owned()],
        rules: vec![rule],
    };
    let listener = ListenerNode {
        name: name.to_owned(),
        protocol: name.to_owned(),
        port: 80,
        hostname: name.to_owned(),
        refused: name.to_owned(),
        routes: vec![route],
    };
    vec![GatewayNode {
        name: name.to_owned(),
        source: name.to_owned(),
        refused: name.to_owned(),
        listeners: vec![listener],
    }]
}

fn shown(backends: Vec<BackendRow>, problems: Vec<Problem>, tree: Vec<GatewayNode>) -> Answer {
    filtered("", backends, problems, tree)
}

fn filtered(
    filter: &str,
    backends: Vec<BackendRow>,
    problems: Vec<Problem>,
    gateways: Vec<GatewayNode>,
) -> Answer {
    let process = Process {
        server: "LIVE".to_owned(),
        uptime_ms: 5000,
        ..Process::default()
    };
    let wanted = Wanted {
        filter: filter.to_owned(),
        ..Wanted::default()
    };
    let of_round = OfRound {
        gateways,
        ..OfRound::default()
    };
    let overview = Overview::new(process, &wanted, backends, problems, &of_round);
    page(&overview, &|_| None, "<table id='all'></table>", "0f0f")
}

#[test]
fn nothing_of_others_becomes_markup() {
    let problem = Problem {
        weight: Weight::Error,
        kind: "manifest",
        subject: HOSTILE.to_owned(),
        message: HOSTILE.to_owned(),
        place: HOSTILE.to_owned(),
        help: HOSTILE.to_owned(),
        cluster: HOSTILE.to_owned(),
    };
    let rows = vec![row(HOSTILE, State::Failing, HOSTILE)];
    let body = shown(rows, vec![problem], tree(HOSTILE)).body;
    let escaped = "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&quot;&#39; onclick=&#39;x\u{fffd}&amp;amp;";
    assert!(body.contains(escaped), "{body}");
    assert!(!body.contains("<img"), "{body}");
    assert!(!body.contains('\u{202e}'), "{body}");
    // Of the whole page only our own script ends one.
    assert_eq!(body.matches("</script>").count(), 1);
    assert_eq!(body.matches("onclick='").count(), 0);
}

#[test]
fn scripts_need_the_nonce_of_the_answer() {
    let answer = shown(Vec::new(), Vec::new(), Vec::new());
    let policy = answer.security_policy.unwrap_or_default();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'nonce-0f0f'; script-src 'nonce-0f0f'")
    );
    assert_eq!(answer.body.matches("nonce=\"0f0f\"").count(), 2);
    // A style attribute would need more than a nonce.
    assert!(!answer.body.contains(" style="));
}

#[test]
fn the_worst_stands_first_and_the_commands_last() {
    let rows = vec![
        row("d/bad:80", State::Failing, "none of 2 endpoints is usable"),
        row("d/good:80", State::Healthy, ""),
    ];
    let answer = shown(rows, Vec::new(), tree("d/bad:80"));
    let at = |text: &str| {
        answer
            .body
            .find(text)
            .unwrap_or_else(|| panic!("no {text}"))
    };
    assert!(at("No problems") < at("class=\"backend failing\""));
    assert!(at("class=\"backend failing\"") < at("class=\"backend healthy\""));
    assert!(at("class=\"backend healthy\"") < at("From Gateway to backend"));
    assert!(at("From Gateway to backend") < at("<table id='all'>"));
    assert!(
        answer
            .body
            .contains("<title>1 failing · Sluicegate</title>")
    );
    assert!(answer.body.contains("<b>1</b> failing"));
    // The link of the tree leads to the line.
    let id = backend::id("cluster d/bad:80");
    assert!(answer.body.contains(&format!("id=\"{id}\"")));
    assert!(answer.body.contains(&format!("href=\"#{id}\"")));
}

#[test]
fn ids_of_different_clusters_differ() {
    assert_eq!(backend::id("a_b|c"), "backend-a_5fb_7cc");
    assert_ne!(backend::id("a.b"), backend::id("a_2eb"));
}

#[test]
fn what_is_empty_says_so() {
    let body = shown(Vec::new(), Vec::new(), Vec::new()).body;
    assert!(body.contains("There is no backend."));
    assert!(body.contains("There is no Gateway of ours"));
}

#[test]
fn of_many_backends_the_worst_are_shown() {
    let most = crate::operator::overview::MOST;
    let rows = (0..=most).map(|at| row(&at.to_string(), State::Healthy, ""));
    let body = shown(rows.collect(), Vec::new(), Vec::new()).body;
    assert_eq!(body.matches("<details class=\"backend").count(), most);
    assert!(body.contains(&format!("The worst {most} of {} are shown.", most + 1)));
}

#[test]
fn a_filter_leaves_names_and_states() {
    let rows = || {
        vec![
            row("d/bad:80", State::Failing, ""),
            row("d/good:80", State::Healthy, ""),
        ]
    };
    for filter in ["bad", "failing"] {
        let body = filtered(filter, rows(), Vec::new(), Vec::new()).body;
        assert!(body.contains("class=\"backend failing\""), "{filter}");
        assert!(!body.contains("class=\"backend healthy\""), "{filter}");
        assert!(body.contains("1 of 2"), "{filter}");
    }
    let body = filtered(HOSTILE, rows(), Vec::new(), Vec::new()).body;
    assert!(body.contains("No backend has <b>&lt;/script&gt;"), "{body}");
    assert!(!body.contains("<img"), "{body}");
}

#[test]
fn without_scripts_it_says_where_the_same_is() {
    let body = shown(Vec::new(), Vec::new(), Vec::new()).body;
    let (_, rest) = body.split_once("<noscript>").unwrap();
    let (said, _) = rest.split_once("</noscript>").unwrap();
    for page in ["overview", "problems", "clusters", "stats", "help"] {
        assert!(said.contains(&format!("href=\"{page}\"")), "{said}");
    }
}

#[test]
fn an_ejected_endpoint_says_by_whom_and_how_long() {
    let mut ill = row("d/bad:80", State::Failing, "");
    ill.endpoints[1].ejection = Some(Ejection {
        by: "consecutive_5xx".into(),
        ago_ms: 10_000,
        returns_in_ms: 290_000,
    });
    let body = shown(vec![ill], Vec::new(), Vec::new()).body;
    assert!(
        body.contains(">ejected: consecutive_5xx, returns in 4 min 50 s</td>"),
        "{body}"
    );
}
