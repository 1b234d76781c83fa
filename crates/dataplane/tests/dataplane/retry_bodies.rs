// SPDX-License-Identifier: Apache-2.0
//! Retries of requests with bodies, and retries where HTTP/2 is spoken.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use bytes::Bytes;
use h2::{Reason, server};
use http::{HeaderMap, Response};
use sluicegate_xds::pb::{
    envoy::config::{
        core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions},
        route::v3::{RetryPolicy, retry_policy::RetryBackOff},
    },
    google::protobuf,
};

use crate::{
    retries::{policy, retried},
    support::{
        Gateway,
        client::joined,
        gateway::Resources,
        http2::{self, post, read, read_body, run, write},
        script::{Script, Step},
        xds,
    },
};

/// A head only: none of the body is read.
const REFUSED: Step = Step::Head("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n");

fn post_of(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

fn body(length: u32) -> Vec<u8> {
    (0..length).map(|at| b'a' + (at % 23) as u8).collect()
}

#[test]
fn bodies_are_sent_again() {
    for length in [4, 5_000, 200_000] {
        let script = Script::play(&[Step::Status(503), Step::Status(503), Step::Status(200)]);
        let gateway = Gateway::start(&retried(
            &script,
            policy("5xx", |policy| policy.num_retries = xds::number(2)),
        ));
        let mut client = gateway.client();
        let bytes = body(length);
        client.send(post_of(bytes.len()));
        client.send(&bytes);
        assert_eq!(client.response(false).status(), 200);
        assert_eq!(*script.bodies.lock().unwrap(), vec![bytes; 3]);
        assert_eq!(client.get("/").status(), 200, "the connection is in step");
    }
}

#[test]
fn chunks_and_trailers_are_sent_again() {
    let script = Script::play(&[Step::Status(503), Step::Status(200)]);
    let mut resources = retried(&script, policy("5xx", |_| {}));
    let trailers = Http1ProtocolOptions {
        enable_trailers: true,
        ..Http1ProtocolOptions::default()
    };
    resources.listeners = vec![xds::listener(|manager| {
        manager.http_protocol_options = Some(trailers.clone());
    })];
    let common = HttpProtocolOptions::default();
    xds::http(&mut resources.clusters[0], common, trailers);
    let gateway = Gateway::start(&resources);
    let response = gateway.client().ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         3;x\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n",
    );
    assert_eq!(response.status(), 200);
    let bodies = script.bodies.lock().unwrap();
    let bodies: Vec<_> = bodies.iter().map(|body| joined(body)).collect();
    assert_eq!(bodies, vec![Some(b"abcdex-t: 1\r\n".to_vec()); 2]);
}

fn small(resources: &mut Resources, limit: u32) {
    resources.listeners[0].per_connection_buffer_limit_bytes = xds::number(limit);
}

/// Row 31.
#[test]
fn a_body_that_is_too_large_ends_retries() {
    let script = Script::play(&[Step::Status(503)]);
    let mut resources = retried(&script, policy("5xx", |_| {}));
    small(&mut resources, 1024);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send(post_of(5_000));
    client.send(body(5_000));
    let response = client.response(false);
    assert_eq!((response.status(), response.text()), (503, "ok"));
    assert_eq!(*script.bodies.lock().unwrap(), [body(5_000)]);
    gateway.expect("cluster.c.retry_or_shadow_abandoned", 1);
    gateway.expect("cluster.c.upstream_rq_retry", 0);
    client.send(post_of(1_024));
    client.send(body(1_024));
    assert_eq!(client.response(false).status(), 503);
    assert_eq!(script.attempts(), 3, "exactly the limit is kept");
}

#[test]
#[expect(deprecated, reason = "control planes still send this field")]
fn routes_may_set_how_much_is_kept() {
    for (request, body_limit, attempts) in [(None, Some(2_000), 2), (Some(500), None, 1)] {
        let script = Script::play(&[Step::Status(503)]);
        let mut resources = retried(&script, policy("5xx", |_| {}));
        small(&mut resources, 1024);
        let host = &mut resources.routes[0].virtual_hosts[0];
        host.request_body_buffer_limit = body_limit.map(|value| protobuf::UInt64Value { value });
        host.routes[0].per_request_buffer_limit_bytes = request.and_then(xds::number);
        let gateway = Gateway::start(&resources);
        let mut client = gateway.client();
        let length = if request.is_some() { 600 } else { 2_000 };
        client.send(post_of(length));
        client.send(body(u32::try_from(length).unwrap()));
        assert_eq!(client.response(false).status(), 503);
        assert_eq!(script.attempts(), attempts);
    }
}

