// SPDX-License-Identifier: Apache-2.0
//! gRPC: timeouts that requests ask for, trailers and answers made here, in every combination of
//! versions.

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, Response};
use sluicegate_xds::pb::envoy::config::{
    core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions},
    route::v3::{RouteAction, route_action::MaxStreamDuration},
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2::{self, Client, post, run},
    xds,
};

fn routes(resources: &mut Resources, change: impl FnOnce(&mut RouteAction)) {
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", change)])];
}

fn ask(gateway: &Gateway, kind: &str, timeout: &str) -> crate::support::client::Response {
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n{timeout}\r\n"
    );
    gateway.client().ask(&request)
}

const GRPC: &str = "application/grpc";

/// Rows 11 and 70. Values recorded from Envoy.
#[test]
fn grpc_timeout_limits_the_stream() {
    let upstream = Upstream::silent();
    let mut resources = Resources::simple(&[upstream.address]);
    routes(&mut resources, |action| {
        // Has no effect beside the other field.
        action.timeout = xds::seconds(0.05);
        action.max_stream_duration = Some(MaxStreamDuration {
            max_stream_duration: xds::seconds(1.5),
            grpc_timeout_header_max: xds::seconds(1.2),
            grpc_timeout_header_offset: xds::seconds(0.3),
        });
    });
    let gateway = Gateway::start(&resources);
    let cases = [
        (GRPC, "Grpc-Timeout: 600m\r\n", Some("300m")),
        (GRPC, "Grpc-Timeout: 5S\r\n", Some("900m")),
        (GRPC, "Grpc-Timeout: bad\r\n", Some("1500m")),
        (GRPC, "", Some("1500m")),
        ("text/plain", "Grpc-Timeout: 600m\r\n", None),
    ];
    for (kind, field, told) in cases {
        let response = ask(&gateway, kind, field);
        if kind == GRPC {
            assert_eq!(response.status(), 200);
            assert_eq!(response.field("grpc-status"), Some("4"));
            let message = response.field("grpc-message");
            assert_eq!(message, Some("downstream duration timeout"));
        } else {
            assert_eq!(response.status(), 504);
        }
        let head = upstream.heads.lock().unwrap().pop().unwrap();
        if let Some(told) = told {
            let line = format!("\ngrpc-timeout: {told}");
            assert!(head.contains(&line), "{line} {head}");
            assert_eq!(head.matches("grpc-timeout").count(), 1);
        }
        assert!(!head.contains("x-envoy-expected-rq-timeout-ms"), "{head}");
    }
    gateway.expect("http.test.downstream_rq_max_duration_reached", 5);
}

#[test]
#[expect(deprecated, reason = "control planes still send this field")]
fn grpc_timeout_takes_the_place_of_the_route_timeout() {
    let upstream = Upstream::silent();
    let mut resources = Resources::simple(&[upstream.address]);
    routes(&mut resources, |action| {
        action.timeout = xds::seconds(1.2);
        action.max_grpc_timeout = xds::seconds(0.9);
    });
    let gateway = Gateway::start(&resources);
    for (kind, field, told, expected) in [
        (GRPC, "Grpc-Timeout: 600m\r\n", "600m", "600"),
        (GRPC, "Grpc-Timeout: 5S\r\n", "900m", "900"),
        (GRPC, "", "900m", "900"),
        ("text/plain", "Grpc-Timeout: 600m\r\n", "600m", "1200"),
    ] {
        let response = ask(&gateway, kind, field);
        let status = (kind == GRPC).then_some("14");
        assert_eq!(response.field("grpc-status"), status);
        let head = upstream.heads.lock().unwrap().pop().unwrap();
        for line in [
            format!("\ngrpc-timeout: {told}"),
            format!("\nx-envoy-expected-rq-timeout-ms: {expected}"),
        ] {
            assert!(head.contains(&line), "{line} {head}");
        }
    }
    gateway.expect("cluster.c.upstream_rq_timeout", 4);
}

/// Rows 23 and 70: a call with its trailers, whatever the upstream speaks.
#[test]
fn calls_end_with_their_trailers() {
    let http1 = Upstream::start(|exchange| {
        exchange.read_body();
        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n\
                       Transfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n0\r\ngrpc-status: 0\r\n\r\n";
        std::io::Write::write_all(exchange.stream, answer).is_ok()
    });
    let http2 = http2::Upstream::start(server::Builder::new(), |request, mut respond| async move {
        let mut body = request.into_body();
        http2::read_body(&mut body).await.unwrap();
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        send.send_data(Bytes::from_static(b"hello"), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        send.send_trailers(trailers).unwrap();
    });
    for (address, speaks_http2) in [(http1.address, false), (http2.address, true)] {
        let mut resources = Resources::simple(&[address]);
        let common = HttpProtocolOptions::default();
        let cluster = &mut resources.clusters[0];
        if speaks_http2 {
            xds::http2(cluster, common, Http2ProtocolOptions::default());
        } else {
            let options = Http1ProtocolOptions {
                enable_trailers: true,
                ..Http1ProtocolOptions::default()
            };
            xds::http(cluster, common, options);
        }
        let gateway = Gateway::start(&resources);
        run(async {
            let client = Client::connect(gateway.address()).await;
            let mut call = post("/a.B/C");
            let fields = call.headers_mut();
            fields.insert("content-type", GRPC.parse().unwrap());
            fields.insert("te", "trailers".parse().unwrap());
            let answer = client.post(call, b"hello").await;
            assert_eq!((answer.status, answer.text()), (200, "hello"));
            let trailers = answer.trailers.expect("trailers");
            assert_eq!(trailers.get("grpc-status").unwrap(), "0");
        });
    }
}
