// SPDX-License-Identifier: Apache-2.0
//! Which version of HTTP is spoken to a cluster, and in which lane: `use_downstream_protocol_config`,
//! `auto_config`, `auto_sni`, the PROXY protocol, `:scheme`, mirrors.

use std::time::Duration;

use bytes::Bytes;
use h2::server;
use http::Response;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{
                Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as Common,
                KeepaliveSettings, ProxyProtocolConfig, UpstreamHttpProtocolOptions,
            },
            route::v3::route_action::RequestMirrorPolicy,
        },
        extensions::{
            transport_sockets::{
                proxy_protocol::v3::ProxyProtocolUpstreamTransport, raw_buffer::v3::RawBuffer,
                tls::v3::UpstreamTlsContext,
            },
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    AutoHttpConfig, ExplicitHttpConfig, UpstreamProtocolOptions,
                    UseDownstreamHttpConfig, explicit_http_config::ProtocolConfig,
                },
            },
        },
    },
};
use tokio::io::AsyncReadExt;

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    http2::{self, Client, get, post, run},
    pki::{Authority, Pair},
    plane::decided,
    tls::{TlsUpstream, Wants, inspector, secret, serving, socket, trusting},
    xds,
};

fn set(cluster: &mut Cluster, options: &HttpProtocolOptions) {
    let key = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let all = &mut cluster.typed_extension_protocol_options;
    all.insert(key.to_owned(), any::pack(options));
}

fn auto() -> HttpProtocolOptions {
    HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::AutoConfig(
            AutoHttpConfig::default(),
        )),
        ..HttpProtocolOptions::default()
    }
}

fn http1() -> UpstreamProtocolOptions {
    UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
        protocol_config: Some(ProtocolConfig::HttpProtocolOptions(
            Http1ProtocolOptions::default(),
        )),
    })
}

fn speaks_http2(cluster: &mut Cluster) {
    xds::http2(cluster, Common::default(), Http2ProtocolOptions::default());
}

fn numbers(gateway: &Gateway, http1: i64, http2: i64) {
    gateway.expect("cluster.c.upstream_cx_http1_total", http1);
    gateway.expect("cluster.c.upstream_cx_http2_total", http2);
}

/// An HTTPS upstream that offers these protocols: another gateway in front of a plain one.
fn https(upstream: &Upstream, protocols: &[&str], authority: &Authority) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    let mut context = serving("a");
    let common = context.common_tls_context.get_or_insert_default();
    common.alpn_protocols = protocols.iter().map(|name| (*name).to_owned()).collect();
    resources.listeners[0].filter_chains[0].transport_socket = socket("tls", &context);
    resources.listeners[0].listener_filters = vec![inspector()];
    resources.secrets = vec![secret("a", &authority.issue(&["a.example"]))];
    Gateway::start(&resources)
}

/// Row 65. ALPN.
#[test]
fn alpn_decides_the_version_of_an_auto_cluster() {
    let authority = Authority::new("ca");
    let upstream = Upstream::ok();
    let cases: [(&[&str], i64, i64); 3] = [
        (&["h2", "http/1.1"], 0, 1),
        (&["http/1.1"], 1, 0),
        (&[], 1, 0),
    ];
    for (protocols, http1, http2) in cases {
        let behind = https(&upstream, protocols, &authority);
        let mut resources = Resources::simple(&[behind.address()]);
        set(&mut resources.clusters[0], &auto());
        resources.clusters[0].transport_socket = socket("tls", &trusting(&authority.pem(), &[]));
        let gateway = Gateway::start(&resources);
        gateway.assert_enforced();
        let mut client = gateway.client();
        for _ in 0..2 {
            assert_eq!(client.get("/").text(), "ok");
            let response = client
                .ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
            assert_eq!(response.text(), "ok");
        }
        run(async {
            let client = Client::connect(gateway.address()).await;
            assert_eq!(client.get("/").await.text(), "ok");
            assert_eq!(client.post(post("/"), b"body").await.text(), "ok");
        });
        numbers(&gateway, http1, http2);
        behind.expect("http.test.downstream_rq_http2_total", 6 * http2);
    }
}

#[test]
fn auto_without_tls_is_refused() {
    let mut resources = Resources::simple(&[]);
    set(&mut resources.clusters[0], &auto());
    let gateway = Gateway::start(&resources);
    gateway.assert_refused("c", "auto_config");
}

