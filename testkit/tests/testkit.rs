// SPDX-License-Identifier: Apache-2.0
//! The tools against each other.

#![allow(clippy::unwrap_used, reason = "a panic here is the failure report")]

use std::{net::SocketAddr, time::Duration};

use sluicegate_testkit::{
    FullBacklog, Httpbin, Load, RawClient, RawOrigin, SteadyClient, Step, eventually,
};

fn loopback() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

#[tokio::test]
async fn httpbin_shows_what_arrived() {
    let origin = Httpbin::start_as("one", loopback()).await.unwrap();
    let mut client = RawClient::connect(origin.address()).await.unwrap();
    let response = client.get("a.test", "/get?x=1&x=2&y=%20a").await.unwrap();
    let shown = response.json();
    assert_eq!(response.status(), 200);
    assert_eq!(
        shown["args"],
        serde_json::json!({ "x": ["1", "2"], "y": " a" })
    );
    assert_eq!(shown["headers"]["Host"], "a.test");
    assert_eq!(shown["origin"], "127.0.0.1");
    assert_eq!(shown["url"], "http://a.test/get?x=1&x=2&y=%20a");
    let body = "{\"a\":1}";
    let post = format!(
        "POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.send(post).await.unwrap();
    let shown = client.response().await.unwrap().json();
    assert_eq!(
        (&shown["data"], &shown["json"]["a"]),
        (&body.into(), &1.into())
    );
    let form = "PUT /anything/x HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 3\r\n\r\nk=v";
    client.send(form).await.unwrap();
    let shown = client.response().await.unwrap().json();
    assert_eq!(
        (&shown["method"], &shown["form"]["k"]),
        (&"PUT".into(), &"v".into())
    );
    let last = client.get("a", "/hostname").await.unwrap();
    assert_eq!(last.json()["hostname"], "one");
    assert_eq!(last.header("X-Connection-Id").as_deref(), Some("1"));
    assert_eq!(last.header("x-request-number").as_deref(), Some("4"));
    assert_eq!(
        (
            origin.connections(),
            origin.open_connections(),
            origin.requests()
        ),
        (1, 1, 4)
    );
    drop(client);
    let closed = async || (origin.open_connections() == 0).then_some(());
    eventually("the connection closes", closed).await.unwrap();
}

#[tokio::test]
async fn httpbin_pages() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let mut client = RawClient::connect(origin.address()).await.unwrap();
    for (target, status) in [
        ("/status/503", 503),
        ("/status/x", 400),
        ("/status/204", 204),
        ("/redirect/2", 302),
        ("/healthz", 200),
        ("/html", 200),
        ("/json", 200),
        ("/uuid", 200),
        ("/ip", 200),
        ("/user-agent", 200),
        ("/headers", 200),
        ("/delay/0.01", 200),
        ("/nope", 404),
    ] {
        let response = client.get("a", target).await.unwrap();
        assert_eq!(response.status(), status, "{target}");
    }
    origin.set_healthy(false);
    assert_eq!(client.get("a", "/healthz").await.unwrap().status(), 503);
    let redirect = client.get("a", "/redirect/2").await.unwrap();
    assert_eq!(redirect.header("location").as_deref(), Some("/redirect/1"));
    assert_eq!(
        client.get("a", "/bytes/70000").await.unwrap().body.len(),
        70_000
    );
    let stream = client.get("a", "/stream/3").await.unwrap();
    assert_eq!(stream.text().lines().count(), 3);
    assert_eq!(
        stream.header("transfer-encoding").as_deref(),
        Some("chunked")
    );
    let headers = client
        .get("a", "/response-headers?x-a=1&x-b=2")
        .await
        .unwrap();
    assert_eq!(headers.header("x-b").as_deref(), Some("2"));
    client
        .send("HEAD /get HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(client.response().await.unwrap().status(), 200);
    assert_eq!(origin.connections(), 1);
}

#[tokio::test]
async fn a_script_sees_raw_bytes_and_answers_with_them() {
    let origin = RawOrigin::start(|received| match received.message.target().1.as_str() {
        "/close" => Step::Close,
        "/drip" => Step::Drip(vec![
            (Duration::ZERO, b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
            (
                Duration::from_millis(5),
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n".to_vec(),
            ),
            (Duration::from_millis(5), b"0\r\nX-Sum: 1\r\n\r\n".to_vec()),
        ]),
        "/eof" => Step::RespondAndClose(b"HTTP/1.0 200 OK\r\n\r\nuntil the end".to_vec()),
        "/reset" => Step::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab".to_vec()),
        _ => Step::response("200 OK", "X-Foo$B#$Are: v\r\n", "hello"),
    })
    .await
    .unwrap();
    let connect = async || RawClient::connect(origin.address()).await.unwrap();
    let mut client = connect().await;
    client
        .send("GET / HTTP/1.1\r\nHOst: a\r\nfoo_Bar: 1\r\n\r\n")
        .await
        .unwrap();
    let response = client.response().await.unwrap();
    assert_eq!(response.headers()[0], ("X-Foo$B#$Are".into(), "v".into()));
    assert_eq!(response.text(), "hello");
    let head = origin.received()[0].message.head.clone();
    assert_eq!(head, b"GET / HTTP/1.1\r\nHOst: a\r\nfoo_Bar: 1\r\n\r\n");
    let response = client.get("a", "/drip").await.unwrap();
    assert_eq!(
        (response.text().as_str(), &response.trailers[..]),
        ("ab", &b"X-Sum: 1\r\n"[..])
    );
    assert_eq!(origin.received()[1].number, 1);
    let error = client.get("a", "/close").await.unwrap_err();
    assert_eq!(error.to_string(), "closed without a response");
    let response = connect().await.get("a", "/eof").await.unwrap();
    assert!(response.until_close && response.text() == "until the end");
    assert!(connect().await.get("a", "/reset").await.is_err());
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn connecting_to_a_full_backlog_hangs() {
    let backlog = FullBacklog::start().unwrap();
    let connect = tokio::net::TcpStream::connect(backlog.address());
    let result = tokio::time::timeout(Duration::from_millis(300), connect).await;
    assert!(result.is_err(), "{result:?}");
}

#[tokio::test]
async fn a_steady_load_keeps_its_connections_and_counts() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let load = SteadyClient::start(Load {
        address: origin.address(),
        host: "a".into(),
        target: "/status/200".into(),
        connections: 2,
        rate: 200,
    });
    let enough = async || (load.report().count(200) >= 20).then_some(());
    eventually("twenty answers", enough).await.unwrap();
    let report = load.stop().await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.sent, report.count(200));
    assert_eq!(origin.connections(), 2);
}

#[tokio::test]
async fn a_steady_load_sees_failures() {
    let origin = RawOrigin::start(|received| match received.connection {
        0 if received.number < 2 => Step::ok("x"),
        0 => Step::Close,
        _ => Step::Reset(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".to_vec()),
    })
    .await
    .unwrap();
    let load = SteadyClient::start(Load {
        address: origin.address(),
        host: "a".into(),
        target: "/".into(),
        connections: 1,
        rate: 200,
    });
    let failed = async || (load.report().failed >= 2).then_some(());
    eventually("two failures", failed).await.unwrap();
    let report = load.stop().await;
    assert_eq!(
        (report.count(200), report.stale_connections),
        (2, 1),
        "{report:?}"
    );
    assert!(!report.is_clean());
}

#[tokio::test]
async fn httpbin_speaks_http2() {
    let origin = Httpbin::start(loopback()).await.unwrap();
    let stream = tokio::net::TcpStream::connect(origin.address())
        .await
        .unwrap();
    let executor = hyper_util::rt::TokioExecutor::new();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/anything", origin.address());
    let request =
        hyper::Request::post(uri).body(http_body_util::Full::<bytes::Bytes>::from("data"));
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(response.version(), hyper::Version::HTTP_2);
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap()
        .to_bytes();
    let shown: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&shown["data"], &shown["method"]),
        (&"data".into(), &"POST".into())
    );
    assert_eq!(
        shown["url"],
        format!("http://{}/anything", origin.address())
    );
}
