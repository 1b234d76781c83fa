// SPDX-License-Identifier: Apache-2.0
//! Time limits as clients meet them: how old a connection gets, and timeouts on HTTP/2.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use sluicegate_xds::pb::envoy::config::{
    core::v3::HttpProtocolOptions,
    route::v3::{RouteAction, route_action},
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2::{Client, post, read, run},
    xds,
};

/// Connections of clients get 0.3 s old, and a while more.
fn short_lived(upstream: &Upstream) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.drain_timeout = xds::seconds(0.3);
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_connection_duration: xds::seconds(0.3),
            ..HttpProtocolOptions::default()
        });
    })];
    Gateway::start(&resources)
}

#[test]
fn an_old_connection_is_closed_with_its_next_response() {
    let upstream = Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(500));
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_ok()
    });
    let gateway = short_lived(&upstream);
    let mut client = gateway.client();
    let response = client.get("/");
    assert_eq!(response.status(), 200);
    assert_eq!(response.field("connection"), Some("close"));
    assert!(client.closed());
    gateway.expect("http.test.downstream_cx_max_duration_reached", 1);
}

#[test]
fn an_old_connection_without_a_request_is_closed() {
    let upstream = Upstream::ok();
    let gateway = short_lived(&upstream);
    let mut client = gateway.client();
    assert_eq!(client.get("/").field("connection"), None);
    assert!(client.closed());
    gateway.expect("http.test.downstream_cx_max_duration_reached", 1);
    gateway.expect("http.test.downstream_cx_idle_timeout", 0);
    gateway.expect("http.test.downstream_cx_drain_close", 0);
    gateway.expect("http.test.downstream_cx_active", 0);
}

#[test]
fn an_old_connection_of_http2_finishes_its_streams() {
    let upstream = Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(700));
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_ok()
    });
    let gateway = short_lived(&upstream);
    run(async {
        let client = Client::connect(gateway.address()).await;
        assert_eq!(client.get("/").await.status, 200);
        let refused = client.send.clone().ready().await.is_err();
        assert!(refused, "the connection takes no more streams");
    });
    gateway.expect("http.test.downstream_cx_max_duration_reached", 1);
    gateway.expect("http.test.downstream_cx_active", 0);
}

/// Rows 8, 11, 12 and 13. On HTTP/2.
#[test]
fn time_limits_answer_504_or_408_on_http2() {
    type Change = fn(&mut RouteAction);
    let cases: [(Change, &str, u16); 3] = [
        (
            |action| action.timeout = xds::seconds(0.2),
            "upstream request timeout",
            0,
        ),
        (
            |action| action.idle_timeout = xds::seconds(0.2),
            "stream timeout",
            408,
        ),
        (
            |action| {
                action.max_stream_duration = Some(route_action::MaxStreamDuration {
                    max_stream_duration: xds::seconds(0.2),
                    ..route_action::MaxStreamDuration::default()
                });
            },
            "downstream duration timeout",
            408,
        ),
    ];
    for (change, body, unfinished) in cases {
        let upstream = Upstream::silent();
        let mut resources = Resources::simple(&[upstream.address]);
        resources.routes = vec![xds::routes(vec![xds::route("/", "c", change)])];
        let gateway = Gateway::start(&resources);
        run(async {
            let client = Client::connect(gateway.address()).await;
            let answer = client.get("/").await;
            assert_eq!((answer.status, answer.text()), (504, body));
            if unfinished == 0 {
                return;
            }
            let (response, mut send) = client.open(post("/"), false).await;
            send.send_data(Bytes::from_static(b"half"), false).unwrap();
            let answer = read(response).await.unwrap();
            assert_eq!((answer.status, answer.text()), (unfinished, body));
        });
    }
}

/// Row 11. On HTTP/2.
#[test]
fn an_attempt_of_http2_has_its_own_limit() {
    let upstream = Upstream::silent();
    let mut resources = Resources::simple(&[upstream.address]);
    let common = HttpProtocolOptions {
        max_stream_duration: xds::seconds(0.2),
        ..HttpProtocolOptions::default()
    };
    xds::common_http(&mut resources.clusters[0], common);
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let answer = client.get("/").await;
        assert_eq!(answer.text(), "upstream max stream duration reached");
    });
}

/// Envoy knows two sets of limits for a route, and any of the newer one turns the older one off.
#[test]
fn a_maximum_stream_duration_turns_the_route_timeout_off() {
    let upstream = Upstream::silent();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(0.1);
        action.max_stream_duration = Some(route_action::MaxStreamDuration {
            max_stream_duration: xds::seconds(0.4),
            ..route_action::MaxStreamDuration::default()
        });
    })])];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!(response.text(), "downstream duration timeout");
    assert!(!upstream.head().contains("expected-rq-timeout"));
}
