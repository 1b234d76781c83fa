// SPDX-License-Identifier: Apache-2.0
//! Requests that are taken in whole before they go on.

use std::time::Duration;

use sluicegate_xds::pb::envoy::extensions::filters::http::buffer::v3::{
    Buffer, BufferPerRoute, buffer_per_route::Override,
};

use crate::support::{Gateway, Upstream, gateway::Resources, http2, xds};

const BUFFER: &str = "envoy.filters.http.buffer";

/// Requests to `/` may have 10 bytes of body.
fn start(upstream: &Upstream) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        let base = Buffer {
            max_request_bytes: xds::number(u32::MAX),
        };
        manager.http_filters = vec![xds::filter(BUFFER, &base), xds::router(false)];
    })];
    let mut buffered = xds::route("/", "c", |_| {});
    let limit = BufferPerRoute {
        r#override: Some(Override::Buffer(Buffer {
            max_request_bytes: xds::number(10),
        })),
    };
    xds::set_filter(&mut buffered, BUFFER, &limit);
    resources.routes = vec![xds::routes(vec![
        xds::route("/free", "c", |_| {}),
        buffered,
    ])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    gateway
}

#[test]
fn a_request_goes_on_when_it_is_whole() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream);
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(gateway.stat("cluster.c.upstream_rq_total"), 0);
    client.send("67890GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response(false).status(), 200);
    assert_eq!(client.response(false).status(), 200);
    gateway.expect("cluster.c.upstream_rq_total", 2);
}

#[test]
fn chunks_become_a_body_of_known_length() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream);
    let mut client = gateway.client();
    let response = client.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    let head = upstream.head();
    assert!(head.contains("\ncontent-length: 7"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream);
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         b\r\n12345678901\r\n0\r\n\r\n",
    ] {
        let mut client = gateway.client();
        let response = client.ask(request);
        assert_eq!(response.status(), 413);
        assert_eq!(response.text(), "Payload Too Large");
        assert_eq!(gateway.stat("cluster.c.upstream_rq_total"), 0);
    }
    let mut client = gateway.client();
    let long = "POST /free HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n12345678901";
    assert_eq!(client.ask(long).status(), 200);
}

#[test]
fn streams_of_http2_are_taken_in_too() {
    let upstream = Upstream::ok();
    let gateway = start(&upstream);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let answer = client.post(http2::post("/"), b"1234567").await;
        assert_eq!(answer.status, 200);
        let answer = client.post(http2::post("/"), b"12345678901").await;
        assert_eq!(answer.status, 413);
        assert_eq!(answer.text(), "Payload Too Large");
    });
    assert!(upstream.head().contains("\ncontent-length: 7"));
}
