// SPDX-License-Identifier: Apache-2.0
//! Clients of HTTP/2, upstreams of HTTP/1.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use sluicegate_xds::pb::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions, KeepaliveSettings,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    http2::{Client, get, post, read, run, write},
    plane::differs,
    xds,
};

#[test]
fn a_get_goes_through() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        for _ in 0..3 {
            let answer = client.get("/a?b=c").await;
            assert_eq!((answer.status, answer.text()), (200, "ok"));
            let names = [
                "content-length",
                "x-envoy-upstream-service-time",
                "date",
                "server",
            ];
            assert_eq!(answer.names(), names);
        }
    });
    assert_eq!(upstream.connections(), 1);
    assert_eq!(
        upstream.heads.lock().unwrap()[0],
        "GET /a?b=c HTTP/1.1\nhost: test\nx-forwarded-proto: http\nx-request-id: *\n\
         x-envoy-expected-rq-timeout-ms: 15000"
    );
    gateway.expect("cluster.c.upstream_rq_200", 3);
    gateway.expect("http.test.downstream_cx_http2_total", 1);
    gateway.expect("http.test.downstream_cx_http1_total", 0);
    gateway.expect("http.test.downstream_rq_http2_total", 3);
    gateway.expect("http.test.downstream_rq_active", 0);
    gateway.expect("http.test.downstream_cx_http2_active", 0);
}

#[test]
fn bodies_go_both_ways_whole_through_small_windows() {
    let upstream = Upstream::echo();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.http2_protocol_options = Some(Http2ProtocolOptions {
            initial_stream_window_size: xds::number(65_535),
            initial_connection_window_size: xds::number(65_535),
            ..Http2ProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    let body: Vec<u8> = (0..2_000_000).map(|at: u32| at.to_le_bytes()[0]).collect();
    run(async {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(20_000);
        let client = Client::with(gateway.address(), &builder).await;
        let mut request = post("/");
        let length = body.len().to_string().parse().unwrap();
        request.headers_mut().insert("content-length", length);
        let answer = client.post(request, &body).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body == body);
        // Without a length the body is sent on in chunks, which this upstream sends back raw.
        let answer = client.post(post("/"), b"hello").await;
        assert_eq!(answer.text(), "5\r\nhello\r\n0\r\n\r\n");
    });
}

#[test]
fn a_hundred_streams_run_side_by_side() {
    let upstream = Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(50));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(answer).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let mut asked = Vec::new();
        for at in 0..100 {
            let client = client.clone();
            asked.push(tokio::spawn(
                async move { client.get(&format!("/{at}")).await },
            ));
        }
        for one in asked {
            assert_eq!(one.await.unwrap().text(), "ok");
        }
    });
    gateway.expect("cluster.c.upstream_rq_200", 100);
}

/// A gateway whose upstream may send and be sent trailers, or not.
fn with_trailers(upstream: &Upstream, enabled: bool) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    let http1 = Http1ProtocolOptions {
        enable_trailers: enabled,
        ..Http1ProtocolOptions::default()
    };
    xds::http1(&mut resources.clusters[0], http1);
    Gateway::start(&resources)
}

/// Row 23.
#[test]
fn trailers_reach_an_upstream_that_may_have_them() {
    for enabled in [false, true] {
        let upstream = Upstream::echo();
        let gateway = with_trailers(&upstream, enabled);
        run(async {
            let client = Client::connect(gateway.address()).await;
            let (response, mut send) = client.open(post("/"), false).await;
            write(&mut send, b"hello").await;
            let mut trailers = HeaderMap::new();
            trailers.insert("x-t", "1".parse().unwrap());
            send.send_trailers(trailers).unwrap();
            let answer = read(response).await.unwrap();
            let end = if enabled {
                "0\r\nx-t: 1\r\n\r\n"
            } else {
                "0\r\n\r\n"
            };
            assert_eq!(answer.text(), format!("5\r\nhello\r\n{end}"));
        });
    }
}

/// Row 23.
#[test]
fn trailers_of_an_upstream_reach_the_client() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                  5\r\nhello\r\n3;x\r\nabc\r\n0\r\nX-T: 1\r\n\r\n";
    for enabled in [false, true] {
        let upstream = Upstream::answering(answer);
        let gateway = with_trailers(&upstream, enabled);
        run(async {
            let client = Client::connect(gateway.address()).await;
            let answer = client.get("/").await;
            assert_eq!(answer.text(), "helloabc");
            let trailer = answer.trailers.and_then(|all| all.get("x-t").cloned());
            assert_eq!(trailer.is_some(), enabled);
        });
    }
}

