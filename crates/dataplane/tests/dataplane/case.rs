// SPDX-License-Identifier: Apache-2.0
//! The spelling of header names. Expected bytes are those of Envoy 1.40.

use sluicegate_xds::pb::envoy::config::core::v3::Http1ProtocolOptions;

use crate::support::{Gateway, Upstream, gateway::Resources, http2, xds};

const REQUEST: &str = "GET / HTTP/1.1\r\nHOST: h\r\nX-MiXed: 1\r\nfoo$b#$are: x\r\nte: trailers\r\n\
                       X-Dup: a\r\nx-dup: b\r\n\r\n";
const LOWER_REQUEST: &str = "GET / HTTP/1.1\r\nhost: h\r\nx-mixed: 1\r\nfoo$b#$are: x\r\n\
    te: trailers\r\nx-dup: a\r\nx-dup: b\r\nx-forwarded-proto: http\r\nx-request-id: *\r\n\
    x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n";
const PROPER_REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nX-Mixed: 1\r\nFoo$B#$Are: x\r\n\
    Te: trailers\r\nX-Dup: a\r\nX-Dup: b\r\nX-Forwarded-Proto: http\r\nX-Request-Id: *\r\n\
    X-Envoy-Expected-Rq-Timeout-Ms: 15000\r\n\r\n";
const PRESERVED_REQUEST: &str = "GET / HTTP/1.1\r\nHOST: h\r\nX-MiXed: 1\r\nfoo$b#$are: x\r\n\
    te: trailers\r\nX-Dup: a\r\nX-Dup: b\r\nx-forwarded-proto: http\r\nx-request-id: *\r\n\
    x-envoy-expected-rq-timeout-ms: 15000\r\n\r\n";

const RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: 1\r\nfoo$b#$are: x\r\n\
                        WWW-AuthenticatE: y\r\nX-Dup: a\r\nx-dup: b\r\n\r\nok";
const LOWER_RESPONSE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\netag: 1\r\nfoo$b#$are: x\r\n\
    www-authenticate: y\r\nx-dup: a\r\nx-dup: b\r\nx-envoy-upstream-service-time: *\r\ndate: *\r\n\
    server: envoy\r\n\r\nok";
const PROPER_RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nEtag: 1\r\nFoo$B#$Are: x\r\n\
    Www-Authenticate: y\r\nX-Dup: a\r\nX-Dup: b\r\nX-Envoy-Upstream-Service-Time: *\r\nDate: *\r\n\
    Server: envoy\r\n\r\nok";
const PRESERVED_RESPONSE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: 1\r\n\
    foo$b#$are: x\r\nWWW-AuthenticatE: y\r\nX-Dup: a\r\nX-Dup: b\r\n\
    x-envoy-upstream-service-time: *\r\ndate: *\r\nserver: envoy\r\n\r\nok";

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

/// A gateway with these formats on either side.
fn gateway(upstream: &Upstream, down: Format, up: Format) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    xds::http1(&mut resources.clusters[0], options(up));
    resources.listeners = vec![xds::listener(|manager| {
        manager.http_protocol_options = Some(options(down));
    })];
    Gateway::start(&resources)
}

/// Row 22.
#[test]
fn names_are_spelled_by_both_sides() {
    use Format::{Lower, Preserve, Proper};
    for down in [Lower, Proper, Preserve] {
        for up in [Lower, Proper, Preserve] {
            let upstream = Upstream::answering(RESPONSE);
            let gateway = gateway(&upstream, down, up);
            let response = gateway.client().exact(REQUEST);
            let sent = match (down, up) {
                (Preserve, _) => PRESERVED_REQUEST,
                (_, Proper) => PROPER_REQUEST,
                _ => LOWER_REQUEST,
            };
            let received = match (up, down) {
                (Preserve, _) => PRESERVED_RESPONSE,
                (_, Proper) => PROPER_RESPONSE,
                _ => LOWER_RESPONSE,
            };
            assert_eq!(upstream.last_exact(), sent, "{down:?} {up:?}");
            assert_eq!(response, received, "{down:?} {up:?}");
        }
    }
}

/// Row 22. HTTP/2 has no spelling to preserve.
#[test]
fn names_from_http2_are_spelled_by_the_cluster_alone() {
    use Format::{Lower, Preserve, Proper};
    for down in [Lower, Proper, Preserve] {
        for up in [Lower, Proper, Preserve] {
            let upstream = Upstream::answering(RESPONSE);
            let gateway = gateway(&upstream, down, up);
            let mut request = http2::get("/");
            let value = "1".parse().unwrap();
            request.headers_mut().insert("x-mixed$b", value);
            http2::run(async {
                let client = http2::Client::connect(gateway.address()).await;
                client.ask(request).await.unwrap();
            });
            let wanted = match up {
                Proper => {
                    "GET / HTTP/1.1\r\nHost: test\r\nX-Mixed$B: 1\r\nX-Forwarded-Proto: http\r\n\
                     X-Request-Id: *\r\nX-Envoy-Expected-Rq-Timeout-Ms: 15000\r\n\r\n"
                }
                _ => {
                    "GET / HTTP/1.1\r\nhost: test\r\nx-mixed$b: 1\r\nx-forwarded-proto: http\r\n\
                     x-request-id: *\r\nx-envoy-expected-rq-timeout-ms: 15000\r\n\r\n"
                }
            };
            assert_eq!(upstream.last_exact(), wanted, "{down:?} {up:?}");
        }
    }
}

/// Row 22. Answers made here have no spelling to preserve.
#[test]
fn local_replies_follow_proper_case_only() {
    for (format, wanted) in [
        (
            Format::Proper,
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 19\r\nContent-Type: text/plain\r\n\
             Date: *\r\nServer: envoy\r\n\r\nno healthy upstream",
        ),
        (
            Format::Preserve,
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 19\r\ncontent-type: text/plain\r\n\
             date: *\r\nserver: envoy\r\n\r\nno healthy upstream",
        ),
    ] {
        let mut resources = Resources::simple(&[]);
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_protocol_options = Some(options(format));
        })];
        let response = Gateway::start(&resources).client().exact(REQUEST);
        assert_eq!(response, wanted);
    }
}
