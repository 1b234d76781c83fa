// SPDX-License-Identifier: Apache-2.0
//! What happens to header fields on the way.

use sluicegate_xds::pb::envoy::config::core::v3::{Http1ProtocolOptions, HttpProtocolOptions};

use crate::support::{Gateway, Upstream, client::Response, gateway::Resources, xds};

/// Sends a request through; returns the head that the upstream saw and the response.
fn through(resources: &Resources, upstream: &Upstream, request: &str) -> (String, Response) {
    let gateway = Gateway::start(resources);
    let response = gateway.client().ask(request);
    (upstream.head(), response)
}

const MIXED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: 1\r\nfoo$b#$are: x\r\n\
                     X-Dup: a\r\nx-dup: b\r\n\r\nok";

const REQUEST: &str = "GET / HTTP/1.1\r\nHOST: h\r\nX-MiXed: 1\r\nfoo$b#$are: x\r\n\
                       X-Dup: a\r\nx-dup: b\r\n\r\n";

#[derive(Clone, Copy, PartialEq, Debug)]
enum Format {
    Lower,
    Proper,
    Preserve,
}

fn options(format: Format) -> Http1ProtocolOptions {
    Http1ProtocolOptions {
        header_key_format: match format {
            Format::Lower => None,
            Format::Proper => xds::proper_case(),
            Format::Preserve => xds::preserve_case(),
        },
        ..Http1ProtocolOptions::default()
    }
}

#[test]
fn case_rules_of_both_sides() {
    use Format::{Lower, Preserve, Proper};
    for down in [Lower, Proper, Preserve] {
        for up in [Lower, Proper, Preserve] {
            let upstream = Upstream::answering(MIXED);
            let mut resources = Resources::simple(&[upstream.address]);
            let common = HttpProtocolOptions::default();
            xds::http(&mut resources.clusters[0], common, options(up));
            resources.listeners = vec![xds::listener(|manager| {
                manager.http_protocol_options = Some(options(down));
            })];
            let (head, response) = through(&resources, &upstream, REQUEST);
            let request_names = match (down, up) {
                (Preserve, _) => [
                    "HOST",
                    "X-MiXed",
                    "foo$b#$are",
                    "X-Dup",
                    "X-Dup",
                    "x-forwarded-proto",
                ],
                (_, Proper) => [
                    "Host",
                    "X-Mixed",
                    "Foo$B#$Are",
                    "X-Dup",
                    "X-Dup",
                    "X-Forwarded-Proto",
                ],
                _ => [
                    "host",
                    "x-mixed",
                    "foo$b#$are",
                    "x-dup",
                    "x-dup",
                    "x-forwarded-proto",
                ],
            };
            let response_names = match (up, down) {
                (Preserve, _) => [
                    "Content-Length",
                    "ETag",
                    "foo$b#$are",
                    "X-Dup",
                    "X-Dup",
                    "x-envoy-upstream-service-time",
                    "date",
                    "server",
                ],
                (_, Proper) => [
                    "Content-Length",
                    "Etag",
                    "Foo$B#$Are",
                    "X-Dup",
                    "X-Dup",
                    "X-Envoy-Upstream-Service-Time",
                    "Date",
                    "Server",
                ],
                _ => [
                    "content-length",
                    "etag",
                    "foo$b#$are",
                    "x-dup",
                    "x-dup",
                    "x-envoy-upstream-service-time",
                    "date",
                    "server",
                ],
            };
            let names = |lines: &[&str]| -> Vec<String> {
                lines
                    .iter()
                    .map(|line| line.split(": ").next().unwrap().to_owned())
                    .collect()
            };
            let sent: Vec<&str> = head.lines().skip(1).take(6).collect();
            assert_eq!(names(&sent), request_names, "{down:?} {up:?}");
            assert_eq!(names(&response.lines()), response_names, "{down:?} {up:?}");
        }
    }
}

#[test]
fn local_replies_follow_proper_case_only() {
    for (format, wanted) in [
        (Format::Proper, "Content-Length"),
        (Format::Preserve, "content-length"),
    ] {
        let mut resources = Resources::simple(&[]);
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_protocol_options = Some(options(format));
        })];
        let response = Gateway::start(&resources).client().get("/");
        assert!(response.lines()[0].starts_with(wanted), "{response:?}");
    }
}

