// SPDX-License-Identifier: Apache-2.0
//! How long client connections live, and what ends them.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            core::v3::HttpProtocolOptions,
            listener::v3::{ListenerFilter, listener_filter::ConfigType},
        },
        extensions::filters::{
            listener::proxy_protocol::v3::ProxyProtocol,
            network::http_connection_manager::v3::HttpConnectionManager,
        },
    },
};

use crate::support::{Gateway, Upstream, gateway::Resources, http2, plane::decided, xds};

const REACHED: &str = "http.test.downstream_cx_max_duration_reached";

fn gateway(upstream: &Upstream, change: impl FnOnce(&mut HttpConnectionManager)) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(change)];
    Gateway::start(&resources)
}

/// Connections live 1 s, and 0.6 s longer when they are idle.
fn short_lived(upstream: &Upstream, http1_safe: bool) -> Gateway {
    gateway(upstream, |manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_connection_duration: xds::seconds(1.0),
            ..HttpProtocolOptions::default()
        });
        manager.drain_timeout = xds::seconds(0.6);
        manager.http1_safe_max_connection_duration = http1_safe;
    })
}

/// Answers after 1.5 s.
fn slow() -> Upstream {
    Upstream::start(|exchange| {
        thread::sleep(Duration::from_millis(1500));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow";
        exchange.stream.write_all(answer).is_ok()
    })
}

#[test]
fn a_connection_that_says_nothing_ends_with_its_duration() {
    let gateway = short_lived(&Upstream::ok(), false);
    let begun = Instant::now();
    assert!(gateway.client().closed());
    assert!(begun.elapsed() >= Duration::from_millis(990));
    gateway.expect(REACHED, 1);
}

#[test]
fn an_idle_connection_ends_after_the_drain_timeout() {
    let gateway = short_lived(&Upstream::ok(), false);
    let begun = Instant::now();
    let mut client = gateway.client();
    assert_eq!(client.get("/").field("connection"), None);
    assert!(client.closed());
    assert!(begun.elapsed() >= Duration::from_millis(1590));
    gateway.expect(REACHED, 1);
    gateway.expect("http.test.downstream_cx_drain_close", 0);
    gateway.expect("http.test.downstream_cx_idle_timeout", 0);
}

#[test]
fn a_request_that_outlives_its_connection_is_the_last_one() {
    let gateway = short_lived(&slow(), false);
    let mut client = gateway.client();
    let response = client.get("/");
    assert_eq!((response.status(), response.text()), (200, "slow"));
    assert_eq!(response.field("connection"), Some("close"));
    assert!(client.closed());
    gateway.expect(REACHED, 1);
}

#[test]
fn with_a_safe_duration_only_a_response_ends_a_connection() {
    let gateway = short_lived(&Upstream::ok(), true);
    let mut client = gateway.client();
    client.get("/");
    thread::sleep(Duration::from_millis(2000));
    let response = client.get("/");
    assert_eq!(response.status(), 200);
    assert_eq!(response.field("connection"), Some("close"));
    assert!(client.closed());
    gateway.expect(REACHED, 1);
}

#[test]
fn streams_are_finished_when_the_duration_is_over() {
    let gateway = short_lived(&slow(), false);
    http2::run(async {
        let client = http2::Client::connect(gateway.address()).await;
        assert_eq!(client.get("/").await.text(), "slow");
        // The GOAWAY came while the stream ran, so that this one is not taken.
        let error = client.ask(http2::get("/")).await.unwrap_err();
        assert!(error.is_go_away(), "{error}");
    });
    gateway.expect(REACHED, 1);
    gateway.expect("http.test.downstream_cx_active", 0);
}

#[test]
fn an_idle_connection_ends_at_its_deadline() {
    let gateway = gateway(&Upstream::ok(), |manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            idle_timeout: xds::seconds(0.3),
            ..HttpProtocolOptions::default()
        });
    });
    let mut client = gateway.client();
    let begun = Instant::now();
    client.get("/");
    assert!(client.closed());
    assert!(begun.elapsed() >= Duration::from_millis(290));
    gateway.expect("http.test.downstream_cx_idle_timeout", 1);
}

#[test]
fn requests_are_limited_per_connection() {
    let gateway = gateway(&Upstream::ok(), |manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_requests_per_connection: xds::number(2),
            ..HttpProtocolOptions::default()
        });
    });
    let mut client = gateway.client();
    assert_eq!(client.get("/").field("connection"), None);
    assert_eq!(client.get("/").field("connection"), Some("close"));
    assert!(client.closed());
    gateway.expect("http.test.downstream_cx_max_requests_reached", 1);
}

#[test]
fn a_request_that_does_not_end_is_408() {
    let gateway = gateway(&Upstream::silent(), |manager| {
        manager.request_timeout = xds::seconds(0.3);
    });
    let mut client = gateway.client();
    let response = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    assert_eq!(
        (response.status(), response.text()),
        (408, "request timeout")
    );
    assert_eq!(response.field("connection"), Some("close"));
    gateway.expect("http.test.downstream_rq_timeout", 1);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

#[test]
fn a_client_that_never_closes_is_cut_after_the_delay() {
    let gateway = gateway(&Upstream::ok(), |manager| {
        manager.delayed_close_timeout = xds::seconds(0.3);
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_requests_per_connection: xds::number(1),
            ..HttpProtocolOptions::default()
        });
    });
    let mut client = gateway.client();
    client.get("/");
    assert!(client.closed());
    // This end stays open: the other one gives it up.
    let given_up = decided("a connection that stays open on the other side", 1, 0);
    gateway.expect("http.test.downstream_cx_delayed_close_timeout", given_up);
    gateway.expect("http.test.downstream_cx_active", 0);
}

#[test]
fn a_client_that_asks_for_the_end_is_not_waited_for() {
    let gateway = gateway(&Upstream::ok(), |manager| {
        manager.delayed_close_timeout = xds::seconds(0.3);
    });
    let mut client = gateway.client();
    client.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.closed());
    gateway.expect("http.test.downstream_cx_active", 0);
    gateway.expect("http.test.downstream_cx_destroy_local", 1);
    gateway.expect("http.test.downstream_cx_delayed_close_timeout", 0);
}

#[test]
fn a_client_that_never_begins_is_cut() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let filter = ListenerFilter {
        name: "envoy.filters.listener.proxy_protocol".to_owned(),
        config_type: Some(ConfigType::TypedConfig(
            any::pack(&ProxyProtocol::default()),
        )),
        ..ListenerFilter::default()
    };
    resources.listeners[0].listener_filters.push(filter);
    resources.listeners[0].listener_filters_timeout = xds::seconds(0.3);
    let gateway = Gateway::start(&resources);
    let begun = Instant::now();
    assert!(gateway.client().closed());
    assert!(begun.elapsed() >= Duration::from_millis(290));
    let name = gateway.address().to_string().replace(':', "_");
    gateway.expect(&format!("listener.{name}.downstream_pre_cx_timeout"), 1);
}
