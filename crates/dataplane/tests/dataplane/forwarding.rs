// SPDX-License-Identifier: Apache-2.0
//! Fields that stay on their hop, fields that are added, and values that clients are not believed.
//! Expected bytes are those of Envoy 1.40.

use std::io::Write;

use sluicegate_xds::pb::envoy::{
    config::route::v3::route_action::HostRewriteSpecifier,
    extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
};

use crate::support::{Gateway, Upstream, gateway::Resources, xds};

/// Row 24.
#[test]
fn hop_by_hop_fields_stay_behind() {
    let upstream = Upstream::start(|exchange| {
        exchange.read_body();
        let answer = b"HTTP/1.1 200 OK\r\nConnection: x-named, keep-alive\r\nX-Named: 1\r\n\
            Keep-Alive: x\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\nTrailer: t\r\nVia: v\r\n\
            Forwarded: f\r\nProxy-Authenticate: p\r\nTransfer-Encoding: chunked\r\n\r\n\
            2\r\nok\r\n0\r\n\r\n";
        exchange.stream.write_all(answer).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    let response = client.exact(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\
         Proxy-Connection: x\r\nUpgrade: foo\r\nTE: gzip, trailers\r\nTrailer: t\r\n\
         Proxy-Authorization: p\r\nVia: v\r\nForwarded: f\r\nMax-Forwards: 3\r\nExpect: other\r\n\
         Cookie: a=1\r\nCookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    );
    assert_eq!(
        upstream.last_exact(),
        "POST / HTTP/1.1\r\nhost: h\r\nte: trailers\r\ntrailer: t\r\nproxy-authorization: p\r\n\
         via: v\r\nforwarded: f\r\nmax-forwards: 3\r\nexpect: other\r\ncookie: a=1\r\n\
         cookie: b=2\r\nx-forwarded-proto: http\r\nx-request-id: *\r\n\
         x-envoy-expected-rq-timeout-ms: 15000\r\ntransfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(
        response,
        "HTTP/1.1 200 OK\r\nx-named: 1\r\nte: x\r\ntrailer: t\r\nvia: v\r\nforwarded: f\r\n\
         proxy-authenticate: p\r\nx-envoy-upstream-service-time: *\r\ndate: *\r\n\
         server: envoy\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    );
    let response =
        client.exact("GET / HTTP/1.1\r\nHost: h\r\nTE: gzip\r\nConnection: close\r\n\r\n");
    assert_eq!(
        upstream.last_exact(),
        "GET / HTTP/1.1\r\nhost: h\r\nx-forwarded-proto: http\r\nx-request-id: *\r\n\
         x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n"
    );
    let end = "server: envoy\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
               2\r\nok\r\n0\r\n\r\n";
    assert!(response.ends_with(end), "{response}");
    assert!(client.closed());
}

const PLAIN: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

const CLAIMS: &str = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\n\
    X-Forwarded-Proto: https\r\nX-Request-Id: mine\r\nX-Envoy-Internal: true\r\n\
    X-Envoy-External-Address: 9.9.9.9\r\nX-Envoy-Retry-On: 5xx\r\nX-Envoy-Max-Retries: 9\r\n\
    X-Envoy-Upstream-Rq-Timeout-Ms: 250\r\nX-Envoy-Force-Trace: true\r\n\
    X-Envoy-Decorator-Operation: d\r\nX-Envoy-Original-Path: /o\r\nX-Envoy-Attempt-Count: 7\r\n\
    X-Envoy-Expected-Rq-Timeout-Ms: 9\r\nX-Forwarded-Client-Cert: c\r\nX-Envoy-Foo: kept\r\n\r\n";

const TWO_LINES: &str =
    "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\r\n";

/// What an upstream gets to see, without the request line and what comes last; `NODE` for the
/// address of this machine, `ID` for a request id that is not the client's.
fn forwarded(change: impl Fn(&mut HttpConnectionManager), request: &str) -> String {
    let upstream = Upstream::start(|exchange| {
        let id = exchange
            .head
            .lines()
            .find_map(|line| line.strip_prefix("x-request-id: "));
        let id = id.unwrap_or("none").to_owned();
        let answer = format!("HTTP/1.1 200 OK\r\nID: {id}\r\nContent-Length: 0\r\n\r\n");
        exchange.stream.write_all(answer.as_bytes()).is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(change)];
    let response = Gateway::start(&resources).client().ask(request);
    let id = match response.field("id").unwrap() {
        "mine" => "mine",
        _ => "ID",
    };
    let head = upstream.last_exact();
    let fields = head.strip_prefix("GET / HTTP/1.1\r\nhost: h\r\n").unwrap();
    let fields = fields
        .strip_suffix("x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n")
        .unwrap();
    fields
        .replace("x-request-id: *", &format!("x-request-id: {id}"))
        .replace(&node(), "NODE")
}

/// The address that Envoy calls its own: the first one that is not on the loopback.
fn node() -> String {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.use_remote_address = xds::yes();
    })];
    Gateway::start(&resources).client().get("/");
    let head = upstream.head();
    let mut lines = head.lines();
    let address = lines.find_map(|line| line.strip_prefix("x-forwarded-for: "));
    let address = address.unwrap().to_owned();
    assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
    address
}

/// Row 25.
#[test]
fn behind_another_proxy_its_word_is_taken() {
    assert_eq!(
        forwarded(|_| {}, PLAIN),
        "x-forwarded-proto: http\r\nx-request-id: ID\r\n"
    );
    assert_eq!(
        forwarded(|_| {}, CLAIMS),
        "x-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\nx-request-id: mine\r\n\
         x-envoy-external-address: 9.9.9.9\r\nx-envoy-decorator-operation: d\r\n\
         x-envoy-original-path: /o\r\nx-envoy-attempt-count: 7\r\nx-envoy-foo: kept\r\n"
    );
    assert_eq!(
        forwarded(|_| {}, TWO_LINES),
        "x-forwarded-for: 1.1.1.1,2.2.2.2\r\nx-forwarded-proto: http\r\nx-request-id: ID\r\n"
    );
}

/// Row 25.
#[test]
fn the_edge_distrusts_what_clients_claim() {
    let edge = |manager: &mut HttpConnectionManager| manager.use_remote_address = xds::yes();
    assert_eq!(
        forwarded(edge, PLAIN),
        "x-forwarded-for: NODE\r\nx-forwarded-proto: http\r\n\
         x-envoy-external-address: 127.0.0.1\r\nx-request-id: ID\r\n"
    );
    assert_eq!(
        forwarded(edge, CLAIMS),
        "x-forwarded-for: 1.2.3.4,NODE\r\nx-forwarded-proto: http\r\nx-request-id: ID\r\n\
         x-envoy-external-address: 127.0.0.1\r\nx-envoy-attempt-count: 7\r\nx-envoy-foo: kept\r\n"
    );
    assert_eq!(
        forwarded(edge, TWO_LINES),
        "x-forwarded-for: 1.1.1.1,2.2.2.2,NODE\r\nx-forwarded-proto: http\r\n\
         x-envoy-external-address: 127.0.0.1\r\nx-request-id: ID\r\n"
    );
}

/// Row 25.
#[test]
fn the_edge_can_be_told_to_trust() {
    type Change = fn(&mut HttpConnectionManager);
    let cases: [(Change, &str, &str); 6] = [
        (
            |manager| manager.xff_num_trusted_hops = 1,
            CLAIMS,
            "x-forwarded-for: 1.2.3.4,NODE\r\nx-forwarded-proto: https\r\nx-request-id: ID\r\n\
             x-envoy-external-address: 1.2.3.4\r\n",
        ),
        (
            |manager| manager.xff_num_trusted_hops = 1,
            TWO_LINES,
            "x-forwarded-for: 1.1.1.1,2.2.2.2,NODE\r\nx-forwarded-proto: http\r\n\
             x-envoy-external-address: 2.2.2.2\r\nx-request-id: ID\r\n",
        ),
        (
            |manager| manager.xff_num_trusted_hops = 1,
            PLAIN,
            "x-forwarded-for: NODE\r\nx-forwarded-proto: http\r\n\
             x-envoy-external-address: 127.0.0.1\r\nx-request-id: ID\r\n",
        ),
        (
            |manager| manager.preserve_external_request_id = true,
            CLAIMS,
            "x-forwarded-for: 1.2.3.4,NODE\r\nx-forwarded-proto: http\r\nx-request-id: mine\r\n\
             x-envoy-external-address: 127.0.0.1\r\n",
        ),
        (
            |manager| manager.skip_xff_append = true,
            CLAIMS,
            "x-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: http\r\nx-request-id: ID\r\n\
             x-envoy-external-address: 127.0.0.1\r\n",
        ),
        (
            |manager| manager.generate_request_id = xds::no(),
            CLAIMS,
            "x-forwarded-for: 1.2.3.4,NODE\r\nx-forwarded-proto: http\r\nx-request-id: mine\r\n\
             x-envoy-external-address: 127.0.0.1\r\n",
        ),
    ];
    for (change, request, wanted) in cases {
        let kept = match request {
            CLAIMS => "x-envoy-attempt-count: 7\r\nx-envoy-foo: kept\r\n",
            _ => "",
        };
        let found = forwarded(
            |manager| {
                manager.use_remote_address = xds::yes();
                change(manager);
            },
            request,
        );
        assert_eq!(found, format!("{wanted}{kept}"));
    }
}

/// Row 25.
#[test]
fn rewrites_say_what_was_there_before() {
    for (literal, forwarded_host, prefix, wanted) in [
        ("", false, "", "GET /a HTTP/1.1\r\nhost: Old:8\r\n|"),
        (
            "new",
            false,
            "",
            "GET /a HTTP/1.1\r\nhost: new\r\n|x-envoy-original-host: Old:8\r\n",
        ),
        (
            "new",
            true,
            "",
            "GET /a HTTP/1.1\r\nhost: new\r\n|x-envoy-original-host: Old:8\r\n\
             x-forwarded-host: Old:8\r\n",
        ),
        (
            "",
            false,
            "/x",
            "GET /xa HTTP/1.1\r\nhost: Old:8\r\n|x-envoy-original-path: /a\r\n",
        ),
    ] {
        let upstream = Upstream::ok();
        let mut resources = Resources::simple(&[upstream.address]);
        resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
            action.prefix_rewrite = prefix.to_owned();
            action.append_x_forwarded_host = forwarded_host;
            if !literal.is_empty() {
                action.host_rewrite_specifier =
                    Some(HostRewriteSpecifier::HostRewriteLiteral(literal.to_owned()));
            }
        })])];
        let gateway = Gateway::start(&resources);
        gateway
            .client()
            .ask("GET /a HTTP/1.1\r\nHost: Old:8\r\n\r\n");
        let added = "x-forwarded-proto: http\r\nx-request-id: *\r\n\
                     x-envoy-expected-rq-timeout-ms: 15000\r\n";
        assert_eq!(upstream.last_exact(), wanted.replace('|', added) + "\r\n");
    }
}

