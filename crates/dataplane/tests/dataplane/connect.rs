// SPDX-License-Identifier: Apache-2.0
//! CONNECT: tunnels that end here, and tunnels that are passed on.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use h2::server;
use http::{Method, Request, Response};
use sluicegate_xds::pb::envoy::{
    config::{
        core::v3::{Http2ProtocolOptions, HttpProtocolOptions, ProxyProtocolConfig},
        route::v3::{
            DirectResponseAction, HeaderMatcher, Route, RouteAction, RouteMatch,
            header_matcher::HeaderMatchSpecifier,
            route::Action,
            route_action::{UpgradeConfig, upgrade_config::ConnectConfig},
            route_match::{ConnectMatcher, PathSpecifier},
        },
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};

use sluicegate_testkit::free_address;

use crate::support::{
    Gateway, Upstream,
    gateway::Resources,
    http2::{self, Client, reads, run},
    tcp::Server,
    xds,
};

const ASK: &str = "CONNECT far:80 HTTP/1.1\r\nHost: far:80\r\nA: b\r\n\r\n";

/// A route for CONNECT.
fn connect(config: Option<ConnectConfig>, change: impl FnOnce(&mut RouteAction)) -> Route {
    let mut route = xds::route("/", "c", |action| {
        action.upgrade_configs = vec![UpgradeConfig {
            upgrade_type: "CONNECT".to_owned(),
            connect_config: config,
            ..UpgradeConfig::default()
        }];
        change(action);
    });
    route.r#match = Some(RouteMatch {
        path_specifier: Some(PathSpecifier::ConnectMatcher(ConnectMatcher::default())),
        ..RouteMatch::default()
    });
    route
}

fn gateway(to: SocketAddr, routes: Vec<Route>, change: impl FnOnce(&mut Resources)) -> Gateway {
    let mut resources = Resources::simple(&[to]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.http2_protocol_options = Some(allowing());
    })];
    resources.routes = vec![xds::routes(routes)];
    change(&mut resources);
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    gateway
}

fn allowing() -> Http2ProtocolOptions {
    Http2ProtocolOptions {
        allow_connect: true,
        ..Http2ProtocolOptions::default()
    }
}

fn terminated() -> Vec<Route> {
    vec![connect(Some(ConnectConfig::default()), |action| {
        action.timeout = xds::seconds(0.3);
    })]
}

#[test]
fn a_tunnel_ends_here() {
    let server = Server::shouting();
    let gateway = gateway(server.address, terminated(), |_| {});
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!(response.head, "HTTP/1.1 200 OK\ndate: *\nserver: envoy");
    gateway.expect("http.test.downstream_cx_upgrades_active", 1);
    gateway.expect("cluster.c.upstream_rq_active", 1);
    client.send("hello");
    client.until(|bytes| (bytes == b"HELLO").then_some(5));
    // The route timeout is not for tunnels.
    std::thread::sleep(Duration::from_millis(500));
    client.send(" there");
    client.until(|bytes| (bytes == b"HELLO THERE").then_some(11));
    drop(client);
    for (name, value) in [
        ("http.test.downstream_cx_upgrades_active", 0),
        ("http.test.downstream_cx_upgrades_total", 1),
        ("http.test.downstream_rq_2xx", 1),
        ("cluster.c.upstream_cx_total", 1),
        ("cluster.c.upstream_cx_http1_total", 0),
        ("cluster.c.upstream_cx_active", 0),
        ("cluster.c.upstream_rq_active", 0),
        ("cluster.c.upstream_rq_200", 1),
    ] {
        gateway.expect(name, value);
    }
}

