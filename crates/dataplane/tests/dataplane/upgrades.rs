// SPDX-License-Identifier: Apache-2.0
//! Upgraded connections.

use std::{
    io::{Read, Write},
    time::Duration,
};

use sluicegate_xds::pb::{
    envoy::{
        config::{core::v3::HttpProtocolOptions, route::v3::route_action},
        extensions::filters::network::http_connection_manager::v3::http_connection_manager::UpgradeConfig,
    },
    google::protobuf::BoolValue,
};

use crate::support::{Gateway, Upstream, gateway::Resources, xds};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: k\r\n\r\n";

fn allowed(upstream: &Upstream) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }];
    })];
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(0.3);
    })])];
    resources
}

/// Switches, then sends everything back in upper case.
fn shouting() -> Upstream {
    Upstream::start(|exchange| {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHI ";
        exchange.stream.write_all(answer).unwrap();
        let mut piece = [0; 100];
        while let Ok(count @ 1..) = exchange.stream.read(&mut piece) {
            let upper = piece[..count].to_ascii_uppercase();
            exchange.stream.write_all(&upper).unwrap();
        }
        false
    })
}

/// Row 71.
#[test]
fn bytes_go_both_ways_after_a_switch() {
    let upstream = shouting();
    let gateway = Gateway::start(&allowed(&upstream));
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!(response.status(), 101);
    assert_eq!(response.field("connection"), Some("Upgrade"));
    assert_eq!(response.field("upgrade"), Some("websocket"));
    let head = upstream.head();
    assert!(
        head.contains("\nconnection: Upgrade\nupgrade: websocket\nsec-websocket-key: k\n"),
        "{head}"
    );
    gateway.expect("http.test.downstream_cx_upgrades_active", 1);
    client.send("there");
    client.until(|bytes| (bytes == b"HI THERE").then_some(8));
    // The route timeout guards the time until the switch only.
    std::thread::sleep(Duration::from_millis(500));
    client.send(" again");
    client.until(|bytes| (bytes == b"HI THERE AGAIN").then_some(14));
    drop(client);
    gateway.expect("http.test.downstream_cx_upgrades_active", 0);
    gateway.expect("cluster.c.upstream_cx_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

/// What a route says of an upgrade counts more than what its listener says.
#[test]
fn a_route_allows_upgrades_and_forbids_them() {
    let asked = |kind: &str, path: &str| {
        format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {kind}\r\n\r\n")
    };
    let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
    let upstream = Upstream::answering(answer);
    let upgrade = |kind: &str, enabled: Option<bool>| route_action::UpgradeConfig {
        upgrade_type: kind.to_owned(),
        enabled: enabled.map(|value| BoolValue { value }),
        ..route_action::UpgradeConfig::default()
    };
    let mut resources = allowed(&upstream);
    resources.routes = vec![xds::routes(vec![
        xds::route("/more", "c", |action| {
            action.upgrade_configs = vec![upgrade("spdy/3.1", None)];
        }),
        xds::route("/less", "c", |action| {
            action.upgrade_configs = vec![upgrade("websocket", Some(false))];
        }),
        xds::route("/", "c", |_| {}),
    ])];
    let gateway = Gateway::start(&resources);
    for (kind, path, status) in [
        ("websocket", "/", 404),
        ("spdy/3.1", "/", 403),
        ("spdy/3.1", "/more", 404),
        ("SPDY/3.1", "/more", 404),
        ("websocket", "/more", 404),
        ("websocket", "/less", 403),
    ] {
        let response = gateway.client().ask(asked(kind, path));
        assert_eq!(response.status(), status, "{kind} {path}");
    }
    assert_eq!(upstream.count(), 4);
}

/// The peer suite compares what arrives.
#[test]
fn the_words_of_the_connection_field() {
    let upstream = shouting();
    let gateway = Gateway::start(&allowed(&upstream));
    for words in [
        "upgrade",
        "keep-alive, Upgrade",
        "Upgrade, x-other",
        "UPGRADE",
    ] {
        let mut client = gateway.client();
        let request = ASK.replace(": Upgrade", &format!(": {words}"));
        assert_eq!(client.ask(request).status(), 101, "{words}");
    }
}

/// Row 71.
#[test]
fn a_stream_limit_of_the_cluster_cuts_the_tunnel() {
    let upstream = shouting();
    let mut resources = allowed(&upstream);
    let common = HttpProtocolOptions {
        max_stream_duration: xds::seconds(0.4),
        ..HttpProtocolOptions::default()
    };
    xds::common_http(&mut resources.clusters[0], common);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    assert_eq!(client.ask(ASK).status(), 101);
    assert_eq!(client.rest(), b"HI ");
    gateway.expect("cluster.c.upstream_rq_max_duration_reached", 1);
}

#[test]
fn a_refused_switch_is_passed_on() {
    let upstream = Upstream::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let gateway = Gateway::start(&allowed(&upstream));
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!((response.status(), response.text()), (403, "no"));
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn h2c_is_ignored() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let response = gateway.client().ask(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
    );
    assert_eq!(response.text(), "ok");
    let head = upstream.head();
    assert!(
        !head.contains("upgrade") && !head.contains("settings"),
        "{head}"
    );
}
