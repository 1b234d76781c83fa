// SPDX-License-Identifier: Apache-2.0
//! Upstreams of HTTP/2, clients of HTTP/1 and of HTTP/2.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, server};
use http::{HeaderMap, Response};
use sluicegate_xds::pb::envoy::config::{
    core::v3::{Http2ProtocolOptions, HttpProtocolOptions, KeepaliveSettings},
    route::v3::route_action::RequestMirrorPolicy,
};

use crate::support::{
    Gateway,
    client::joined,
    gateway::{Resources, eventually},
    http2::{Client, Upstream, get, post, read, run, write},
    plane::decided,
    xds,
};

fn resources(upstream: &Upstream, options: Http2ProtocolOptions) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    let common = HttpProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    resources
}

fn gateway(upstream: &Upstream) -> Gateway {
    Gateway::start(&resources(upstream, Http2ProtocolOptions::default()))
}

fn bytes(length: u32) -> Vec<u8> {
    (0..length).map(|at| at.to_le_bytes()[0]).collect()
}

#[test]
fn a_get_of_http1_goes_through() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream);
    let mut client = gateway.client();
    for _ in 0..3 {
        let response = client.ask(
            "GET /a?b HTTP/1.1\r\nHost: test:8\r\nX-A: 1\r\nX-A: 2\r\nTE: trailers, x\r\n\
             Connection: keep-alive\r\nCookie: a\r\nCookie: b\r\n\r\n",
        );
        assert_eq!(response.status(), 200);
        assert_eq!(response.field("echo-uri"), Some("http://test:8/a?b"));
        assert_eq!(response.field("content-length"), Some("0"));
        assert_eq!(response.field("echo-te"), Some("trailers"));
        let lines = response.lines();
        assert!(lines.contains(&"echo-x-a: 1") && lines.contains(&"echo-x-a: 2"));
        assert!(lines.contains(&"echo-cookie: a") && lines.contains(&"echo-cookie: b"));
        assert!(!response.head.contains("connection"), "{}", response.head);
    }
    assert_eq!(upstream.connections(), 1);
    gateway.expect("cluster.c.upstream_cx_http2_total", 1);
    gateway.expect("cluster.c.upstream_cx_http1_total", 0);
    gateway.expect("cluster.c.upstream_rq_200", 3);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("cluster.c.http2.streams_active", 0);
}

#[test]
fn bodies_of_http1_go_both_ways_whole_through_small_windows() {
    let mut builder = server::Builder::new();
    builder.initial_window_size(20_000);
    let upstream = Upstream::echo();
    let options = Http2ProtocolOptions {
        initial_stream_window_size: xds::number(65_535),
        initial_connection_window_size: xds::number(65_535),
        ..Http2ProtocolOptions::default()
    };
    let gateway = Gateway::start(&resources(&upstream, options));
    let mut client = gateway.client();
    let body = bytes(2_000_000);
    let response = client.post(&body);
    assert_eq!(response.status(), 200);
    assert_eq!(response.field("echo-content-length"), Some("2000000"));
    // The upstream gives no length: the body comes in chunks.
    assert!(joined(&response.body).is_some_and(|data| data == body));
    // An answer that began before the request ended closes a connection of HTTP/1.
    let mut client = gateway.client();
    let response = client.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;x\r\nhello\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    );
    assert_eq!(joined(&response.body), Some(b"helloabc".to_vec()));
    assert_eq!(response.field("echo-transfer-encoding"), None);
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 23.
#[test]
fn both_sides_speak_http2_with_trailers_and_small_windows() {
    let upstream = Upstream::echo();
    let gateway = gateway(&upstream);
    let body = bytes(1_000_000);
    run(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(20_000);
        let client = Client::with(gateway.address(), &builder).await;
        assert_eq!(client.get("/").await.status, 200);
        let (response, mut send) = client.open(post("/x"), false).await;
        let sending = async {
            write(&mut send, &body).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        };
        let (answer, ()) = tokio::join!(read(response), sending);
        let answer = answer.unwrap();
        assert!(answer.body == body);
        assert_eq!(answer.trailers.unwrap()["grpc-status"], "0");
    });
    assert_eq!(upstream.connections(), 1);
    gateway.expect("http.test.downstream_rq_active", 0);
}

#[test]
fn a_hundred_streams_share_a_connection() {
    let upstream = Upstream::start(server::Builder::new(), |_, mut respond| async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        let _ = send.send_data(Bytes::from("ok"), true);
    });
    let gateway = gateway(&upstream);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let mut asked = Vec::new();
        for _ in 0..100 {
            let client = client.clone();
            asked.push(tokio::spawn(async move { client.get("/").await }));
        }
        for one in asked {
            assert_eq!(one.await.unwrap().text(), "ok");
        }
    });
    assert_eq!(upstream.connections(), 1);
}

