// SPDX-License-Identifier: Apache-2.0
//! Messages that are not well formed, from clients and from backends, and odd ones that are.
//! Answers are those of Envoy 1.40 unless `docs/reference/differences.md` says otherwise.

use sluicegate_xds::pb::envoy::{
    config::core::v3::{Http1ProtocolOptions, HttpProtocolOptions},
    extensions::filters::network::http_connection_manager::v3::HttpConnectionManager,
};

use crate::support::{Gateway, Upstream, gateway::Resources, plane::differs, xds};

/// Refused by the codec, so that nothing after it on the connection can be understood.
const BROKEN: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\ncontent-type: text/plain\r\n\
    date: *\r\nserver: envoy\r\nconnection: close\r\n\r\nBad Request";

/// Refused after decoding.
const REFUSED: &str =
    "HTTP/1.1 400 Bad Request\r\ndate: *\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n";

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-envoy-upstream-service-time: *\r\n\
    date: *\r\nserver: envoy\r\n\r\nok";

/// A reply that closes, as `REFUSED` does by default.
fn closing(reply: &str) -> String {
    reply.replace(
        "content-length: 0\r\n",
        "connection: close\r\ncontent-length: 0\r\n",
    )
}

type Change = fn(&mut HttpConnectionManager);

/// The listener's own settings, and the two ways to keep connections after a refusal.
const SETTINGS: [(Change, bool); 3] = [
    (|_| {}, false),
    (
        |manager| manager.stream_error_on_invalid_http_message = xds::yes(),
        true,
    ),
    (
        |manager| {
            manager.http_protocol_options = Some(Http1ProtocolOptions {
                override_stream_error_on_invalid_http_message: xds::yes(),
                ..Http1ProtocolOptions::default()
            });
        },
        true,
    ),
];

fn with_every_setting(check: impl Fn(&Gateway, &Upstream, bool)) {
    for (change, keeps) in SETTINGS {
        let upstream = Upstream::ok();
        let mut resources = Resources::simple(&[upstream.address]);
        resources.listeners = vec![xds::listener(change)];
        check(&Gateway::start(&resources), &upstream, keeps);
    }
}

/// Row 27.
#[test]
fn requests_that_the_codec_refuses_close() {
    let status = |code: &str, body: &str| {
        BROKEN
            .replace("400 Bad Request", code)
            .replace("11", &body.len().to_string())
            .replace("Bad Request", body)
    };
    let bad: [(&[u8], String); 20] = [
        (b"GET / HTTP/1.1\r\nHost: a\r\nB ad: 1\r\n\r\n", BROKEN.to_owned()),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", BROKEN.to_owned()),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", BROKEN.to_owned()),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            BROKEN.to_owned(),
        ),
        (b"FOO / HTTP/1.1\r\nHost: a\r\n\r\n", BROKEN.to_owned()),
        (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", BROKEN.to_owned()),
        (b"garbage\r\n\r\n", BROKEN.to_owned()),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", BROKEN.to_owned()),
        (b"GET ?q HTTP/1.1\r\nHost: a\r\n\r\n", BROKEN.to_owned()),
        (b"GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n", BROKEN.to_owned()),
        ("GET /\u{e4} HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes(), BROKEN.to_owned()),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n", BROKEN.to_owned()),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            BROKEN.to_owned(),
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            status("501 Not Implemented", "Not Implemented"),
        ),
        (
            b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
            status("426 Upgrade Required", "Upgrade Required"),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, X-Forwarded-For\r\n\r\n",
            BROKEN.to_owned(),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: :path\r\n\r\n",
            BROKEN.to_owned(),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: 1,2,3,4,5,6\r\nConnection: 7,8,9,10,11\r\n\r\n",
            BROKEN.to_owned(),
        ),
        (
            b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            closing(&REFUSED.replace("400 Bad Request", "404 Not Found")),
        ),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            closing(&REFUSED.replace("400 Bad Request", "403 Forbidden")),
        ),
    ];
    with_every_setting(|gateway, upstream, _| {
        for (request, wanted) in &bad {
            let mut client = gateway.client();
            let shown = String::from_utf8_lossy(request);
            assert_eq!(client.exact(request), *wanted, "{shown}");
            assert!(client.closed(), "{shown}");
        }
        assert_eq!(upstream.count(), 0);
    });
}

/// Row 27.
#[test]
fn requests_that_are_refused_when_decoded_close_unless_told_otherwise() {
    with_every_setting(|gateway, upstream, keeps| {
        for request in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
            "GET /#f HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            let mut client = gateway.client();
            if keeps {
                assert_eq!(client.exact(request), REFUSED);
                assert_eq!(client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), OK);
            } else {
                assert_eq!(client.exact(request), closing(REFUSED));
                assert!(client.closed());
            }
        }
        assert_eq!(upstream.count(), if keeps { 3 } else { 0 });
    });
}