/// Row 25.
#[test]
fn server_date_and_time_follow_their_settings() {
    const FULL: &str = "HTTP/1.1 200 OK\r\nX-Envoy-Upstream-Service-Time: 99999\r\n\
        Server: theirs\r\nDate: then\r\nX-Envoy-Degraded: 1\r\n\
        X-Envoy-Immediate-Health-Check-Fail: 1\r\nX-Envoy-Foo: f\r\nContent-Length: 0\r\n\r\n";
    const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for (transformation, server, added) in [
        (0, "me", "server: me\r\n"),
        (1, "theirs", "server: me\r\n"),
        (2, "theirs", ""),
    ] {
        let mut listener = xds::listener(|manager| {
            manager.server_name = "me".to_owned();
            manager.server_header_transformation = transformation;
        });
        let mut heads = Vec::new();
        for answer in [FULL, EMPTY] {
            let upstream = Upstream::answering(answer);
            let mut resources = Resources::simple(&[upstream.address]);
            resources.listeners = vec![std::mem::take(&mut listener)];
            let response = Gateway::start(&resources).client().ask(PLAIN);
            heads.push(response);
            listener = resources.listeners.remove(0);
        }
        let server = format!("server: {server}");
        assert_eq!(
            heads[0].lines(),
            [
                "x-envoy-upstream-service-time: *",
                &server,
                "date: *",
                "x-envoy-degraded: 1",
                "x-envoy-immediate-health-check-fail: 1",
                "x-envoy-foo: f",
                "content-length: 0",
            ]
        );
        let mut wanted = vec![
            "content-length: 0",
            "x-envoy-upstream-service-time: *",
            "date: *",
        ];
        wanted.extend(added.lines());
        assert_eq!(heads[1].lines(), wanted);
    }
}