#[test]
fn an_upstream_may_be_spoken_to_as_the_client_speaks() {
    let upstream = Upstream::ok();
    let authority = Authority::new("ca");
    let behind = https(&upstream, &["h2", "http/1.1"], &authority);
    let mut resources = Resources::simple(&[behind.address()]);
    let both = UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
        http2_protocol_options: Some(Http2ProtocolOptions::default()),
        ..UseDownstreamHttpConfig::default()
    });
    let options = HttpProtocolOptions {
        upstream_protocol_options: Some(both),
        ..HttpProtocolOptions::default()
    };
    set(&mut resources.clusters[0], &options);
    resources.clusters[0].transport_socket = socket("tls", &trusting(&authority.pem(), &[]));
    let gateway = Gateway::start(&resources);
    for _ in 0..2 {
        assert_eq!(gateway.client().get("/").text(), "ok");
        run(async {
            let client = Client::connect(gateway.address()).await;
            assert_eq!(client.get("/").await.text(), "ok");
        });
    }
    numbers(&gateway, 1, 1);
    behind.expect("http.test.downstream_rq_http1_total", 2);
    behind.expect("http.test.downstream_rq_http2_total", 2);
}

/// Row 65. SNI and names by the request.
#[test]
fn requests_decide_sni_and_the_name_to_verify() {
    let authority = Authority::new("ca");
    let pair = authority.issue(&["a.example", "*.wild.example", "127.0.0.1"]);
    let upstream = TlsUpstream::start(&pair, Wants::default());
    let start = |san| {
        let mut resources = Resources::simple(&[upstream.address]);
        let http = UpstreamHttpProtocolOptions {
            auto_sni: true,
            auto_san_validation: san,
            ..UpstreamHttpProtocolOptions::default()
        };
        let options = HttpProtocolOptions {
            upstream_http_protocol_options: Some(http),
            upstream_protocol_options: Some(http1()),
            ..HttpProtocolOptions::default()
        };
        set(&mut resources.clusters[0], &options);
        let mut context = trusting(&authority.pem(), &[]);
        context.sni = "not.used.example".to_owned();
        resources.clusters[0].transport_socket = socket("tls", &context);
        Gateway::start(&resources)
    };
    let ask = |gateway: &Gateway, host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        gateway.client().ask(&request).status()
    };
    let gateway = start(false);
    for host in [
        "a.example:80",
        "a.example",
        "b.example",
        "b.example",
        "127.0.0.1:9",
    ] {
        assert_eq!(ask(&gateway, host), 200);
    }
    let names: Vec<_> = upstream.seen().into_iter().map(|seen| seen.sni).collect();
    // Connections serve requests of their name only.
    let of_address = decided(
        "the SNI of a host that is an address",
        None,
        Some("not.used.example"),
    );
    let wanted = [Some("a.example"), Some("b.example"), of_address];
    assert_eq!(names, wanted.map(|name| name.map(str::to_owned)));
    let gateway = start(true);
    let cases = [
        ("a.example", 200),
        ("x.wild.example", 200),
        ("127.0.0.1", 200),
        ("b.example", 503),
        ("127.0.0.2", 503),
    ];
    for (host, status) in cases {
        assert_eq!(ask(&gateway, host), status, "{host}");
    }
    gateway.expect("cluster.c.ssl.fail_verify_san", 2);
}

/// Reads a PROXY line, then serves HTTP/2.
fn announced() -> (std::net::SocketAddr, std::sync::mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (lines, received) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((mut tcp, _)) = listener.accept().await {
                let mut line = Vec::new();
                while !line.ends_with(b"\r\n") {
                    line.push(tcp.read_u8().await.unwrap());
                }
                lines.send(String::from_utf8(line).unwrap()).unwrap();
                tokio::spawn(async move {
                    let mut connection = server::handshake(tcp).await.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                });
            }
        });
    });
    (address, received)
}

/// Row 64. Towards HTTP/2.
#[test]
fn connections_of_http2_announce_their_client_too() {
    let (address, lines) = announced();
    let mut resources = Resources::simple(&[address]);
    speaks_http2(&mut resources.clusters[0]);
    let transport = |inner| ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig::default()),
        transport_socket: inner,
        ..ProxyProtocolUpstreamTransport::default()
    };
    let raw = transport(socket("raw_buffer", &RawBuffer::default()));
    resources.clusters[0].transport_socket = socket("upstream_proxy_protocol", &raw);
    let gateway = Gateway::start(&resources);
    let (mut one, mut two) = (gateway.client(), gateway.client());
    for _ in 0..2 {
        assert_eq!(one.get("/").status(), 200);
        assert_eq!(two.get("/").status(), 200);
    }
    let to = gateway.address().port();
    for client in [&one, &two] {
        let from = client.stream.local_addr().unwrap().port();
        let wanted = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {to}\r\n");
        assert_eq!(lines.recv().unwrap(), wanted);
    }
    numbers(&gateway, 0, 2);
    // With TLS inside.
    let wants = Wants {
        preface: true,
        ..Wants::default()
    };
    let upstream = TlsUpstream::start(&Pair::self_signed(&["a.example"], false), wants);
    let mut resources = Resources::simple(&[upstream.address]);
    speaks_http2(&mut resources.clusters[0]);
    let tls = transport(socket("tls", &UpstreamTlsContext::default()));
    resources.clusters[0].transport_socket = socket("upstream_proxy_protocol", &tls);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("a handshake", || !upstream.seen().is_empty());
    let seen = &upstream.seen()[0];
    assert!(seen.preface.starts_with(b"PROXY TCP4 "));
    assert_eq!(seen.alpn, ["h2"]);
}

