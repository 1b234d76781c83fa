// SPDX-License-Identifier: Apache-2.0
//! One bootstrap, two proxies, the same answers.

use std::net::SocketAddr;

use sluicegate_testkit::{Httpbin, envoy_binary, free_address};

use super::support::{Folder, Process, request};

fn bootstrap(admin: SocketAddr, listener: SocketAddr, origin: SocketAddr) -> String {
    BOOTSTRAP
        .replace("9901", &admin.port().to_string())
        .replace("10000", &listener.port().to_string())
        .replace("8081", &origin.port().to_string())
}

/// What a proxy answers to each probe, without what differs from run to run.
fn answers(listener: SocketAddr) -> Vec<String> {
    let answer = |probe: &&str| {
        let head = format!("{probe}\r\nConnection: close\r\n");
        let (head, body) = match probe.split_once("\r\n\r\n") {
            Some((head, body)) => (format!("{head}\r\nConnection: close\r\n"), body),
            None => (head, ""),
        };
        let answer = request(listener, &format!("{head}\r\n{body}"));
        let lines = answer.lines().filter(|line| {
            let line = line.trim_start().to_ascii_lowercase();
            let varies = [
                "date:",
                "x-connection-id:",
                "x-request-number:",
                "x-envoy-upstream-service-time:",
                "\"x-request-id\"",
            ];
            !varies.iter().any(|name| line.starts_with(name))
        });
        format!("{probe}\n\n{}", lines.collect::<Vec<_>>().join("\n"))
    };
    PROBES.iter().map(answer).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_envoy_does() {
    let Some(binary) = envoy_binary() else {
        return;
    };
    let origin = Httpbin::start(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (admin, listener) = (free_address(), free_address());
    let folder = Folder::new();
    let path = folder.write("envoy.yaml", &bootstrap(admin, listener, origin.address()));
    let theirs = Process::envoy(&folder, &binary, &path);
    theirs.ready(admin).await;
    let expected = answers(listener);
    theirs.end();
    let ours = Process::ours(&folder, &path);
    ours.ready(admin).await;
    for (ours, theirs) in answers(listener).iter().zip(&expected) {
        assert_eq!(ours, theirs);
    }
    assert!(expected[0].contains("200 OK"), "{}", expected[0]);
}

const PROBES: &[&str] = &[
    "GET /headers HTTP/1.1\r\nHost: www.example.com\r\nX-Probe: 1",
    "GET /api/get?a=b HTTP/1.1\r\nHost: www.example.com",
    "POST /post HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 5\r\n\r\nhello",
    "HEAD /headers HTTP/1.1\r\nHost: www.example.com",
    "GET /fixed HTTP/1.1\r\nHost: www.example.com",
    "GET /old/path?q=1 HTTP/1.1\r\nHost: www.example.com",
    "GET /dns/headers HTTP/1.1\r\nHost: www.example.com",
    "GET /nobody HTTP/1.1\r\nHost: www.example.com",
    "GET / HTTP/1.1\r\nHost: other.example.com",
    "GET /fixed HTTP/1.1\r\nHost: www.example.com\r\nBad Header: 1",
];

const BOOTSTRAP: &str = include_str!("../../../../examples/proxy/envoy.yaml");
