// SPDX-License-Identifier: Apache-2.0
//! The admin interface over a data plane that serves: what it shows of its configuration and of a
//! request.
//!
//! The peer suite compares whatever is noted here with what Envoy says.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use sluicegate_xds::pb::envoy::config::{
    cluster::v3::UpstreamConnectionOptions,
    core::v3::{
        Http1ProtocolOptions, HttpProtocolOptions, TcpKeepalive,
        http_protocol_options::HeadersWithUnderscoresAction,
    },
};

use crate::support::{Gateway, Upstream, gateway::Resources, plane::differs, transcript, xds};

/// Cluster `c` with the settings of the founding documents.
fn resources(upstream: &Upstream) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    let cluster = &mut resources.clusters[0];
    cluster.per_connection_buffer_limit_bytes = xds::number(2048);
    cluster.metadata = Some(Default::default());
    cluster.upstream_connection_options = Some(UpstreamConnectionOptions {
        tcp_keepalive: Some(TcpKeepalive {
            keepalive_probes: xds::number(3),
            keepalive_time: xds::number(30),
            keepalive_interval: xds::number(5),
        }),
        ..UpstreamConnectionOptions::default()
    });
    let common = HttpProtocolOptions {
        idle_timeout: xds::seconds(10.0),
        max_headers_count: xds::number(15),
        max_stream_duration: xds::seconds(30.0),
        headers_with_underscores_action: HeadersWithUnderscoresAction::RejectRequest as i32,
        max_requests_per_connection: xds::number(100),
        ..HttpProtocolOptions::default()
    };
    let http1 = Http1ProtocolOptions {
        header_key_format: xds::preserve_case(),
        enable_trailers: true,
        ..Http1ProtocolOptions::default()
    };
    xds::http(cluster, common, http1);
    resources
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// An element of a dump without what differs from run to run.
fn plain(mut element: Value) -> Value {
    match &mut element {
        Value::Object(fields) => {
            for name in ["version_info", "last_updated", "port_value"] {
                fields.shift_remove(name);
            }
            for value in fields.values_mut() {
                *value = plain(value.take());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = plain(item.take())),
        _ => {}
    }
    element
}

/// Row 73.
#[test]
fn the_dump_shows_what_was_published() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&resources(&upstream));
    let answer = gateway.admin("POST", "/config_dump?include_eds");
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/json")
    );
    let dump = json(&answer.text);
    let mut types = Vec::new();
    for section in dump["configs"].as_array().unwrap() {
        let of = section["@type"].as_str().unwrap();
        types.push(of.rsplit('.').next().unwrap());
        for (list, elements) in section.as_object().unwrap() {
            let Some(elements) = elements.as_array().filter(|_| list.starts_with("dynamic_"))
            else {
                continue;
            };
            for element in elements {
                let text = sluicegate_xds::json::to_string(&plain(element.clone()));
                // Of the harness.
                if !text.contains("\"marker\"") {
                    transcript::note(list, &text, b"");
                }
            }
        }
    }
    assert_eq!(
        types,
        [
            "BootstrapConfigDump",
            "ClustersConfigDump",
            "EndpointsConfigDump",
            "ListenersConfigDump",
            "ScopedRoutesConfigDump",
            "RoutesConfigDump",
            "SecretsConfigDump",
        ]
    );
    // The text is what one-space indentation of the same value gives.
    assert_eq!(sluicegate_xds::json::to_string(&dump), answer.text);
}

