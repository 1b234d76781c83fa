// SPDX-License-Identifier: Apache-2.0
//! Bodies: framing, trailers, ends, what comes before and after them.

use std::{io::Write, time::Duration};

use sluicegate_xds::pb::envoy::config::core::v3::Http1ProtocolOptions;

use crate::support::{Gateway, Upstream, client::joined, gateway::Resources, xds};

#[test]
fn chunks_are_forwarded_without_extensions_or_trailers() {
    let upstream = Upstream::echo();
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
    // Envoy sends pieces of chunks as they come.
    let wanted = b"helloabc".to_vec();
    assert_eq!(joined(&response.body), Some(wanted));
    assert!(upstream.head().ends_with("transfer-encoding: chunked"));
    assert_eq!(client.get("/").status(), 200, "in step");
}

/// Row 23.
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
        xds::http1(&mut resources.clusters[0], options(up));
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_protocol_options = Some(options(down));
        })];
        let gateway = Gateway::start(&resources);
        let response = gateway.client().exact(
            "POST / HTTP/1.1\r\nHost: a\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n\
             1\r\na\r\n0\r\nX-T: y\r\n\r\n",
        );
        let (sent, got) = if down && up {
            ("1|a|0|x-t: y||", "0\r\nx-r: z\r\n\r\n")
        } else {
            ("1|a|0||", "0\r\n\r\n")
        };
        let announced = "trailer: X-T\r\nx-forwarded-proto: http\r\nx-request-id: *\r\n\
                         x-envoy-expected-rq-timeout-ms: 15000\r\ntransfer-encoding: chunked";
        assert_eq!(
            upstream.last_exact(),
            format!("POST / HTTP/1.1\r\nhost: a\r\n{announced}\r\n\r\n")
        );
        assert_eq!(
            response,
            format!(
                "HTTP/1.1 200 OK\r\ntrailer: X-R\r\nx-envoy-upstream-service-time: *\r\ndate: *\r\n\
                 server: envoy\r\ntransfer-encoding: chunked\r\n\r\n\
                 {:x}\r\n{sent}\r\n{got}",
                sent.len()
            ),
            "{down} {up}"
        );
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
    let upstream = Upstream::echo();
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