/// The host ends first.
#[test]
fn the_end_of_the_host_is_the_end_of_the_tunnel() {
    let server = Server::start(|stream| {
        let _ = stream.write_all(b"all I say");
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let gateway = gateway(server.address, terminated(), |_| {});
    let mut client = gateway.client();
    assert_eq!(client.ask(ASK).status(), 200);
    assert_eq!(client.rest(), b"all I say");
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

/// Bytes that come with the head belong to the tunnel.
#[test]
fn a_client_need_not_wait() {
    let server = Server::shouting();
    let gateway = gateway(server.address, terminated(), |_| {});
    let mut client = gateway.client();
    client.send(format!("{ASK}GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(client.response(true).status(), 200);
    client.until(|bytes| (bytes == b"GET / HTTP/1.1\r\n\r\n").then_some(18));
}

#[test]
fn the_host_is_told_whose_tunnel_it_is() {
    let server = Server::shouting();
    let config = ConnectConfig {
        proxy_protocol_config: Some(ProxyProtocolConfig::default()),
        ..ConnectConfig::default()
    };
    let gateway = gateway(server.address, vec![connect(Some(config), |_| {})], |_| {});
    let mut client = gateway.client();
    let own = client.stream.local_addr().unwrap().port();
    let at = gateway.address().port();
    assert_eq!(client.ask(ASK).status(), 200);
    let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {own} {at}\r\n");
    client.until(|bytes| (bytes == line.as_bytes()).then_some(line.len()));
}

/// A host that is not there is an error like any other, and the client is told.
#[test]
fn a_tunnel_to_nobody() {
    let nobody = free_address();
    let gateway = gateway(nobody, terminated(), |_| {});
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!(response.status(), 503);
    assert_eq!(response.field("connection"), Some("close"));
    gateway.expect("cluster.c.upstream_cx_connect_fail", 1);
}

/// Passed on: the next proxy decides.
#[test]
fn a_tunnel_is_passed_on() {
    let upstream = Upstream::shouting("HTTP/1.1 200 Fine\r\nX: y\r\n\r\nHI ");
    let gateway = gateway(upstream.address, vec![connect(None, |_| {})], |_| {});
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!((response.status(), response.field("x")), (200, Some("y")));
    let head = upstream.head();
    assert!(
        head.starts_with("CONNECT far:80 HTTP/1.1\nhost: far:80\na: b\n"),
        "{head}"
    );
    assert!(!head.contains("content-length"), "{head}");
    client.send("there");
    client.until(|bytes| (bytes == b"HI THERE").then_some(8));
    drop(client);
    gateway.expect("cluster.c.upstream_cx_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

/// What comes behind a request for a tunnel that was refused is no request.
#[test]
fn a_refused_tunnel_is_passed_on_and_the_end() {
    let upstream = Upstream::answering("HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno");
    let gateway = gateway(upstream.address, vec![connect(None, |_| {})], |_| {});
    let mut client = gateway.client();
    client.send(format!("{ASK}GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let response = client.response(false);
    assert_eq!((response.status(), response.text()), (407, "no"));
    assert_eq!(response.field("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    assert_eq!(upstream.count(), 1);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

/// Who asks for a tunnel takes a route for tunnels, or none.
#[test]
fn other_routes_are_not_for_tunnels() {
    let upstream = Upstream::ok();
    let mut not_allowed = connect(None, |action| action.upgrade_configs.clear());
    let mut answered = connect(None, |_| {});
    answered.action = Some(Action::DirectResponse(DirectResponseAction {
        status: 418,
        ..DirectResponseAction::default()
    }));
    for (route, name) in [(&mut not_allowed, "no"), (&mut answered, "direct")] {
        let exact = StringMatcher {
            match_pattern: Some(MatchPattern::Exact(name.to_owned())),
            ..StringMatcher::default()
        };
        let condition = HeaderMatcher {
            name: "kind".to_owned(),
            header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(exact)),
            ..HeaderMatcher::default()
        };
        route.r#match.as_mut().unwrap().headers = vec![condition];
    }
    let routes = vec![not_allowed, answered, xds::route("/", "c", |_| {})];
    let gateway = gateway(upstream.address, routes, |_| {});
    for (kind, status) in [("no", 403), ("direct", 403), ("other", 404)] {
        let mut client = gateway.client();
        let response = client.ask(format!(
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nKind: {kind}\r\n\r\n"
        ));
        assert_eq!(response.status(), status, "{kind}");
        assert_eq!(response.field("connection"), Some("close"));
    }
    gateway.expect("http.test.downstream_rq_ws_on_non_ws_route", 2);
    // And no tunnel for others.
    let mut client = gateway.client();
    assert_eq!(client.get("/").text(), "ok");
}

#[test]
fn targets_and_bodies_that_make_no_tunnel() {
    let server = Server::shouting();
    let gateway = gateway(server.address, terminated(), |_| {});
    for (target, more, status) in [
        ("far:80", "Content-Length: 0\r\n", 200),
        ("[::1]:80", "", 200),
        ("far", "", 400),
        ("/far", "", 400),
        ("http://far:80", "", 400),
        ("far:80", "Content-Length: 5\r\n", 400),
        ("far:80", "Transfer-Encoding: chunked\r\n", 501),
    ] {
        let mut client = gateway.client();
        let response = client.ask(format!(
            "CONNECT {target} HTTP/1.1\r\nHost: far:80\r\n{more}\r\n"
        ));
        assert_eq!(response.status(), status, "{target} {more}");
    }
}

async fn ask(client: &Client) -> (Response<h2::RecvStream>, h2::SendStream<Bytes>) {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.uri_mut() = "far:80".parse().unwrap();
    let (response, send) = client.open(request, false).await;
    (response.await.unwrap(), send)
}

/// The other side has no more to say, and says so.
async fn ends(body: &mut h2::RecvStream) {
    while let Some(piece) = body.data().await {
        assert!(piece.unwrap().is_empty());
    }
}

/// Both directions have their own end on a stream.
#[test]
fn a_tunnel_of_http2_ends_here() {
    let server = Server::shouting();
    let gateway = gateway(server.address, terminated(), |_| {});
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, mut send) = ask(&client).await;
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("content-length"));
        let mut body = response.into_body();
        send.send_data(Bytes::from_static(b"there"), false).unwrap();
        reads(&mut body, b"THERE").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        send.send_data(Bytes::from_static(b" again"), true).unwrap();
        reads(&mut body, b" AGAIN BYE").await;
        ends(&mut body).await;
    });
    gateway.expect("cluster.c.upstream_cx_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("http.test.downstream_cx_upgrades_active", 0);
}

/// From HTTP/1 and from HTTP/2 to HTTP/2.
#[test]
fn a_tunnel_is_passed_on_by_http2() {
    let upstream =
        http2::Upstream::start(server::Builder::new(), |request, mut respond| async move {
            let (parts, mut body) = request.into_parts();
            let seen = format!("{} {}", parts.method, parts.uri);
            let response = Response::builder().header("seen", seen).body(()).unwrap();
            let mut send = respond.send_response(response, false).unwrap();
            while let Some(Ok(piece)) = body.data().await {
                let _ = body.flow_control().release_capacity(piece.len());
                http2::write(&mut send, &piece.to_ascii_uppercase()).await;
            }
            // A client of HTTP/1 does not wait for it.
            let _ = send.send_data(Bytes::new(), true);
        });
    let gateway = gateway(upstream.address, vec![connect(None, |_| {})], |resources| {
        let cluster = &mut resources.clusters[0];
        xds::http2(cluster, HttpProtocolOptions::default(), allowing());
    });
    let mut client = gateway.client();
    let response = client.ask(ASK);
    assert_eq!(response.field("seen"), Some("CONNECT far:80"));
    client.send("hello");
    client.until(|bytes| (bytes == b"HELLO").then_some(5));
    drop(client);
    gateway.expect("cluster.c.http2.streams_active", 0);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, mut send) = ask(&client).await;
        assert_eq!(response.headers()["seen"], "CONNECT far:80");
        let mut body = response.into_body();
        send.send_data(Bytes::from_static(b"there"), true).unwrap();
        reads(&mut body, b"THERE").await;
        ends(&mut body).await;
    });
    gateway.expect("cluster.c.upstream_rq_active", 0);
}
