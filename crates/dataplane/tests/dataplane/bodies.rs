// SPDX-License-Identifier: Apache-2.0
//! Bodies, framing, trailers, interim responses, flow control.

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use sluicegate_xds::pb::envoy::config::core::v3::{Http1ProtocolOptions, HttpProtocolOptions};

use crate::support::{Gateway, Upstream, client::find, gateway::Resources, xds};

/// Sends back the request body as it was on the wire.
fn echo() -> Upstream {
    Upstream::start(|exchange| {
        let body = exchange.read_body();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        exchange.stream.write_all(head.as_bytes()).unwrap();
        exchange.stream.write_all(&body).is_ok()
    })
}

#[test]
fn bodies_go_both_ways_whole() {
    let upstream = echo();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].per_connection_buffer_limit_bytes = xds::number(1024);
    resources.listeners[0].per_connection_buffer_limit_bytes = xds::number(1024);
    for (gateway, size) in [
        (
            Gateway::start(&Resources::simple(&[upstream.address])),
            3_000_000,
        ),
        (Gateway::start(&resources), 300_000),
    ] {
        let body: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
        let mut client = gateway.client();
        let mut writer = client.stream.try_clone().unwrap();
        let sent = body.clone();
        let thread = std::thread::spawn(move || {
            let head = format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
                sent.len()
            );
            writer.write_all(head.as_bytes()).unwrap();
            writer.write_all(&sent).unwrap();
        });
        let response = client.response(false);
        thread.join().unwrap();
        assert_eq!(response.status(), 200);
        assert!(response.body == body);
        assert_eq!(client.get("/").status(), 200, "in step");
    }
}

#[test]
fn chunks_are_forwarded_without_extensions_or_trailers() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in [
        "5;x=y\r\nhe",
        "llo\r\n",
        "3",
        "\r\nabc\r\n0\r\nX-T: ",
        "1\r\n\r\n",
    ] {
        client.send(piece);
        std::thread::sleep(Duration::from_millis(10));
    }
    let response = client.response(false);
    assert_eq!(response.text(), "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n");
    assert!(upstream.head().ends_with("transfer-encoding: chunked"));
    assert_eq!(client.get("/").status(), 200, "in step");
}

#[test]
fn trailers_need_both_sides() {
    for (down, up) in [(false, false), (true, false), (false, true), (true, true)] {
        let upstream = Upstream::start(|exchange| {
            let body = exchange.read_body();
            let text = String::from_utf8(body).unwrap().replace("\r\n", "|");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-R\r\n\r\n{:x}\r\n{text}\r\n0\r\nX-R: z\r\n\r\n",
                text.len()
            );
            exchange.stream.write_all(answer.as_bytes()).is_ok()
        });
        let mut resources = Resources::simple(&[upstream.address]);
        let options = |on| Http1ProtocolOptions {
            enable_trailers: on,
            ..Http1ProtocolOptions::default()
        };
        xds::http(
            &mut resources.clusters[0],
            HttpProtocolOptions::default(),
            options(up),
        );
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_protocol_options = Some(options(down));
        })];
        let gateway = Gateway::start(&resources);
        let response = gateway.client().ask(
            "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\na\r\n0\r\nX-T: y\r\n\r\n",
        );
        let (sent, got) = if down && up {
            ("1|a|0|x-t: y||", "0\r\nx-r: z\r\n\r\n")
        } else {
            ("1|a|0||", "0\r\n\r\n")
        };
        let text = response.text();
        assert!(
            text.contains(sent) && text.ends_with(got),
            "{down} {up}: {text}"
        );
        assert_eq!(response.field("trailer"), Some("X-R"));
    }
}

#[test]
fn a_body_until_close_becomes_chunks_and_old_answers_are_not_reused() {
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let upstream = Upstream::start(move |exchange| {
            let answer = format!("{version} 200 OK\r\n\r\nhello");
            exchange.stream.write_all(answer.as_bytes()).unwrap();
            false
        });
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        for _ in 0..2 {
            let response = client.get("/");
            assert_eq!(response.text(), "5\r\nhello\r\n0\r\n\r\n");
            assert_eq!(response.lines().last(), Some(&"transfer-encoding: chunked"));
        }
        assert_eq!(upstream.connections(), 2);
    }
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    for (answer, method) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
        (
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "GET",
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "DELETE"),
    ] {
        let upstream = Upstream::answering(answer);
        let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
        let mut client = gateway.client();
        for _ in 0..3 {
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
            let response = client.response(method == "HEAD");
            assert_eq!(response.head[..12], answer[..12]);
        }
        assert_eq!(upstream.connections(), 1, "{answer}");
    }
}

#[test]
fn a_waiting_client_is_told_to_go_on() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.response(false).head, "HTTP/1.1 100 Continue");
    client.send("ok");
    assert_eq!(client.response(false).text(), "ok");
    assert!(!upstream.head().contains("\nexpect"));
}

#[test]
fn requests_sent_ahead_are_answered_in_order() {
    let upstream = Upstream::start(|exchange| {
        let path = exchange.head.split(' ').nth(1).unwrap().to_owned();
        std::thread::sleep(Duration::from_millis(20));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}",
            path.len()
        );
        exchange.stream.write_all(answer.as_bytes()).is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
         \r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    // The upstream does not read the body of /2, so the next request arrives behind it there.
    assert_eq!(client.response(false).text(), "/1");
    assert_eq!(client.response(false).text(), "/2");
}

#[test]
fn an_early_answer_ends_the_connection() {
    let upstream = Upstream::start(|exchange| {
        let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno";
        exchange.stream.write_all(answer).unwrap();
        std::thread::sleep(Duration::from_millis(100));
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nstart");
    let response = client.response(false);
    assert_eq!((response.status(), response.text()), (413, "no"));
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn bytes_behind_an_answer_do_not_reach_the_next_client() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "ok");
    }
    assert_eq!(upstream.connections(), 3);
    gateway.expect("cluster.c.upstream_cx_protocol_error", 3);
}

#[test]
fn a_broken_chunk_ends_the_request() {
    let upstream = echo();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    let response =
        client.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    assert_eq!(
        (response.status(), response.field("connection")),
        (400, Some("close"))
    );
    assert!(client.closed());
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    const TOTAL: usize = 64 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let upstream = Upstream::start(move |exchange| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n");
        exchange.stream.write_all(head.as_bytes()).unwrap();
        let block = vec![b'x'; 1 << 16];
        while count.load(SeqCst) < TOTAL && exchange.stream.write_all(&block).is_ok() {
            count.fetch_add(block.len(), SeqCst);
        }
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut before = usize::MAX;
    while before != written.load(SeqCst) {
        before = written.load(SeqCst);
        std::thread::sleep(Duration::from_millis(400));
    }
    // What fits into the kernel's buffers and one read of ours, far below all of it.
    assert!(before > 0 && before < TOTAL / 2, "{before}");
    let mut some = vec![0; 1 << 20];
    client.stream.read_exact(&mut some).unwrap();
    assert!(find(&some, b"200 OK").is_some());
}
