// SPDX-License-Identifier: Apache-2.0
//! Rows of the failure table that can be reached from outside.

use std::{
    io::{Read, Write},
    net::TcpListener,
    time::{Duration, Instant},
};

use sluicegate_testkit::{FullBacklog, free_address};
use sluicegate_xds::pb::envoy::config::core::v3::HttpProtocolOptions;

use crate::support::{Gateway, Upstream, client::Response, gateway::Resources, xds};

const RESET: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";

fn local_reply(response: &Response, status: u16, body: &str) {
    assert_eq!(response.status(), status, "{response:?}");
    assert_eq!(response.text(), body);
    let length = format!("content-length: {}", body.len());
    let mut lines = response.lines();
    lines.retain(|line| !["connection: close", "x-envoy-overloaded: true"].contains(line));
    if body.is_empty() {
        assert_eq!(lines, ["date: *", "server: envoy", "content-length: 0"]);
    } else {
        let wanted = [
            &length,
            "content-type: text/plain",
            "date: *",
            "server: envoy",
        ];
        assert_eq!(lines, wanted);
    }
}

/// Row 1.
#[test]
fn refused_is_uf() {
    let closed = free_address();
    let gateway = Gateway::start(&Resources::simple(&[closed]));
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.get("/");
        local_reply(&response, 503, &format!("{RESET}remote connection failure"));
        assert_eq!(response.field("connection"), None, "the client stays");
    }
    gateway.expect("cluster.c.upstream_cx_connect_fail", 2);
    gateway.expect("cluster.c.upstream_rq_pending_failure_eject", 2);
    gateway.expect("cluster.c.upstream_rq_503", 2);
    gateway.expect("cluster.c.upstream_rq_total", 0);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

/// Row 2.
#[test]
fn a_full_backlog_is_a_connect_timeout() {
    let backlog = FullBacklog::start().unwrap();
    let mut resources = Resources::simple(&[backlog.address()]);
    resources.clusters[0].connect_timeout = xds::seconds(0.3);
    let gateway = Gateway::start(&resources);
    let begun = Instant::now();
    let response = gateway.client().get("/");
    local_reply(&response, 503, &format!("{RESET}connection timeout"));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(290), "{took:?}");
    gateway.expect("cluster.c.upstream_cx_connect_timeout", 1);
    gateway.expect("cluster.c.upstream_cx_connect_fail", 1);
}

/// Row 3.
#[test]
fn an_end_before_the_answer_is_uc() {
    let closes = Upstream::start(|_| false);
    let resets = Upstream::start(|exchange| {
        let socket = socket2::SockRef::from(&*exchange.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
        false
    });
    let at_once = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = at_once.local_addr().unwrap();
    std::thread::spawn(move || at_once.incoming().for_each(drop));
    for address in [closes.address, resets.address, address] {
        let gateway = Gateway::start(&Resources::simple(&[address]));
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.get("/");
            local_reply(&response, 503, &format!("{RESET}connection termination"));
            assert_eq!(response.field("connection"), None, "the client stays");
        }
        gateway.expect("cluster.c.upstream_cx_destroy_remote_with_active_rq", 2);
        gateway.expect("cluster.c.upstream_rq_total", 2);
        gateway.expect("cluster.c.upstream_rq_503", 2);
        gateway.expect("cluster.c.upstream_rq_5xx", 2);
        gateway.expect("cluster.c.upstream_rq_completed", 2);
        gateway.expect("cluster.c.upstream_cx_active", 0);
    }
}