#[test]
fn the_scheme_is_the_clients() {
    let upstream = http2::Upstream::echo();
    let mut resources = Resources::simple(&[upstream.address]);
    speaks_http2(&mut resources.clusters[0]);
    let gateway = Gateway::start(&resources);
    let cases = [
        ("GET /a", "", "http://h/a"),
        ("GET /a", "X-Forwarded-Proto: https\r\n", "https://h/a"),
        ("GET /a", "X-Forwarded-Proto: ftp\r\n", "http://h/a"),
        ("GET https://h/a", "", "https://h/a"),
    ];
    for (line, field, uri) in cases {
        let request = format!("{line} HTTP/1.1\r\nHost: h\r\n{field}\r\n");
        let response = gateway.client().ask(&request);
        assert_eq!(response.field("echo-uri"), Some(uri), "{line} {field}");
    }
    run(async {
        let client = Client::connect(gateway.address()).await;
        let mut request = get("/a");
        let fields = request.headers_mut();
        fields.insert("x-forwarded-proto", "https".parse().unwrap());
        let answer = client.ask(request).await.unwrap();
        assert_eq!(answer.field("echo-uri"), "http://test/a");
    });
}

#[test]
fn mirrors_speak_http2() {
    let upstream = Upstream::ok();
    let (bodies, received) = std::sync::mpsc::channel();
    let mirror = http2::Upstream::start(server::Builder::new(), move |request, mut respond| {
        let bodies = bodies.clone();
        async move {
            let (parts, mut body) = request.into_parts();
            let bytes = http2::read_body(&mut body).await.unwrap();
            let text = String::from_utf8(bytes).unwrap();
            bodies.send((parts.uri.to_string(), text)).unwrap();
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            send.send_data(Bytes::from_static(b"ignored"), true)
                .unwrap();
        }
    });
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters.push(xds::cluster("m", speaks_http2));
    let endpoints = xds::endpoints("m", &[mirror.address]);
    resources.endpoints.push(endpoints);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.request_mirror_policies = vec![RequestMirrorPolicy {
            cluster: "m".to_owned(),
            ..RequestMirrorPolicy::default()
        }];
    })])];
    let gateway = Gateway::start(&resources);
    let requests = [
        ("GET /1 HTTP/1.1\r\nHost: a:8\r\n\r\n", "", "a-shadow:8"),
        (
            "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "abc",
            "a-shadow",
        ),
        (
            "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;x\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n",
            "helloabc",
            "a-shadow",
        ),
    ];
    let within = sluicegate_testkit::patience();
    for (at, (request, body, host)) in requests.into_iter().enumerate() {
        assert_eq!(gateway.client().ask(request).text(), "ok");
        let wanted = (format!("http://{host}/{}", at + 1), body.to_owned());
        assert_eq!(received.recv_timeout(within), Ok(wanted));
    }
    run(async {
        let client = Client::connect(gateway.address()).await;
        assert_eq!(client.post(post("/4"), b"more").await.text(), "ok");
    });
    let wanted = ("http://test-shadow/4".to_owned(), "more".to_owned());
    assert_eq!(received.recv_timeout(within), Ok(wanted));
    gateway.expect("cluster.m.upstream_rq_200", 4);
    gateway.expect("cluster.m.upstream_cx_total", 1);
    gateway.expect("cluster.m.upstream_rq_active", 0);
}

/// Row 68. `connection_idle_interval`.
#[test]
fn an_idle_connection_is_doubted_before_it_is_used() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (tcp, _) = listener.accept().await.unwrap();
            let mut connection = server::handshake(tcp).await.unwrap();
            let serving = async {
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    respond.send_response(Response::new(()), true).unwrap();
                }
            };
            let _ = tokio::time::timeout(Duration::from_millis(300), serving).await;
            // Neither requests nor PINGs are read any more.
            tokio::time::sleep(Duration::from_secs(15)).await;
        });
    });
    let mut resources = Resources::simple(&[address]);
    let options = Http2ProtocolOptions {
        connection_keepalive: Some(KeepaliveSettings {
            connection_idle_interval: xds::seconds(0.4),
            timeout: xds::seconds(0.1),
            ..KeepaliveSettings::default()
        }),
        ..Http2ProtocolOptions::default()
    };
    xds::http2(&mut resources.clusters[0], Common::default(), options);
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    assert_eq!(gateway.client().get("/").status(), 200);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(gateway.stat("cluster.c.http2.keepalive_timeout"), 0);
    assert_eq!(gateway.client().get("/").status(), 503);
    gateway.expect("cluster.c.http2.keepalive_timeout", 1);
}
