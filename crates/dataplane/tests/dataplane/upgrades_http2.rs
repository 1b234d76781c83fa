// SPDX-License-Identifier: Apache-2.0
//! Upgraded connections where a side speaks HTTP/2: extended CONNECT (RFC 8441).

use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream, ext::Protocol, server};
use http::{Method, Request, Response};
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::Cluster,
        core::v3::{Http2ProtocolOptions, HttpProtocolOptions as Common},
        route::v3::RouteAction,
    },
    extensions::filters::network::http_connection_manager::v3::http_connection_manager::UpgradeConfig,
};

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2::{self, Client, reads, run},
    xds,
};

pub(crate) const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: k\r\n\r\n";

fn resources(address: std::net::SocketAddr, cluster: impl FnOnce(&mut Cluster)) -> Resources {
    let mut resources = Resources::simple(&[address]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "websocket".to_owned(),
            ..UpgradeConfig::default()
        }];
        manager.http2_protocol_options = Some(connects());
    })];
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(0.5);
    })])];
    cluster(&mut resources.clusters[0]);
    resources
}

fn connects() -> Http2ProtocolOptions {
    Http2ProtocolOptions {
        allow_connect: true,
        ..Http2ProtocolOptions::default()
    }
}

pub(crate) fn speaks_http2(cluster: &mut Cluster) {
    xds::http2(cluster, Common::default(), connects());
}

/// Switches, then sends everything back in upper case.
fn shouting() -> Upstream {
    Upstream::shouting(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nHI ",
    )
}

/// The same by HTTP/2, with the request's pseudo fields in the answer.
pub(crate) fn shouting_http2(status: u16) -> http2::Upstream {
    let mut builder = server::Builder::new();
    builder.enable_connect_protocol();
    http2::Upstream::start(builder, move |request, mut respond| async move {
        let (parts, mut body) = request.into_parts();
        let protocol = parts.extensions.get::<Protocol>();
        let protocol = protocol.map_or("none", Protocol::as_str);
        let seen = format!("{} {} {protocol}", parts.method, parts.uri);
        assert!(!parts.headers.contains_key("upgrade"));
        let response = Response::builder().status(status).header("seen", seen);
        let response = response.body(()).unwrap();
        let mut send = respond.send_response(response, status != 200).unwrap();
        if status != 200 {
            return;
        }
        send.send_data(Bytes::from_static(b"HI "), false).unwrap();
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
            http2::write(&mut send, &piece.to_ascii_uppercase()).await;
        }
        send.send_data(Bytes::new(), true).unwrap();
    })
}

async fn connect(client: &Client) -> (Response<RecvStream>, SendStream<Bytes>) {
    while !client.send.is_extended_connect_protocol_enabled() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "http://test/ws".parse().unwrap();
    request.extensions_mut().insert(Protocol::from("websocket"));
    let (response, send) = client.open(request, false).await;
    (response.await.unwrap(), send)
}

/// An HTTP/2 client talks through the tunnel, longer than the route timeout.
fn talk(gateway: &Gateway) {
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, mut send) = connect(&client).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("upgrade"));
        let mut body = response.into_body();
        send.send_data(Bytes::from_static(b"there"), false).unwrap();
        reads(&mut body, b"HI THERE").await;
        gateway.expect("http.test.downstream_cx_upgrades_active", 1);
        tokio::time::sleep(Duration::from_millis(800)).await;
        send.send_data(Bytes::from_static(b" again"), true).unwrap();
        reads(&mut body, b" AGAIN").await;
    });
    gateway.expect("http.test.downstream_cx_upgrades_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("http.test.downstream_rq_active", 0);
}

/// Row 71. HTTP/1 to HTTP/2.
#[test]
fn a_websocket_of_http1_becomes_an_extended_connect() {
    let upstream = shouting_http2(200);
    let gateway = Gateway::start(&resources(upstream.address, speaks_http2));
    gateway.assert_enforced();
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!(response.status(), 101);
    assert_eq!(response.field("upgrade"), Some("websocket"));
    assert_eq!(response.field("connection"), Some("upgrade"));
    assert_eq!(
        response.field("seen"),
        Some("CONNECT http://a/ws websocket")
    );
    client.send("there");
    client.until(|bytes| (bytes == b"HI THERE").then_some(8));
    std::thread::sleep(Duration::from_millis(800));
    client.send(" again");
    client.until(|bytes| (bytes == b"HI THERE AGAIN").then_some(14));
    drop(client);
    gateway.expect("http.test.downstream_cx_upgrades_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("cluster.c.http2.streams_active", 0);
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_refused_extended_connect_is_passed_on() {
    let upstream = shouting_http2(403);
    let gateway = Gateway::start(&resources(upstream.address, speaks_http2));
    let response = gateway.client().ask(ASK);
    assert_eq!(response.status(), 403);
    assert_eq!(response.field("connection"), Some("close"));
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

/// Row 71. HTTP/2 to HTTP/1.
#[test]
fn an_extended_connect_becomes_a_websocket_of_http1() {
    let upstream = shouting();
    let gateway = Gateway::start(&resources(upstream.address, |_| {}));
    talk(&gateway);
    let head = upstream.head();
    assert!(head.starts_with("GET /ws HTTP/1.1\nhost: test\n"), "{head}");
    for line in ["\nupgrade: websocket\n", "\nconnection: "] {
        assert!(head.contains(line), "{head}");
    }
    assert!(
        !head.contains("content-length") && !head.contains("chunked"),
        "{head}"
    );
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

/// Row 71. HTTP/2 to HTTP/2.
#[test]
fn an_extended_connect_goes_through() {
    let upstream = shouting_http2(200);
    let gateway = Gateway::start(&resources(upstream.address, speaks_http2));
    talk(&gateway);
    assert_eq!(upstream.connections(), 1);
}

/// Row 71. A limit on the stream ends the tunnel.
#[test]
fn a_stream_limit_cuts_the_tunnel_of_http2() {
    let limited = |action: &mut RouteAction| {
        action.max_stream_duration = Some(
            sluicegate_xds::pb::envoy::config::route::v3::route_action::MaxStreamDuration {
                max_stream_duration: xds::seconds(0.4),
                ..Default::default()
            },
        );
    };
    let upstream = shouting_http2(200);
    let mut resources = resources(upstream.address, speaks_http2);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", limited)])];
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, _send) = connect(&client).await;
        let mut body = response.into_body();
        reads(&mut body, b"HI ").await;
        assert!(body.data().await.unwrap().is_err());
    });
    gateway.expect("http.test.downstream_rq_max_duration_reached", 1);
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

#[test]
fn an_upgrade_that_is_not_allowed_is_refused() {
    let upstream = shouting();
    let mut resources = resources(upstream.address, |_| {});
    resources.listeners = vec![xds::listener(|manager| {
        manager.http2_protocol_options = Some(connects());
    })];
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, _) = connect(&client).await;
        assert_eq!(response.status(), 403);
    });
    assert_eq!(upstream.count(), 0);
}