#[test]
fn hop_by_hop_fields_stay_behind() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nConnection: x-named, keep-alive\r\nX-Named: 1\r\nKeep-Alive: x\r\n\
         Proxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\nTrailer: t\r\nVia: v\r\n\
         Proxy-Authenticate: p\r\nContent-Length: 0\r\n\r\n",
    );
    let resources = Resources::simple(&[upstream.address]);
    let (head, response) = through(
        &resources,
        &upstream,
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: x\r\nUpgrade: foo\r\nTE: gzip, trailers\r\nTrailer: t\r\n\
         Proxy-Authorization: p\r\nVia: v\r\nForwarded: f\r\nMax-Forwards: 3\r\nExpect: other\r\n\
         Cookie: a=1\r\nCookie: b=2\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(
        head,
        "GET / HTTP/1.1\nhost: h\nte: trailers\ntrailer: t\nproxy-authorization: p\nvia: v\n\
         forwarded: f\nmax-forwards: 3\nexpect: other\ncookie: a=1\ncookie: b=2\n\
         content-length: 0\nx-forwarded-proto: http\nx-request-id: *\n\
         x-envoy-expected-rq-timeout-ms: 15000"
    );
    assert_eq!(
        response.lines(),
        [
            "x-named: 1",
            "te: x",
            "trailer: t",
            "via: v",
            "proxy-authenticate: p",
            "content-length: 0",
            "x-envoy-upstream-service-time: *",
            "date: *",
            "server: envoy",
        ]
    );
}

#[test]
fn the_edge_distrusts_what_clients_claim() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\
                   X-Request-Id: mine\r\nX-Envoy-Internal: true\r\nX-Envoy-Retry-On: 5xx\r\n\
                   X-Envoy-External-Address: 9.9.9.9\r\nX-Envoy-Foo: kept\r\n\r\n";
    let upstream = Upstream::ok();
    let (head, _) = through(&Resources::simple(&[upstream.address]), &upstream, request);
    assert_eq!(
        head,
        "GET / HTTP/1.1\nhost: h\nx-forwarded-for: 1.2.3.4\nx-forwarded-proto: https\n\
         x-request-id: *\nx-envoy-external-address: 9.9.9.9\nx-envoy-foo: kept\n\
         x-envoy-expected-rq-timeout-ms: 15000"
    );
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.use_remote_address = xds::yes();
    })];
    let (head, _) = through(&resources, &upstream, request);
    let lines: Vec<&str> = head.lines().collect();
    assert!(lines[2].starts_with("x-forwarded-for: 1.2.3.4,"), "{head}");
    assert!(!lines[2].contains(", "), "{head}");
    assert_eq!(lines[3], "x-forwarded-proto: http");
    assert!(!head.contains("9.9.9.9"));
    assert_eq!(lines[5], "x-envoy-foo: kept");
    assert!(lines[6].starts_with("x-envoy-external-address: "), "{head}");
}

#[test]
fn server_and_date_follow_their_settings() {
    for (transformation, wanted) in [
        (0, "server: me"),
        (1, "server: theirs"),
        (2, "server: theirs"),
    ] {
        let upstream = Upstream::answering(
            "HTTP/1.1 200 OK\r\nServer: theirs\r\nDate: then\r\n\
             X-Envoy-Upstream-Service-Time: 9\r\nContent-Length: 0\r\n\r\n",
        );
        let mut resources = Resources::simple(&[upstream.address]);
        resources.listeners = vec![xds::listener(|manager| {
            manager.server_name = "me".to_owned();
            manager.server_header_transformation = transformation;
        })];
        let (_, response) = through(&resources, &upstream, REQUEST);
        assert_eq!(
            response.lines(),
            [
                wanted,
                "date: *",
                "x-envoy-upstream-service-time: *",
                "content-length: 0"
            ]
        );
    }
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
        xds::http(
            &mut resources.clusters[0],
            common,
            Http1ProtocolOptions::default(),
        );
        let gateway = Gateway::start(&resources);
        let request = with(request_lines, "GET / HTTP/1.1\r\nHost: a\r\n");
        assert_eq!(gateway.client().ask(request).status(), status);
    }
}

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
        xds::http(
            &mut resources.clusters[0],
            common,
            Http1ProtocolOptions::default(),
        );
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