fn patient(policy: &mut RetryPolicy) {
    policy.retry_back_off = Some(RetryBackOff {
        base_interval: xds::seconds(3600.0),
        ..RetryBackOff::default()
    });
}

/// Row 32.
#[test]
fn more_body_during_the_wait_than_is_kept_is_507() {
    let script = Script::play(&[REFUSED]);
    let mut resources = retried(&script, policy("5xx", patient));
    small(&mut resources, 1024);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.send(post_of(5_000));
    client.send(body(500));
    gateway.expect("cluster.c.retry.upstream_rq_503", 1);
    client.send(body(4_500));
    let response = client.response(false);
    assert_eq!(response.status(), 507);
    assert_eq!(
        response.text(),
        "exceeded request buffer limit while retrying upstream"
    );
    assert_eq!(response.field("connection"), Some("close"));
    gateway.expect("cluster.c.retry_or_shadow_abandoned", 1);
    gateway.expect("cluster.c.upstream_rq_507", 0);
}

#[test]
fn a_body_that_comes_during_the_wait_is_part_of_the_retry() {
    let script = Script::play(&[REFUSED, Step::Status(200)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| {
            policy.retry_back_off = Some(RetryBackOff {
                base_interval: xds::seconds(0.3),
                ..RetryBackOff::default()
            });
        }),
    ));
    let mut client = gateway.client();
    let bytes = body(70_000);
    client.send(post_of(bytes.len()));
    client.send(&bytes[..500]);
    gateway.expect("cluster.c.upstream_rq_retry", 1);
    client.send(&bytes[500..]);
    assert_eq!(client.response(false).status(), 200);
    assert_eq!(*script.bodies.lock().unwrap(), [bytes]);
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn a_client_that_leaves_during_the_wait_ends_it() {
    let script = Script::play(&[Step::Status(503)]);
    let gateway = Gateway::start(&retried(&script, policy("5xx", patient)));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.expect("cluster.c.retry.upstream_rq_503", 1);
    drop(client);
    gateway.expect("http.test.downstream_rq_active", 0);
    gateway.expect("http.test.downstream_cx_active", 0);
}

/// An HTTP/2 upstream whose first answers are resets or statuses; it notes bodies and trailers.
type Seen = Arc<Mutex<Vec<(Vec<u8>, Option<HeaderMap>)>>>;

fn scripted(first: Result<u16, Reason>) -> (http2::Upstream, Seen) {
    let seen = Seen::default();
    let noted = seen.clone();
    let next = Arc::new(AtomicUsize::new(0));
    let upstream = http2::Upstream::start(server::Builder::new(), move |request, mut respond| {
        let (noted, next) = (noted.clone(), next.clone());
        async move {
            let mut receive = request.into_body();
            let at = next.fetch_add(1, SeqCst);
            if let (0, Err(reason)) = (at, first) {
                respond.send_reset(reason);
                return;
            }
            let bytes = read_body(&mut receive).await.unwrap();
            let trailers = receive.trailers().await.unwrap();
            noted.lock().unwrap().push((bytes, trailers));
            let status = first.unwrap_or(503);
            let response = Response::builder().status(if at == 0 { status } else { 200 });
            let ended = response.body(()).unwrap();
            let mut send = respond.send_response(ended, false).unwrap();
            let _ = send.send_data(Bytes::from_static(b"ok"), true);
        }
    });
    (upstream, seen)
}

fn to_http2(upstream: &http2::Upstream, retry_on: &str) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    let common = HttpProtocolOptions::default();
    let options = Http2ProtocolOptions::default();
    xds::http2(&mut resources.clusters[0], common, options);
    let retry = policy(retry_on, |_| {});
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(retry);
    })])];
    resources
}