/// Row 74.
#[test]
fn queries_of_the_dump() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&resources(&upstream));
    for (query, status) in [
        ("resource=dynamic_active_clusters", 200),
        ("resource=dynamic_active_clusters&mask=cluster.name", 200),
        ("resource=dynamic_active_clusters&name_regex=c", 200),
        ("resource=dynamic_active_clusters&name_regex=z", 200),
        ("resource=dynamic_endpoint_configs&include_eds", 200),
        ("resource=dynamic_endpoint_configs", 404),
        ("resource=dynamic_listeners", 200),
        ("resource=dynamic_warming_clusters", 200),
        ("resource=bootstrap", 400),
        ("resource=nope", 404),
        ("mask=nope", 400),
        ("mask=static_clusters.cluster.name,version_info", 400),
        ("name_regex=(", 400),
    ] {
        let answer = gateway.admin("GET", &format!("/config_dump?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
        let text = match serde_json::from_str(&answer.text) {
            Ok(value) => sluicegate_xds::json::to_string(&plain(value)),
            Err(_) => answer.text,
        };
        transcript::note(query, &answer.content_type, text.as_bytes());
    }
    // Envoy's text has marks that change from run to run.
    let answer = gateway.admin("GET", "/config_dump?resource=dynamic_listeners&mask=a.nope");
    assert_eq!(answer.status, 400);
    assert!(
        answer.text.contains("paths: \"a.nope\"\n"),
        "{}",
        answer.text
    );
}

/// Row 75.
#[test]
fn methods_of_pages() {
    let gateway = Gateway::start(&Resources::simple(&[]));
    for page in [
        "/quitquitquit",
        "/logging",
        "/runtime_modify",
        "/drain_listeners",
        "/healthcheck/fail",
        "/healthcheck/ok",
        "/reset_counters",
        "/reopen_logs",
    ] {
        let answer = gateway.admin("GET", page);
        assert_eq!(answer.status, 405, "{page}");
        assert_eq!(answer.text, "Method GET not allowed, POST required.");
        assert_eq!(answer.content_type, "text/plain; charset=UTF-8", "{page}");
    }
    for (method, page, status) in [
        ("GET", "/ready", 200),
        ("POST", "/ready", 200),
        ("PUT", "/ready", 200),
        ("GET", "/stats?filter=(", 400),
        ("GET", "/stats?type=x", 400),
        ("GET", "/stats?format=x", 400),
        ("POST", "/reset_counters", 200),
        ("POST", "/healthcheck/fail?x", 200),
        ("GET", "/nope", 404),
        ("GET", "/clusters/", 404),
        ("GET", "/Ready", 404),
        ("POST", "/clusters?filter=(", 400),
        ("GET", "/stats?hidden=nope", 400),
        ("GET", "/stats?hidden=only&format=json", 200),
        ("POST", "/logging?level=nope", 400),
        ("POST", "/logging?nope=info", 400),
        ("POST", "/runtime_modify", 400),
        ("POST", "/healthcheck/ok", 200),
        ("POST", "/reopen_logs", 200),
    ] {
        let answer = gateway.admin(method, page);
        assert_eq!(answer.status, status, "{page}: {}", answer.text);
        // The list of pages is longer here or there.
        let line = answer.text.lines().next().unwrap_or_default();
        let of = format!("{method} {page}");
        transcript::note(&of, &answer.content_type, line.as_bytes());
    }
}

/// Row 75.
#[test]
fn every_method_reads() {
    // Pages that only read answer every method alike.
    let gateway = Gateway::start(&Resources::simple(&[]));
    let pages = [
        "/",
        "/certs",
        "/clusters",
        "/clusters?format=json",
        "/config_dump",
        "/contention",
        "/help",
        "/init_dump",
        "/listeners",
        "/listeners?format=json",
        "/memory",
        "/ready",
        "/runtime",
        "/server_info",
        "/stats",
        "/stats?format=json",
        "/stats?format=html",
        "/stats/prometheus",
    ];
    for page in pages {
        for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = gateway.admin(method, page);
            assert_eq!(answer.status, 200, "{method} {page}");
            transcript::note(&format!("{method} {page}"), &answer.content_type, b"");
        }
    }
}

/// Row 76.
#[test]
fn numbers_after_a_request() {
    static RUN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"127\.0\.0\.1[:_]\d+").unwrap());
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&resources(&upstream));
    assert_eq!(gateway.client().get("/").status(), 200);
    gateway.expect("http.test.downstream_cx_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    let note = |of: &str, text: &str, wanted: &dyn Fn(&str) -> bool| {
        for line in text.lines().filter(|line| wanted(line)) {
            transcript::note(of, &RUN.replace_all(line, "*"), b"");
        }
    };
    let answer = gateway.admin("GET", "/clusters");
    assert_eq!(answer.status, 200);
    note("/clusters", &answer.text, &|line| {
        line.starts_with("c::") && !line.contains("::outlier::")
    });
    // What has happened to requests, but for bytes and times.
    let happened = |line: &str| {
        let families = ["upstream_", "downstream_", "membership_"];
        let of = [
            "cluster.c.",
            "http.test.",
            "listener.",
            "_name=\"c\"",
            "prefix=\"test\"",
        ];
        families.iter().any(|part| line.contains(part))
            && of.iter().any(|part| line.contains(part))
            && ![
                "bytes",
                "_time",
                "_ms",
                "P0(",
                "No recorded",
                "listener.admin.",
            ]
            .iter()
            .any(|part| line.contains(part))
            && !line.ends_with(" 0")
            && !DECIDED.iter().any(|part| line.contains(part))
    };
    differs("numbers of listeners and workers");
    differs("numbers of each code");
    let answer = gateway.admin("GET", "/stats");
    note("/stats", &answer.text, &happened);
    let answer = gateway.admin("GET", "/stats/prometheus");
    note("prometheus", &answer.text, &happened);
}

/// Numbers that only one of the two has: those of responses by listener, by worker, and by code.
const DECIDED: [&str; 6] = [
    ".http.test.",
    ".worker_0.",
    "listener_http",
    "listener_worker",
    "http.test.downstream_rq_200",
    "envoy_http_downstream_rq{",
];
