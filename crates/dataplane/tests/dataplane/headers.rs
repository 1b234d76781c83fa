// SPDX-License-Identifier: Apache-2.0
//! Limits on header fields, and the field that ends a connection.

use sluicegate_xds::pb::envoy::config::core::v3::HttpProtocolOptions;

use crate::support::{Gateway, Upstream, client::Response, gateway::Resources, xds};

/// Sends a request through; returns the head that the upstream saw and the response.
fn through(resources: &Resources, upstream: &Upstream, request: &str) -> (String, Response) {
    let gateway = Gateway::start(resources);
    let response = gateway.client().ask(request);
    (upstream.head(), response)
}

#[test]
fn a_client_that_asks_to_close_gets_it() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    let response = client.ask("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(response.field("connection"), Some("close"));
    assert!(client.closed());
    assert!(!upstream.head().contains("connection"));
}

/// A head of `count` lines and at least `bytes` bytes.
fn sized(first: &str, count: usize, bytes: usize) -> String {
    let fields: String = (1..count).map(|n| format!("x-{n}: y\r\n")).collect();
    let filler = "z".repeat(bytes.saturating_sub(first.len() + fields.len() + 14));
    format!("{first}{fields}x-filler: {filler}\r\n\r\n")
}

/// Row 20.
#[test]
fn a_listener_limits_request_heads() {
    let upstream = Upstream::ok();
    let mut limited = Resources::simple(&[upstream.address]);
    limited.listeners = vec![xds::listener(|manager| {
        manager.max_request_headers_kb = xds::number(2);
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_headers_count: xds::number(5),
            ..HttpProtocolOptions::default()
        });
    })];
    let defaults = Resources::simple(&[upstream.address]);
    for (resources, count, kilobytes) in [(defaults, 100, 60), (limited, 5, 2)] {
        // A backend takes as many as the client sends; Envoy's additions do not count.
        let gateway = Gateway::start(&resources);
        let first = "GET / HTTP/1.1\r\nHost: a\r\n";
        for (lines, bytes, fits) in [
            (count - 1, 100, true),
            (count, 100, false),
            (2, kilobytes * 1024 - 100, true),
            (2, kilobytes * 1024 + 100, false),
        ] {
            let mut client = gateway.client();
            let response = client.exact(sized(first, lines, bytes));
            if fits {
                assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
                continue;
            }
            assert_eq!(
                response,
                "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 31\r\n\
                 content-type: text/plain\r\ndate: *\r\nserver: envoy\r\n\
                 connection: close\r\n\r\nRequest Header Fields Too Large"
            );
        }
    }
}

/// Row 18.
#[test]
fn response_heads_have_limits_by_default() {
    for (lines, bytes, status) in [
        (99, 100, 200),
        (100, 100, 502),
        (2, 78 * 1024, 200),
        (2, 81 * 1024, 502),
    ] {
        let first = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n";
        let upstream = Upstream::answering(sized(first, lines, bytes).leak());
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let response = gateway.client().get("/");
        assert_eq!(response.status(), status, "{lines} {bytes}");
    }
}

/// Row 18.
#[test]
fn a_cluster_limits_header_counts_both_ways() {
    let with = |lines: usize, first: &str| {
        let fields: String = (1..lines).map(|n| format!("x-{n}: y\r\n")).collect();
        format!("{first}{fields}\r\n")
    };
    for (request_lines, response_lines, status) in [(15, 15, 200), (16, 15, 431), (15, 16, 502)] {
        let answer = with(response_lines, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        let upstream = Upstream::answering(answer.leak());
        let mut resources = Resources::simple(&[upstream.address]);
        let common = HttpProtocolOptions {
            max_headers_count: xds::number(15),
            ..HttpProtocolOptions::default()
        };
        xds::common_http(&mut resources.clusters[0], common);
        let gateway = Gateway::start(&resources);
        let request = with(request_lines, "GET / HTTP/1.1\r\nHost: a\r\n");
        assert_eq!(gateway.client().ask(request).status(), status);
    }
}

/// Row 21.
#[test]
fn a_cluster_decides_about_underscores() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nA_B: 1\r\nA-C: 2\r\n\r\n";
    for (action, status, forwarded) in [(0, 200, true), (1, 400, false), (2, 200, false)] {
        let upstream =
            Upstream::answering("HTTP/1.1 200 OK\r\nr_s: 1\r\nContent-Length: 0\r\n\r\n");
        let mut resources = Resources::simple(&[upstream.address]);
        let common = HttpProtocolOptions {
            headers_with_underscores_action: action,
            ..HttpProtocolOptions::default()
        };
        xds::common_http(&mut resources.clusters[0], common);
        let gateway = Gateway::start(&resources);
        let mut client = gateway.client();
        let response = client.ask(request);
        assert_eq!(response.status(), status);
        if status == 200 {
            assert_eq!(upstream.head().contains("a_b: 1"), forwarded);
            assert!(upstream.head().contains("a-c: 2"));
            assert_eq!(response.field("r_s"), Some("1"));
        }
        assert_eq!(
            client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(),
            200
        );
    }
}

/// Row 21.
#[test]
fn a_listener_decides_about_underscores_too() {
    let mut resources = Resources::simple(&[]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            headers_with_underscores_action: 1,
            ..HttpProtocolOptions::default()
        });
    })];
    let gateway = Gateway::start(&resources);
    let response = gateway
        .client()
        .ask("GET / HTTP/1.1\r\nHost: a\r\nA_B: 1\r\n\r\n");
    assert_eq!(
        (response.status(), response.field("connection")),
        (400, Some("close"))
    );
    gateway.expect("http1.requests_rejected_with_underscores_in_headers", 1);
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            headers_with_underscores_action: 2,
            ..HttpProtocolOptions::default()
        });
    })];
    let (head, _) = through(
        &resources,
        &upstream,
        "GET / HTTP/1.1\r\nHost: a\r\nA_B: 1\r\n\r\n",
    );
    assert!(!head.contains("a_b"));
}