/// Row 50. The cells of HTTP/2.
#[test]
fn resets_of_streams_are_retried() {
    for (reason, retry_on, requests) in [
        (Reason::REFUSED_STREAM, "refused-stream", 2),
        (Reason::REFUSED_STREAM, "reset", 2),
        (Reason::CANCEL, "refused-stream", 1),
        (Reason::INTERNAL_ERROR, "gateway-error", 2),
    ] {
        let (upstream, _) = scripted(Err(reason));
        let gateway = Gateway::start(&to_http2(&upstream, retry_on));
        let status = if requests == 2 { 200 } else { 503 };
        assert_eq!(gateway.client().get("/").status(), status, "{retry_on}");
        assert_eq!(upstream.requests.load(SeqCst), requests);
        assert_eq!(upstream.connections(), 1);
        gateway.expect("cluster.c.http2.rx_reset", 1);
    }
}

#[test]
fn bodies_and_trailers_go_again_to_http2() {
    for http2_client in [false, true] {
        let (upstream, seen) = scripted(Ok(503));
        let mut resources = to_http2(&upstream, "5xx");
        resources.listeners = vec![xds::listener(|manager| {
            manager.http_protocol_options = Some(Http1ProtocolOptions {
                enable_trailers: true,
                ..Http1ProtocolOptions::default()
            });
        })];
        let gateway = Gateway::start(&resources);
        if http2_client {
            run(async {
                let client = http2::Client::connect(gateway.address()).await;
                let (response, mut send) = client.open(post("/"), false).await;
                write(&mut send, &body(100_000)).await;
                let mut trailers = HeaderMap::new();
                trailers.insert("x-t", "1".parse().unwrap());
                send.send_trailers(trailers).unwrap();
                assert_eq!(read(response).await.unwrap().status, 200);
            });
        } else {
            let mut client = gateway.client();
            client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
            client.send(b"186a0\r\n");
            client.send(body(100_000));
            client.send("\r\n0\r\nx-t: 1\r\n\r\n");
            assert_eq!(client.response(false).status(), 200);
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 2);
        for (bytes, trailers) in seen.iter() {
            assert!(*bytes == body(100_000), "{} bytes", bytes.len());
            assert_eq!(trailers.as_ref().unwrap()["x-t"], "1");
        }
        gateway.expect("cluster.c.retry.upstream_rq_503", 1);
        gateway.expect("cluster.c.upstream_rq_retry_success", 1);
    }
}

#[test]
fn requests_of_http2_are_retried_towards_http1() {
    let script = Script::play(&[Step::Close, Step::Status(503), Step::Status(200)]);
    let gateway = Gateway::start(&retried(
        &script,
        policy("5xx", |policy| policy.num_retries = xds::number(2)),
    ));
    run(async {
        let client = http2::Client::connect(gateway.address()).await;
        let answer = client.post(post("/"), b"some body").await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
        assert_eq!(client.get("/").await.status, 200);
    });
    let bodies = script.bodies.lock().unwrap();
    let wanted = b"9\r\nsome body\r\n0\r\n\r\n".to_vec();
    assert_eq!(bodies[..2], vec![wanted; 2]);
    gateway.expect("http.test.downstream_rq_2xx", 2);
}

/// Nothing listens: the body has not been read when the wait begins, and is needed afterwards.
#[test]
fn a_body_collected_before_the_first_connection_goes_to_http2_whole() {
    let (upstream, seen) = scripted(Ok(200));
    let mut resources = to_http2(&upstream, "connect-failure");
    let refused = crate::support::script::nobody();
    resources.endpoints = vec![xds::endpoints("c", &[refused, upstream.address])];
    let gateway = Gateway::start(&resources);
    for _ in 0..6 {
        run(async {
            let client = http2::Client::connect(gateway.address()).await;
            let answer = client.post(post("/"), &body(3_000)).await;
            assert!([200, 503].contains(&answer.status));
        });
    }
    let seen = seen.lock().unwrap();
    assert!(seen.iter().all(|(bytes, _)| *bytes == body(3_000)));
    assert!(!seen.is_empty());
}