#[test]
fn local_replies_have_the_form_of_http2() {
    let mut resources = Resources::simple(&["127.0.0.1:1".parse().unwrap()]);
    resources.routes[0].virtual_hosts[0].routes[0] = xds::route("/a", "c", |_| {});
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let answer = client.get("/nowhere").await;
        assert_eq!((answer.status, answer.text()), (404, ""));
        assert_eq!(answer.names(), ["date", "server"]);
        let answer = client.get("/a").await;
        assert_eq!(answer.status, 503);
        let names = ["content-length", "content-type", "date", "server"];
        assert_eq!(answer.names(), names);
        assert!(answer.text().ends_with("remote connection failure"));
        let mut head = get("/a");
        *head.method_mut() = http::Method::HEAD;
        let answer = client.ask(head).await.unwrap();
        assert_eq!((answer.status, answer.text()), (503, ""));
        assert_eq!(answer.field("content-length"), "98");
        let mut grpc = post("/a");
        let kind = "application/grpc+proto".parse().unwrap();
        grpc.headers_mut().insert("content-type", kind);
        let answer = client.post(grpc, b"12345").await;
        assert_eq!((answer.status, answer.text()), (200, ""));
        assert_eq!(answer.field("grpc-status"), "14");
        assert!(
            answer
                .field("grpc-message")
                .ends_with("remote connection failure")
        );
        let names = [
            "content-type",
            "grpc-status",
            "grpc-message",
            "date",
            "server",
        ];
        assert_eq!(answer.names(), names);
    });
}

/// Rows 20 and 21.
#[test]
fn header_limits_and_underscores_reset_the_stream() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_headers_count: xds::number(5),
            headers_with_underscores_action: 1,
            ..HttpProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let with = |names: &[&str]| {
            let mut request = Request::get("http://test/");
            for name in names {
                request = request.header(*name, "1");
            }
            request.body(()).unwrap()
        };
        assert_eq!(client.ask(with(&["a"])).await.unwrap().status, 200);
        for refused in [&["a", "b"][..], &["a_b"]] {
            let error = client.ask(with(refused)).await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
        }
        assert_eq!(client.get("/").await.status, 200, "the connection goes on");
    });
    gateway.expect("http2.header_overflow", 1);
    gateway.expect("http2.requests_rejected_with_underscores_in_headers", 1);
}

/// Names and values count, and nothing else.
#[test]
fn a_large_head_resets_the_stream() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.max_request_headers_kb = xds::number(1);
    });
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let with = |count: usize, size: usize| {
            let mut request = Request::get("http://test/");
            for _ in 0..count {
                request = request.header("x-some", "v".repeat(size));
            }
            request.body(()).unwrap()
        };
        for fits in [with(40, 10), with(1, 950)] {
            assert_eq!(client.ask(fits).await.unwrap().status, 200);
        }
        for refused in [with(70, 10), with(1, 1000), with(3, 900)] {
            let error = client.ask(refused).await.unwrap_err();
            assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
        }
        assert_eq!(client.get("/").await.status, 200, "the connection goes on");
    });
    // That one is for their number.
    gateway.expect("http2.header_overflow", 0);
}

#[test]
fn an_upstream_that_breaks_off_resets_the_stream() {
    let upstream = Upstream::start(|exchange| {
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1234567";
        exchange.stream.write_all(half).unwrap();
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, _) = client.open(get("/"), true).await;
        let mut body = response.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), Bytes::from("1234567"));
        let error = body.data().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
    });
}

#[test]
fn a_client_that_resets_frees_the_upstream() {
    let upstream = Upstream::start(|exchange| {
        let mut byte = [0];
        matches!(exchange.stream.read(&mut byte), Ok(1))
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, mut send) = client.open(get("/"), true).await;
        while upstream.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        send.send_reset(h2::Reason::CANCEL);
        drop(response);
        while upstream.closed() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("http.test.downstream_rq_active", 0);
}

/// Row 82.
#[test]
fn draining_lets_a_running_stream_finish() {
    let upstream = Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(300));
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(answer).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, _) = client.open(get("/"), true).await;
        while upstream.count() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut changed = Resources::simple(&[upstream.address]);
        changed.listeners[0] = xds::listener(|manager| manager.server_name = "new".to_owned());
        gateway.publish(&changed);
        assert_eq!(read(response).await.unwrap().text(), "ok");
        let mut send = client.send.clone();
        let refused = std::future::poll_fn(|cx| send.poll_ready(cx)).await;
        assert!(refused.unwrap_err().is_go_away());
    });
}

#[test]
fn requests_are_limited_per_connection() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            max_requests_per_connection: xds::number(2),
            ..HttpProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        assert_eq!(client.get("/").await.status, 200);
        assert_eq!(client.get("/").await.status, 200);
        let mut send = client.send.clone();
        while std::future::poll_fn(|cx| send.poll_ready(cx)).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    gateway.expect("http.test.downstream_cx_max_requests_reached", 1);
}

/// Row 70.
#[test]
fn answers_of_a_route_and_breakers_work_for_grpc() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_requests = xds::number(0);
    });
    let gateway = Gateway::start(&resources);
    run(async {
        let client = Client::connect(gateway.address()).await;
        let mut grpc = post("/");
        let kind = "application/grpc".parse().unwrap();
        grpc.headers_mut().insert("content-type", kind);
        let answer = client.post(grpc, b"").await;
        assert_eq!((answer.status, answer.field("grpc-status")), (200, "14"));
        assert_eq!(answer.names()[0], "x-envoy-overloaded");
        assert!(answer.field("grpc-message").ends_with("overflow"));
        assert!(answer.trailers.is_none());
    });
}