/// Row 25. A limit of the route is told to the upstream, unless nothing of that kind is wanted.
#[test]
fn the_router_can_keep_its_headers_to_itself() {
    for (suppress, timeout, told) in [
        (false, 2.0, "x-envoy-expected-rq-timeout-ms: 2000\r\n"),
        (false, 0.0, ""),
        (true, 2.0, ""),
    ] {
        let upstream = Upstream::ok();
        let mut resources = Resources::simple(&[upstream.address]);
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_filters = vec![xds::router(suppress)];
        })];
        resources.routes = vec![xds::routes(vec![
            xds::route("/none", "d", |_| {}),
            xds::route("/", "c", |action| action.timeout = xds::seconds(timeout)),
        ])];
        resources.clusters.push(xds::cluster("d", |cluster| {
            cluster.circuit_breakers = xds::limits(|limits| {
                limits.max_pending_requests = xds::number(0);
            });
        }));
        resources
            .endpoints
            .push(xds::endpoints("d", &[upstream.address]));
        let gateway = Gateway::start(&resources);
        let mut client = gateway.client();
        let response = client.ask(PLAIN);
        assert_eq!(
            upstream.last_exact(),
            format!(
                "GET / HTTP/1.1\r\nhost: h\r\nx-forwarded-proto: http\r\n\
                 x-request-id: *\r\n{told}\r\n"
            )
        );
        let time = response.field("x-envoy-upstream-service-time");
        assert_eq!(time.is_none(), suppress);
        let overloaded = client.get("/none");
        let shown = overloaded.field("x-envoy-overloaded");
        assert_eq!((overloaded.status(), shown.is_none()), (503, suppress));
    }
}
