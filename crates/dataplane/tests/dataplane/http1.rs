// SPDX-License-Identifier: Apache-2.0
//! Conversations on HTTP/1: requests sent ahead, expectations, old versions, early answers.
//! Expected bytes are those of Envoy 1.40.

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::mpsc,
    time::Duration,
};

use sluicegate_testkit::patience;

use crate::support::{Gateway, Upstream, client::find, gateway::Resources, plane::differs};

/// Answers with the request's path and the bytes of its body.
fn echo() -> Upstream {
    Upstream::start(|exchange| {
        let body = String::from_utf8(exchange.read_body()).unwrap();
        let mut words = exchange.head.split(' ');
        let method = words.next().unwrap();
        let text = format!("{}{body}", words.next().unwrap());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", text.len());
        let shown = if method == "HEAD" { "" } else { &text };
        let answer = format!("{head}{shown}");
        exchange.stream.write_all(answer.as_bytes()).is_ok()
    })
}

const REST: &str = "x-envoy-upstream-service-time: *\r\ndate: *\r\nserver: envoy\r\n";

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let all = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
               POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\n\
               POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n\
               GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
               GET /5 HTTP/1.1\r\nHost: a\r\n\r\n";
    for step in [all.len(), 7, 1] {
        let mut client = gateway.client();
        let mut writer = client.stream.try_clone().unwrap();
        std::thread::spawn(move || {
            // The last request comes too late, for some cuts: the connection may be gone.
            all.as_bytes()
                .chunks(step)
                .all(|piece| writer.write_all(piece).is_ok())
        });
        for wanted in ["/1", "/2abc", "/31\r\nx\r\n0\r\n\r\n"] {
            assert_eq!(client.response(false).text(), wanted, "{step}");
        }
        let last = client.response(false);
        assert_eq!(
            (last.text(), last.field("connection")),
            ("/4", Some("close"))
        );
        assert_eq!(client.rest(), b"", "{step}");
    }
    assert_eq!(upstream.count(), 3 * 4);
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn a_waiting_client_is_told_to_go_on() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    for body in ["Content-Length: 2", "Transfer-Encoding: chunked"] {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{body}\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(client.exact(head), "HTTP/1.1 100 Continue\r\n\r\n");
        let sent = if body.starts_with('C') {
            "ok"
        } else {
            "2\r\nok\r\n0\r\n\r\n"
        };
        client.send(sent);
        assert_eq!(client.response(false).text(), format!("/{sent}"));
        let head = upstream.last_exact();
        assert!(!head.to_ascii_lowercase().contains("expect:"), "{head}");
    }
}

#[test]
fn a_client_that_did_not_wait_gets_its_answer() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nok");
    if differs("100 Continue for a client that has not waited") {
        assert_eq!(client.response(false).status(), 100);
    }
    let response = client.response(false);
    assert_eq!((response.status(), response.text()), (200, "/ok"));
    assert_eq!(client.get("/next").text(), "/next", "in step");
}

#[test]
fn answers_to_head_have_the_head_only() {
    for (fields, wanted) in [
        (
            "Content-Length: 5\r\n",
            format!("content-length: 5\r\n{REST}"),
        ),
        (
            "Transfer-Encoding: chunked\r\n",
            format!("{REST}transfer-encoding: chunked\r\n"),
        ),
        ("", format!("{REST}transfer-encoding: chunked\r\n")),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let upstream = Upstream::answering(answer.leak());
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.exact("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(response, format!("HTTP/1.1 200 OK\r\n{wanted}\r\n"));
        }
        assert_eq!(upstream.connections(), 1, "{fields}");
    }
}