/// Row 4.
#[test]
fn an_end_in_the_middle_of_the_head_is_upe() {
    let upstream = Upstream::start(|exchange| {
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nA: ")
            .unwrap();
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let response = gateway.client().get("/");
    local_reply(&response, 502, &format!("{RESET}protocol error"));
    gateway.expect("cluster.c.upstream_cx_protocol_error", 1);
}

/// Row 5.
#[test]
fn an_end_in_the_middle_of_the_body_truncates() {
    for (head, sent) in [
        ("Content-Length: 100", "partial"),
        ("Transfer-Encoding: chunked", "7\r\npartial\r\n"),
    ] {
        let upstream = Upstream::start(move |exchange| {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{sent}");
            exchange.stream.write_all(answer.as_bytes()).unwrap();
            false
        });
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let all = String::from_utf8(client.rest()).unwrap();
        assert!(all.starts_with("HTTP/1.1 200 OK"), "{all}");
        assert!(all.ends_with(sent), "{all}");
        assert_eq!(
            all.matches("connection: close").count(),
            0,
            "it was not known yet"
        );
        gateway.expect("http.test.downstream_rq_tx_reset", 1);
        gateway.expect("http.test.downstream_rq_rx_reset", 1);
        gateway.expect("cluster.c.upstream_rq_200", 1);
        gateway.expect("cluster.c.upstream_cx_active", 0);
    }
}

/// Rows 6 and 7.
#[test]
fn no_host_no_route_no_cluster() {
    let gateway = Gateway::start(&Resources::simple(&[]));
    local_reply(&gateway.client().get("/"), 503, "no healthy upstream");
    gateway.expect("cluster.c.upstream_cx_none_healthy", 1);
    let mut resources = Resources::simple(&[]);
    resources.routes = vec![xds::routes(vec![
        xds::route("/missing", "nowhere", |_| {}),
        xds::route("/500", "nowhere", |action| {
            action.cluster_not_found_response_code = 2
        }),
    ])];
    gateway.publish(&resources);
    let mut client = gateway.client();
    local_reply(&client.get("/elsewhere"), 404, "");
    local_reply(&client.get("/missing"), 503, "");
    local_reply(&client.get("/500"), 500, "");
    gateway.expect("http.test.no_route", 1);
    gateway.expect("http.test.no_cluster", 2);
}

#[test]
fn a_head_request_gets_the_same_head_and_no_body() {
    let gateway = Gateway::start(&Resources::simple(&[]));
    let mut client = gateway.client();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = client.response(true);
    assert_eq!(response.field("content-length"), Some("19"));
    assert_eq!(client.get("/").status(), 503, "the connection is in step");
}

/// Row 70.
#[test]
fn grpc_requests_get_grpc_answers() {
    let gateway = Gateway::start(&Resources::simple(&[]));
    let response = gateway.client().ask(
        "POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\
         Content-Length: 0\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.lines(),
        [
            "content-type: application/grpc",
            "grpc-status: 14",
            "grpc-message: no healthy upstream",
            "date: *",
            "server: envoy",
            "content-length: 0",
        ]
    );
}

/// Rows 8, 11, 12 and 13.
///
/// Time limits: what is set, the answer to a complete request, the counter that moves.
#[test]
fn time_limits_answer_504_or_408() {
    type Change = fn(&mut Resources);
    let cases: [(Change, &str, &str); 4] = [
        (
            |r| {
                r.routes = vec![xds::routes(vec![xds::route("/", "c", |a| {
                    a.timeout = xds::seconds(0.2)
                })])]
            },
            "upstream request timeout",
            "cluster.c.upstream_rq_timeout",
        ),
        (
            |r| {
                r.routes = vec![xds::routes(vec![xds::route("/", "c", |a| {
                    a.idle_timeout = xds::seconds(0.2);
                })])];
            },
            "stream timeout",
            "http.test.downstream_rq_idle_timeout",
        ),
        (
            |r| {
                let common = HttpProtocolOptions {
                    max_stream_duration: xds::seconds(0.2),
                    ..HttpProtocolOptions::default()
                };
                xds::common_http(&mut r.clusters[0], common);
            },
            "upstream max stream duration reached",
            "cluster.c.upstream_rq_max_duration_reached",
        ),
        (
            |r| {
                r.listeners = vec![xds::listener(|manager| {
                    manager.common_http_protocol_options = Some(HttpProtocolOptions {
                        max_stream_duration: xds::seconds(0.2),
                        ..HttpProtocolOptions::default()
                    });
                })];
            },
            "downstream duration timeout",
            "http.test.downstream_rq_max_duration_reached",
        ),
    ];
    for (change, body, counter) in cases {
        let upstream = Upstream::silent();
        let mut resources = Resources::simple(&[upstream.address]);
        change(&mut resources);
        let gateway = Gateway::start(&resources);
        let begun = Instant::now();
        let mut client = gateway.client();
        local_reply(&client.get("/"), 504, body);
        let took = begun.elapsed().as_secs_f64();
        assert!(took >= 0.19, "{took}");
        gateway.expect(counter, 1);
        gateway.expect("cluster.c.upstream_cx_active", 0);
        if body == "upstream request timeout" {
            continue;
        }
        let mut client = gateway.client();
        let partly = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
        let response = client.ask(partly);
        local_reply(&response, 408, body);
        assert_eq!(response.field("connection"), Some("close"));
    }
}

#[test]
fn a_slow_client_does_not_use_up_the_time_for_the_response() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(1.0);
    })])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHo");
    std::thread::sleep(Duration::from_millis(1200));
    assert_eq!(client.ask("st: a\r\n\r\n").status(), 200);
}