#[test]
fn a_client_that_does_not_read_holds_the_upstream_back() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    let upstream = Upstream::start(move |exchange| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n";
        exchange.stream.write_all(head).unwrap();
        while let Ok(count) = exchange.stream.write(&[b'x'; 65536]) {
            counted.fetch_add(count, SeqCst);
        }
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        let (response, _) = client.open(get("/"), true).await;
        let body = response.await.unwrap().into_body();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let held = sent.load(SeqCst);
        assert!(held < 40_000_000, "{held} bytes are under way");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(sent.load(SeqCst), held, "nothing moves");
        drop(body);
    });
}

#[test]
fn an_answer_may_come_before_the_end_of_the_request() {
    let upstream = Upstream::start(|exchange| {
        let answer = b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 2\r\n\r\nno";
        exchange.stream.write_all(answer).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    run(async {
        let client = Client::connect(gateway.address()).await;
        for _ in 0..2 {
            let (response, send) = client.open(post("/"), false).await;
            let answer = read(response).await.unwrap();
            assert_eq!((answer.status, answer.text()), (413, "no"));
            drop(send);
        }
    });
    gateway.expect("http.test.downstream_rq_active", 0);
    gateway.expect("cluster.c.upstream_rq_active", 0);
}

/// The connection's first bytes are SETTINGS with Envoy's values and a window of 24 MiB.
#[test]
fn the_first_bytes_to_a_client_are_settings() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    let mut preface = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..];
    if !differs("the preface in pieces") {
        client.send(&preface[..8]);
        std::thread::sleep(Duration::from_millis(20));
        preface = &preface[8..];
    }
    client.send(preface);
    client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let update = [
        &[0, 0, 4, 8, 0, 0, 0, 0, 0][..],
        &25_100_289_u32.to_be_bytes(),
    ]
    .concat();
    client.until(|bytes| bytes.windows(13).position(|part| part == update));
    let sent = client.until(|bytes| (bytes.len() >= 9).then(|| 9 + usize::from(bytes[2])));
    client.until(|bytes| {
        let settings: Vec<_> = bytes[9..sent].chunks(6).collect();
        let has = |id: u8, value: u32| {
            let wanted = [&[0, id][..], &value.to_be_bytes()].concat();
            settings.contains(&wanted.as_slice())
        };
        assert!(has(3, 1024) && has(4, 16_777_216), "{settings:?}");
        assert!(!settings.iter().any(|one| one[1] == 2), "no ENABLE_PUSH");
        Some(0)
    });
}

#[test]
fn idle_connections_get_goaway() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.common_http_protocol_options = Some(HttpProtocolOptions {
            idle_timeout: xds::seconds(0.2),
            ..HttpProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    run(async {
        let mut client = Client::connect(gateway.address()).await;
        assert_eq!(client.get("/").await.status, 200);
        let connection = Arc::get_mut(&mut client.connection).unwrap();
        connection.await.unwrap().unwrap();
    });
    gateway.expect("http.test.downstream_cx_idle_timeout", 1);
    gateway.expect("http.test.downstream_cx_active", 0);
}

#[test]
fn a_client_that_answers_no_ping_is_given_up() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| {
        manager.http2_protocol_options = Some(Http2ProtocolOptions {
            connection_keepalive: Some(KeepaliveSettings {
                interval: xds::seconds(0.1),
                timeout: xds::seconds(0.1),
                ..KeepaliveSettings::default()
            }),
            ..Http2ProtocolOptions::default()
        });
    });
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let rest = client.rest();
    assert!(
        rest.windows(9)
            .any(|part| part == [0, 0, 8, 6, 0, 0, 0, 0, 0])
    );
    gateway.expect("http2.keepalive_timeout", 1);
}

#[test]
fn the_codec_type_may_rule_a_version_out() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0] = xds::listener(|manager| manager.codec_type = 1);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(client.rest().starts_with(b"HTTP/1.1 400 "));
    resources.listeners[0] = xds::listener(|manager| manager.codec_type = 2);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Long: aaaaaaaa\r\n\r\n");
    assert!(!client.rest().starts_with(b"HTTP/1.1"));
}

#[test]
fn random_bytes_after_the_preface_harm_nobody() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..100 {
        let mut client = gateway.client();
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        if round % 2 == 0 {
            client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        }
        let mut bytes = Vec::new();
        while bytes.len() < 400 {
            let length = random.u8(..40);
            bytes.extend([0, 0, length, random.u8(..10), random.u8(..), 0, 0, 0]);
            bytes.extend((0..=length).map(|_| random.u8(..)));
        }
        // The gateway may have closed already.
        let _ = client.stream.write_all(&bytes);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        client.rest();
    }
    assert_eq!(gateway.client().get("/").status(), 200);
    eventually("all are gone", || {
        gateway.stat("http.test.downstream_cx_http2_active") == 0
    });
}