fn slow() -> Upstream {
    Upstream::start(server::Builder::new(), |_, mut respond| async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let _ = respond.send_response(Response::new(()), true);
    })
}

/// Row 69.
#[test]
fn five_streams_need_three_connections_of_two() {
    let upstream = slow();
    let options = Http2ProtocolOptions {
        max_concurrent_streams: xds::number(2),
        ..Http2ProtocolOptions::default()
    };
    let gateway = Gateway::start(&resources(&upstream, options));
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let mut client = gateway.client();
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client
        })
        .collect();
    for mut client in clients {
        assert_eq!(client.response(false).status(), 200);
    }
    assert_eq!(upstream.connections(), 3);
}

#[test]
fn breakers_count_requests() {
    let upstream = slow();
    let mut resources = resources(&upstream, Http2ProtocolOptions::default());
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_requests = xds::number(2);
    });
    let gateway = Gateway::start(&resources);
    let mut first = gateway.client();
    assert_eq!(first.get("/").status(), 200);
    let mut clients: Vec<_> = (0..3).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let answers = clients.iter_mut().map(|client| client.response(false));
    let mut statuses: Vec<_> = answers.map(|answer| answer.status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503]);
    assert_eq!(upstream.connections(), 1);
}

/// Row 67.
#[test]
fn resets_of_the_upstream_are_told_apart() {
    for (reason, text) in [
        (Reason::INTERNAL_ERROR, "remote reset"),
        (Reason::CANCEL, "remote reset"),
        (Reason::REFUSED_STREAM, "remote refused stream reset"),
    ] {
        let upstream = Upstream::start(server::Builder::new(), move |_, mut respond| async move {
            respond.send_reset(reason);
        });
        let gateway = gateway(&upstream);
        let response = gateway.client().get("/");
        assert_eq!(response.status(), 503);
        let wanted = format!("reset before headers. reset reason: {text}");
        assert!(response.text().ends_with(&wanted), "{}", response.text());
        gateway.expect("cluster.c.http2.rx_reset", 1);
        let counted = i64::from(reason != Reason::REFUSED_STREAM);
        gateway.expect("cluster.c.upstream_rq_rx_reset", counted);
        gateway.expect("cluster.c.upstream_rq_503", 1);
    }
}

#[test]
fn an_upstream_that_speaks_something_else_is_a_protocol_error() {
    let upstream = crate::support::Upstream::answering("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut resources = Resources::simple(&[upstream.address]);
    let options = Http2ProtocolOptions::default();
    let common = HttpProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!(response.status(), 502);
    assert!(response.text().ends_with("protocol error"));
    let counted = decided("bytes that are not HTTP/2", 1, 0);
    gateway.expect("cluster.c.http2.rx_messaging_error", counted);
    gateway.expect("cluster.c.upstream_cx_protocol_error", 1);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

#[test]
fn a_late_reset_cuts_the_response() {
    let upstream = Upstream::start(server::Builder::new(), |_, mut respond| async move {
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        let _ = send.send_data(Bytes::from("half"), false);
        tokio::time::sleep(Duration::from_millis(50)).await;
        send.send_reset(Reason::CANCEL);
    });
    let gateway = gateway(&upstream);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let rest = String::from_utf8(client.rest()).unwrap();
    assert!(rest.ends_with("\r\n\r\n4\r\nhalf\r\n"), "{rest}");
    run(async {
        let client = Client::connect(gateway.address()).await;
        let error = client.ask(get("/")).await.unwrap_err();
        assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
    });
}

#[test]
fn a_client_that_resets_resets_the_upstream() {
    let resets = Arc::new(AtomicUsize::new(0));
    let seen = resets.clone();
    let upstream = Upstream::start(server::Builder::new(), move |_, mut respond| {
        let seen = seen.clone();
        async move {
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            seen.fetch_add(1, SeqCst);
        }
    });
    let gateway = gateway(&upstream);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, mut send) = client.open(get("/"), true).await;
        while upstream.requests.load(SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        send.send_reset(Reason::CANCEL);
        drop(response);
        while resets.load(SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

/// Row 19.
#[test]
fn too_many_response_fields_are_a_reset() {
    for (count, status) in [(14, 200), (15, 503)] {
        let upstream = Upstream::start(server::Builder::new(), move |_, mut respond| async move {
            let mut response = Response::new(());
            for at in 0..count {
                let name = http::HeaderName::try_from(format!("x-{at}")).unwrap();
                response.headers_mut().insert(name, "1".parse().unwrap());
            }
            let _ = respond.send_response(response, true);
        });
        let mut resources = resources(&upstream, Http2ProtocolOptions::default());
        let common = HttpProtocolOptions {
            max_headers_count: xds::number(15),
            ..HttpProtocolOptions::default()
        };
        let options = Http2ProtocolOptions::default();
        xds::http2(&mut resources.clusters[0], common, options);
        let gateway = Gateway::start(&resources);
        let mut client = gateway.client();
        let response = client.get("/");
        assert_eq!(response.status(), status);
        client.get("/");
        assert_eq!(upstream.connections(), 1, "the connection is kept");
        gateway.expect(
            "cluster.c.http2.header_overflow",
            if status == 200 { 0 } else { 2 },
        );
    }
}

#[test]
fn a_mirror_gets_the_body_in_the_framing_of_http1() {
    let upstream = Upstream::echo();
    let mirror = crate::support::Upstream::start(|exchange| {
        let body = exchange.read_body();
        exchange.head.clear();
        assert_eq!(joined(&body), Some(b"helloabc".to_vec()));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        exchange.stream.write_all(answer).is_ok()
    });
    let mut resources = resources(&upstream, Http2ProtocolOptions::default());
    resources.clusters.push(xds::cluster("m", |_| {}));
    resources
        .endpoints
        .push(xds::endpoints("m", &[mirror.address]));
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.request_mirror_policies = vec![RequestMirrorPolicy {
            cluster: "m".to_owned(),
            ..RequestMirrorPolicy::default()
        }];
    })])];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;x\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    gateway.expect("cluster.m.upstream_rq_200", 1);
}