#[test]
fn requests_without_a_body_say_so_where_one_could_be() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    let added = "x-forwarded-proto: http\r\nx-request-id: *\r\n\
                 x-envoy-expected-rq-timeout-ms: 15000\r\n";
    for (method, first, last) in [
        ("GET", "", ""),
        ("DELETE", "", ""),
        ("TRACE", "", ""),
        ("OPTIONS", "", "content-length: 0\r\n"),
        ("POST", "", "content-length: 0\r\n"),
        ("PUT", "", "content-length: 0\r\n"),
        ("PATCH", "", "content-length: 0\r\n"),
        ("GET", "content-length: 0\r\n", ""),
    ] {
        client.ask(format!("{method} / HTTP/1.1\r\nHost: a\r\n{first}\r\n"));
        assert_eq!(
            upstream.last_exact(),
            format!("{method} / HTTP/1.1\r\nhost: a\r\n{first}{added}{last}\r\n")
        );
    }
}

#[test]
fn a_body_until_close_becomes_chunks() {
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let upstream = Upstream::start(move |exchange| {
            let answer = format!("{version} 200 OK\r\nConnection: keep-alive\r\n\r\nhello");
            exchange.stream.write_all(answer.as_bytes()).unwrap();
            false
        });
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        for _ in 0..2 {
            assert_eq!(
                client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                format!(
                    "HTTP/1.1 200 OK\r\n{REST}transfer-encoding: chunked\r\n\r\n\
                     5\r\nhello\r\n0\r\n\r\n"
                )
            );
        }
        assert_eq!(upstream.connections(), 2);
    }
}

#[test]
fn backends_of_http_1_0_are_used_again_only_if_they_say_so() {
    for (fields, connections, notified) in [
        ("", 3, 3),
        ("Connection: keep-alive\r\n", 1, 0),
        ("Connection: close\r\n", 3, 3),
    ] {
        let answer = format!("HTTP/1.0 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok");
        let upstream = Upstream::answering(answer.leak());
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        for _ in 0..3 {
            assert_eq!(
                client.exact("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{REST}\r\nok")
            );
        }
        assert_eq!(upstream.connections(), connections, "{fields}");
        gateway.expect("cluster.c.upstream_cx_close_notify", notified);
    }
}

/// The time of the service is not known before the request is complete.
#[test]
fn an_early_answer_ends_both_connections() {
    for leaves in [false, true] {
        let (ended, end) = mpsc::channel();
        let upstream = Upstream::start(move |exchange| {
            let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
            exchange.stream.write_all(answer).unwrap();
            if leaves {
                std::thread::sleep(Duration::from_millis(100));
                return false;
            }
            let _ = exchange.stream.read_to_end(&mut Vec::new());
            ended.send(()).unwrap();
            false
        });
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        let response =
            client.exact("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
        assert_eq!(
            response,
            "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 2\r\ndate: *\r\nserver: envoy\r\n\
             connection: close\r\n\r\nno"
        );
        client.stream.shutdown(Shutdown::Write).unwrap();
        assert!(client.closed());
        if !leaves {
            end.recv_timeout(patience()).unwrap();
        }
        gateway.expect("http.test.downstream_rq_response_before_rq_complete", 1);
        gateway.expect("cluster.c.upstream_cx_active", 0);
    }
}

#[test]
fn an_answer_that_begins_early_does_not_stop_the_upload() {
    let upstream = Upstream::start(|exchange| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        exchange.stream.write_all(head).unwrap();
        let body = exchange.read_body();
        let end = format!(
            "{:x}\r\n{}\r\n0\r\n\r\n",
            body.len(),
            "y".repeat(body.len())
        );
        exchange.stream.write_all(end.as_bytes()).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    client.until(|bytes| find(bytes, b"\r\n\r\n"));
    client.send("other");
    let response = client.response(false);
    assert_eq!(response.text(), "9\r\nyyyyyyyyy\r\n0\r\n\r\n");
}

#[test]
fn an_upload_that_breaks_off_breaks_off_upstream() {
    let (seen, got) = mpsc::channel();
    let upstream = Upstream::start(move |exchange| {
        let body = exchange.read_body();
        seen.send(body).unwrap();
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    gateway.expect("cluster.c.upstream_rq_active", 1);
    drop(client);
    let body = got.recv_timeout(patience()).unwrap();
    assert_eq!(body, b"half", "and then the end");
    gateway.expect("cluster.c.upstream_cx_active", 0);
    gateway.expect("cluster.c.upstream_rq_tx_reset", 0);
}