/// Row 14.
#[test]
fn a_slow_upload_does_not_count_against_the_route_timeout() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.timeout = xds::seconds(0.2);
    })])];
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(100));
        client.send("x");
    }
    assert_eq!(client.response(false).status(), 200);
}

/// Row 9.
#[test]
fn a_timeout_after_the_head_truncates() {
    for (head, sent) in [
        ("Content-Length: 100", ""),
        ("Content-Length: 100", "partial"),
        ("Transfer-Encoding: chunked", ""),
        ("Transfer-Encoding: chunked", "7\r\npartial\r\n"),
    ] {
        let upstream = Upstream::start(move |exchange| {
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{sent}");
            exchange.stream.write_all(answer.as_bytes()).unwrap();
            let mut byte = [0];
            matches!(exchange.stream.read(&mut byte), Ok(1))
        });
        let mut resources = Resources::simple(&[upstream.address]);
        resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
            action.timeout = xds::seconds(0.2);
        })])];
        let gateway = Gateway::start(&resources);
        let mut client = gateway.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let all = String::from_utf8(client.rest()).unwrap();
        assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
        assert!(all.ends_with(&format!("\r\n\r\n{sent}")), "{all}");
        gateway.expect("cluster.c.upstream_rq_timeout", 1);
        gateway.expect("cluster.c.upstream_rq_200", 1);
        gateway.expect("http.test.downstream_rq_tx_reset", 1);
        gateway.expect("cluster.c.upstream_cx_active", 0);
    }
}

#[test]
fn a_head_that_does_not_come_is_408() {
    let mut resources = Resources::simple(&[]);
    resources.listeners = vec![xds::listener(|manager| {
        manager.request_headers_timeout = xds::seconds(0.2);
    })];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().ask("GET / HTTP/1.1\r\n");
    local_reply(&response, 408, "request header timeout");
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn a_client_that_goes_away_takes_its_request_along() {
    let upstream = Upstream::silent();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.expect("cluster.c.upstream_rq_active", 1);
    drop(client);
    gateway.expect("cluster.c.upstream_rq_active", 0);
    gateway.expect("cluster.c.upstream_cx_active", 0);
    gateway.expect("http.test.downstream_cx_active", 0);
    gateway.expect("http.test.downstream_rq_active", 0);
}

/// A failed request must not take the next one along, which may have arrived with it.
#[test]
fn requests_sent_ahead_of_a_failure_are_still_answered() {
    let upstream = Upstream::start(|exchange| {
        if exchange.head.starts_with("GET /fail") {
            std::thread::sleep(Duration::from_millis(50));
            return false;
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(answer).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send(
        "GET /fail HTTP/1.1\r\nHost: a\r\n\r\nGET /good HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /fail HTTP/1.1\r\nHost: a\r\n\r\nGET /good HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for status in [503, 200, 503, 200] {
        assert_eq!(client.response(false).status(), status);
    }
}
