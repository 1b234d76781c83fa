// SPDX-License-Identifier: Apache-2.0
//! Large bodies, small buffers, and peers that do not read.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use socket2::SockRef;

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

fn limited(upstream: &Upstream, limit: u32) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].per_connection_buffer_limit_bytes = xds::number(limit);
    resources.listeners[0].per_connection_buffer_limit_bytes = xds::number(limit);
    resources
}

/// Row 29.
#[test]
fn bodies_larger_than_every_buffer_go_both_ways_whole() {
    let upstream = Upstream::echo();
    for (gateway, size) in [
        (
            Gateway::start(&Resources::simple(&[upstream.address])),
            3_000_000,
        ),
        (Gateway::start(&limited(&upstream, 1024)), 1_000_000),
    ] {
        let body: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
        let mut client = gateway.client();
        let response = client.post(&body);
        assert_eq!(response.status(), 200);
        assert!(response.body == body);
        assert_eq!(client.get("/").status(), 200, "in step");
    }
}

const TOTAL: usize = 20 << 20;

/// What our buffers of 32 KiB, and the kernel's own on two connections, may hold: far below
/// [`TOTAL`], which is what a proxy that reads on would take.
const BOUND: usize = TOTAL / 2;

const LIMIT: u32 = 32 * 1024;

/// Writes until [`TOTAL`]; counts what the other side's kernel has taken.
fn flood(stream: &mut TcpStream, written: &AtomicUsize) {
    SockRef::from(&*stream)
        .set_send_buffer_size(1 << 16)
        .unwrap();
    let block = vec![b'x'; 1 << 16];
    while written.load(SeqCst) < TOTAL && stream.write_all(&block).is_ok() {
        written.fetch_add(block.len(), SeqCst);
    }
}

/// What was written once it grows no more.
fn stalled(written: &AtomicUsize) -> usize {
    eventually("the first bytes", || written.load(SeqCst) > 0);
    let mut before = 0;
    while before != written.load(SeqCst) {
        before = written.load(SeqCst);
        std::thread::sleep(Duration::from_millis(500));
    }
    before
}

/// Row 30.
#[test]
fn a_client_that_does_not_read_stops_the_backend() {
    let written = Arc::new(AtomicUsize::new(0));
    let count = written.clone();
    let upstream = Upstream::start(move |exchange| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n");
        exchange.stream.write_all(head.as_bytes()).unwrap();
        flood(exchange.stream, &count);
        true
    });
    let gateway = Gateway::start(&limited(&upstream, LIMIT));
    let mut client = gateway.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let held = stalled(&written);
    assert!(held < BOUND, "{held}");
    // It goes on where it stopped.
    let response = client.response(false);
    assert!(response.body.len() == TOTAL && response.body.iter().all(|byte| *byte == b'x'));
    let paused = "cluster.c.upstream_flow_control_paused_reading_total";
    eventually("the pause is counted", || gateway.stat(paused) > 0);
    let resumed = "cluster.c.upstream_flow_control_resumed_reading_total";
    // In Envoy, the end of the message may overtake the end of the last pause.
    eventually("each pause has an end", || {
        let open = gateway.stat(paused) - gateway.stat(resumed);
        (0..=1).contains(&open)
    });
}

/// Row 30.
#[test]
fn a_backend_that_does_not_read_stops_the_client() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |exchange| {
        wait.lock().unwrap().recv().unwrap();
        let rest = TOTAL - exchange.rest.len();
        let read = std::io::copy(&mut exchange.stream.take(rest as u64), &mut std::io::sink());
        let head = format!(
            "HTTP/1.1 200 OK\r\nRead: {}\r\nContent-Length: 0\r\n\r\n",
            exchange.rest.len() as u64 + read.unwrap()
        );
        exchange.rest.clear();
        exchange.stream.write_all(head.as_bytes()).is_ok()
    });
    let gateway = Gateway::start(&limited(&upstream, LIMIT));
    let mut client = gateway.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {TOTAL}\r\n\r\n"
    ));
    let written = AtomicUsize::new(0);
    let mut writer = client.stream.try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&mut writer, &written));
        let held = stalled(&written);
        // First, so that a failure does not wait for the flood.
        go.send(()).unwrap();
        assert!(held < BOUND, "{held}");
    });
    let response = client.response(false);
    assert_eq!(response.field("read"), Some(TOTAL.to_string().as_str()));
    for (paused, resumed) in [
        (
            "cluster.c.upstream_flow_control_backed_up_total",
            "cluster.c.upstream_flow_control_drained_total",
        ),
        (
            "http.test.downstream_flow_control_paused_reading_total",
            "http.test.downstream_flow_control_resumed_reading_total",
        ),
    ] {
        eventually("the pause is counted", || gateway.stat(paused) > 0);
        eventually("each pause has an end", || {
            gateway.stat(paused) == gateway.stat(resumed)
        });
    }
}