#[test]
fn a_connection_takes_no_more_than_its_requests() {
    let upstream = Upstream::echo();
    let mut resources = resources(&upstream, Http2ProtocolOptions::default());
    let common = HttpProtocolOptions {
        max_requests_per_connection: xds::number(2),
        ..HttpProtocolOptions::default()
    };
    let options = Http2ProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(upstream.connections(), 3);
    gateway.expect("cluster.c.upstream_cx_max_requests", 2);
}

#[test]
fn idle_connections_are_closed() {
    let upstream = Upstream::echo();
    let mut resources = resources(&upstream, Http2ProtocolOptions::default());
    let common = HttpProtocolOptions {
        idle_timeout: xds::seconds(0.2),
        ..HttpProtocolOptions::default()
    };
    let options = Http2ProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/").status(), 200);
    eventually("it is closed", || {
        gateway.stat("cluster.c.upstream_cx_active") == 0
    });
    gateway.expect("cluster.c.upstream_cx_idle_timeout", 1);
}

/// Reads what a gateway sends first, and answers nothing.
fn silent() -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<u8>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    (address, thread)
}

/// Rows 66 and 68.
#[test]
fn the_first_bytes_are_settings_and_silence_is_noticed() {
    let (address, thread) = silent();
    let mut resources = Resources::simple(&[address]);
    let options = Http2ProtocolOptions {
        initial_stream_window_size: xds::number(100_000),
        initial_connection_window_size: xds::number(1_048_576),
        connection_keepalive: Some(KeepaliveSettings {
            interval: xds::seconds(0.1),
            timeout: xds::seconds(0.1),
            ..KeepaliveSettings::default()
        }),
        ..Http2ProtocolOptions::default()
    };
    let common = HttpProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!(response.status(), 503);
    assert!(response.text().ends_with("connection termination"));
    gateway.expect("cluster.c.http2.keepalive_timeout", 1);
    let sent = thread.join().unwrap();
    let rest = sent
        .strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    assert_eq!(rest[3], 4, "SETTINGS first");
    let length = usize::from(rest[2]);
    let settings: Vec<_> = rest[9..9 + length]
        .chunks(6)
        .map(|one| (one[1], u32::from_be_bytes([one[2], one[3], one[4], one[5]])))
        .collect();
    for wanted in [(1, 4096), (2, 0), (3, 1024), (4, 100_000)] {
        assert!(settings.contains(&wanted), "{wanted:?} in {settings:?}");
    }
    let increment = (1_048_576_u32 - 65_535).to_be_bytes();
    let update = [&[0, 0, 4, 8, 0, 0, 0, 0, 0][..], &increment].concat();
    assert!(rest.windows(13).any(|part| part == update));
}

#[test]
fn after_goaway_a_new_connection_is_made_and_running_streams_finish() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    std::thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((tcp, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                tokio::spawn(async move {
                    let mut connection = server::handshake(tcp).await.unwrap();
                    while let Some(Ok((_, mut respond))) = connection.accept().await {
                        connection.graceful_shutdown();
                        tokio::spawn(async move {
                            tokio::time::sleep(Duration::from_millis(200)).await;
                            let _ = respond.send_response(Response::new(()), true);
                        });
                    }
                });
            }
        });
    });
    let mut resources = Resources::simple(&[address]);
    let options = Http2ProtocolOptions::default();
    xds::http2(
        &mut resources.clusters[0],
        HttpProtocolOptions::default(),
        options,
    );
    let gateway = Gateway::start(&resources);
    let mut first = gateway.client();
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.expect("cluster.c.upstream_cx_close_notify", 1);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(first.response(false).status(), 200);
    assert_eq!(connections.load(SeqCst), 2);
}