/// Rows 24 and 27. Its body would be the next request.
#[test]
fn a_length_stays_whoever_wants_it_away() {
    let upstream = Upstream::start(|exchange| {
        let body = String::from_utf8(exchange.read_body()).unwrap();
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        std::io::Write::write_all(exchange.stream, answer.as_bytes()).is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    let mut route = xds::route("/", "c", |_| {});
    route.request_headers_to_remove = vec!["content-length".to_owned()];
    route.response_headers_to_remove = vec!["content-length".to_owned()];
    resources.routes = vec![xds::routes(vec![xds::route("/named", "c", |_| {}), route])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let inner = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";
    for request in [
        "POST /named HTTP/1.1\r\nConnection: content-length",
        "POST / HTTP/1.1",
    ] {
        let response = client.ask(format!(
            "{request}\r\nHost: a\r\nContent-Length: {}\r\n\r\n{inner}",
            inner.len()
        ));
        assert_eq!((response.status(), response.text()), (200, inner));
        let length = format!("\r\ncontent-length: {}\r\n", inner.len());
        assert!(upstream.last_exact().contains(&length));
    }
    assert_eq!(upstream.count(), 2);
}

/// Row 27. Where we are stricter, and Envoy lets two servers read two things.
#[test]
fn requests_that_could_be_read_in_two_ways_are_refused() {
    with_every_setting(|gateway, upstream, _| {
        for request in [
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            "GET http://abs?q HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        ] {
            let mut client = gateway.client();
            assert_eq!(client.exact(request), BROKEN, "{request}");
            assert!(client.closed(), "{request}");
        }
        assert_eq!(upstream.count(), 0);
    });
}

/// Row 27.
#[test]
fn odd_requests_that_are_well_formed_go_through() {
    with_every_setting(|gateway, upstream, _| {
        let mut client = gateway.client();
        for (request, line, host) in [
            (
                "GET http://abs/p?q HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /p?q",
                "abs",
            ),
            (
                "GET https://abs/p HTTP/1.1\r\nHost: a\r\n\r\n",
                "GET /p",
                "abs",
            ),
            ("GET http://abs HTTP/1.1\r\nHost: a\r\n\r\n", "GET /", "abs"),
            ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /", "a"),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\
                 Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
                "GET /",
                "a",
            ),
        ] {
            assert_eq!(client.exact(request), OK, "{request}");
            assert_eq!(
                upstream.last_exact(),
                format!(
                    "{line} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-proto: http\r\n\
                     x-request-id: *\r\nx-envoy-expected-rq-timeout-ms: 15000\r\n\r\n"
                )
            );
        }
    });
}

fn backend(answer: &'static str, http1: Http1ProtocolOptions) -> (Upstream, Gateway) {
    let upstream = Upstream::answering(answer);
    let mut resources = Resources::simple(&[upstream.address]);
    let common = HttpProtocolOptions::default();
    xds::http(&mut resources.clusters[0], common, http1);
    let gateway = Gateway::start(&resources);
    (upstream, gateway)
}

/// Rows 4 and 28. The cluster's `override_stream_error_on_invalid_http_message` changes nothing.
#[test]
fn responses_that_are_not_http_are_upe() {
    let mut bad = vec![
        "garbage\r\n\r\n",
        "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nB ad: 1\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
    ];
    if !differs("responses that Envoy takes") {
        bad.extend([
            "HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 99 Odd\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
            "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ]);
    }
    for answer in bad {
        for override_set in [None, xds::yes()] {
            let (upstream, gateway) = backend(
                answer,
                Http1ProtocolOptions {
                    override_stream_error_on_invalid_http_message: override_set,
                    ..Http1ProtocolOptions::default()
                },
            );
            let mut client = gateway.client();
            for _ in 0..2 {
                assert_eq!(
                    client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                    "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 87\r\n\
                     content-type: text/plain\r\ndate: *\r\nserver: envoy\r\n\r\n\
                     upstream connect error or disconnect/reset before headers. \
                     reset reason: protocol error",
                    "{answer}"
                );
            }
            assert_eq!(upstream.connections(), 2);
            gateway.expect("cluster.c.upstream_cx_protocol_error", 2);
            gateway.expect("cluster.c.upstream_rq_502", 2);
            gateway.expect("cluster.c.upstream_rq_5xx", 2);
            gateway.expect("cluster.c.upstream_rq_total", 2);
        }
    }
}

/// Row 28.
#[test]
fn odd_responses_that_are_well_formed_go_through() {
    let added = "x-envoy-upstream-service-time: *\r\ndate: *\r\nserver: envoy\r\n";
    for (answer, wanted, connections) in [
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n|\r\n",
            1,
        ),
        (
            "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n|\r\n",
            1,
        ),
        (
            "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n|\r\nok",
            1,
        ),
        (
            "HTTP/1.1 299 Whatever\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 299 Unknown\r\ncontent-length: 0\r\n|\r\n",
            1,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0;z\r\n\r\n",
            "HTTP/1.1 200 OK\r\n|transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            1,
        ),
    ] {
        let (upstream, gateway) = backend(answer, Http1ProtocolOptions::default());
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(response, wanted.replace('|', added));
        }
        assert_eq!(upstream.connections(), connections, "{answer}");
    }
}

/// Row 28.
#[test]
fn interim_responses_are_swallowed() {
    for interim in [
        "100 Continue\r\n",
        "102 Processing\r\n",
        "103 Early Hints\r\nLink: x\r\n",
        "100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n",
    ] {
        let answer =
            format!("HTTP/1.1 {interim}\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let (upstream, gateway) = backend(answer.leak(), Http1ProtocolOptions::default());
        let mut client = gateway.client();
        for _ in 0..2 {
            assert_eq!(
                client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                OK,
                "{interim}"
            );
        }
        assert_eq!(upstream.connections(), 1);
    }
}
