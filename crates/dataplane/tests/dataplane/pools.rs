// SPDX-License-Identifier: Apache-2.0
//! Upstream connections: reuse, limits, idle times, socket options.

use std::{
    io::Write,
    sync::{Arc, Barrier},
    time::{Duration, Instant},
};

use sluicegate_xds::pb::{
    envoy::config::{
        cluster::v3::{UpstreamConnectionOptions, cluster::PreconnectPolicy},
        core::v3::{HttpProtocolOptions, TcpKeepalive},
    },
    google::protobuf::DoubleValue,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

fn with_common(upstream: &Upstream, common: HttpProtocolOptions) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    xds::common_http(&mut resources.clusters[0], common);
    resources
}

/// Row 16.
#[test]
fn five_requests_of_two_each_need_three_connections() {
    let upstream = Upstream::ok();
    let common = HttpProtocolOptions {
        max_requests_per_connection: xds::number(2),
        ..HttpProtocolOptions::default()
    };
    let gateway = Gateway::start(&with_common(&upstream, common));
    let mut client = gateway.client();
    for _ in 0..5 {
        let response = client.get("/");
        assert_eq!(
            (response.text(), response.field("connection")),
            ("ok", None)
        );
    }
    assert_eq!(upstream.connections(), 3);
    eventually("the first two end", || upstream.closed() == 2);
    gateway.expect("cluster.c.upstream_cx_max_requests", 2);
    gateway.expect("cluster.c.upstream_cx_total", 3);
    let heads = upstream.heads.lock().unwrap();
    assert!(heads.iter().all(|head| !head.contains("connection")));
}

/// Row 16.
#[test]
fn a_connection_is_replaced_after_its_last_request() {
    let upstream = Upstream::ok();
    let common = HttpProtocolOptions {
        max_requests_per_connection: xds::number(100),
        ..HttpProtocolOptions::default()
    };
    let gateway = Gateway::start(&with_common(&upstream, common));
    let mut client = gateway.client();
    for _ in 0..100 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(upstream.connections(), 1);
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(upstream.connections(), 2);
    gateway.expect("cluster.c.upstream_cx_max_requests", 1);
    assert!(
        !upstream
            .heads
            .lock()
            .unwrap()
            .iter()
            .any(|head| head.contains("connection"))
    );
}

#[test]
fn the_most_recently_used_connection_comes_first() {
    let barrier = Arc::new(Barrier::new(3));
    let used = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (gate, log) = (barrier.clone(), used.clone());
    let upstream = Upstream::start(move |exchange| {
        log.lock().unwrap().push(exchange.connection);
        if exchange.head.starts_with("GET /gate") {
            gate.wait();
        }
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .is_ok()
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(gateway.client().get("/gate").status(), 200));
        }
    });
    gateway.expect("cluster.c.upstream_rq_active", 0);
    used.lock().unwrap().clear();
    let mut client = gateway.client();
    for _ in 0..4 {
        assert_eq!(client.get("/").status(), 200);
    }
    let used = used.lock().unwrap();
    assert!(used.iter().all(|one| *one == used[0]), "{used:?}");
    assert_eq!(upstream.connections(), 3);
}

/// Row 15.
#[test]
fn idle_connections_end_at_their_deadline() {
    let upstream = Upstream::ok();
    let common = HttpProtocolOptions {
        idle_timeout: xds::seconds(0.4),
        ..HttpProtocolOptions::default()
    };
    let gateway = Gateway::start(&with_common(&upstream, common));
    let mut client = gateway.client();
    client.get("/");
    let begun = Instant::now();
    eventually("the connection ends", || upstream.closed() == 1);
    let took = begun.elapsed().as_secs_f64();
    assert!(took >= 0.35, "{took}");
    gateway.expect("cluster.c.upstream_cx_idle_timeout", 1);
    gateway.expect("cluster.c.upstream_cx_active", 0);
    assert_eq!(client.get("/").status(), 200);
}

/// Row 17.
#[test]
fn old_connections_are_replaced() {
    let upstream = Upstream::ok();
    let common = HttpProtocolOptions {
        max_connection_duration: xds::seconds(0.3),
        ..HttpProtocolOptions::default()
    };
    let gateway = Gateway::start(&with_common(&upstream, common));
    gateway.client().get("/");
    eventually("the connection ends", || upstream.closed() == 1);
    gateway.expect("cluster.c.upstream_cx_max_duration_reached", 1);
}

/// Row 17.
#[test]
fn an_old_connection_finishes_its_request_and_takes_no_other() {
    let upstream = Upstream::start(|exchange| {
        if exchange.head.starts_with("GET /slow") {
            std::thread::sleep(Duration::from_millis(900));
        }
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
            exchange.connection
        );
        exchange.stream.write_all(answer.as_bytes()).is_ok()
    });
    let common = HttpProtocolOptions {
        max_connection_duration: xds::seconds(0.3),
        ..HttpProtocolOptions::default()
    };
    let gateway = Gateway::start(&with_common(&upstream, common));
    let mut client = gateway.client();
    assert_eq!(client.get("/slow").text(), "0");
    eventually("the connection ends", || upstream.closed() == 1);
    assert_eq!(client.get("/").text(), "1");
    gateway.expect("cluster.c.upstream_rq_200", 2);
}

#[test]
fn an_upstream_that_closes_an_idle_connection_costs_no_request() {
    let upstream = Upstream::start(|exchange| {
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        false
    });
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").status(), 200);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(upstream.connections(), 5);
    gateway.expect("cluster.c.upstream_cx_destroy_remote", 5);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

#[test]
fn an_upstream_may_ask_to_close() {
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut client = gateway.client();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!(
            response.field("connection"),
            None,
            "that was between the two of us"
        );
    }
    assert_eq!(upstream.connections(), 2);
    gateway.expect("cluster.c.upstream_cx_close_notify", 2);
}

/// The kernel's own view of the upstream socket.
fn kernel_timer(port: u16) -> String {
    let all = std::process::Command::new("ss")
        .args(["-tnoH", "dport", "=", &format!(":{port}")])
        .output();
    String::from_utf8(all.expect("ss runs").stdout).unwrap()
}

/// Row 33. The numbers themselves are read back in `connect::keepalive`.
#[test]
fn keepalive_is_what_the_cluster_says() {
    for (keepalive, on) in [
        (None, false),
        (Some(TcpKeepalive::default()), true),
        (
            Some(TcpKeepalive {
                keepalive_probes: xds::number(3),
                ..TcpKeepalive::default()
            }),
            true,
        ),
        (
            Some(TcpKeepalive {
                keepalive_time: xds::number(30),
                ..TcpKeepalive::default()
            }),
            true,
        ),
        (
            Some(TcpKeepalive {
                keepalive_interval: xds::number(0),
                ..TcpKeepalive::default()
            }),
            false,
        ),
        (
            Some(TcpKeepalive {
                keepalive_probes: xds::number(3),
                keepalive_time: xds::number(30),
                keepalive_interval: xds::number(5),
            }),
            true,
        ),
        (
            Some(TcpKeepalive {
                keepalive_probes: xds::number(0),
                keepalive_time: xds::number(30),
                keepalive_interval: None,
            }),
            false,
        ),
    ] {
        let upstream = Upstream::ok();
        let mut resources = Resources::simple(&[upstream.address]);
        resources.clusters[0].upstream_connection_options = Some(UpstreamConnectionOptions {
            tcp_keepalive: keepalive,
            ..UpstreamConnectionOptions::default()
        });
        let gateway = Gateway::start(&resources);
        gateway.client().get("/");
        let timer = kernel_timer(upstream.address.port());
        assert_eq!(
            timer.contains("timer:(keepalive"),
            on,
            "{keepalive:?} {timer}"
        );
        if on {
            let ours = keepalive.is_some_and(|keepalive| keepalive.keepalive_time.is_some());
            let left = timer.split_once("(keepalive,").unwrap().1;
            // The kernel's own time is some two hours.
            let unit = if ours { "sec" } else { "min" };
            assert!(left.split(',').next().unwrap().ends_with(unit), "{timer}");
        }
    }
}

/// One request that waits and one that runs are twice as many connections.
#[test]
fn connections_are_opened_ahead_of_demand() {
    let gate = Arc::new(Barrier::new(2));
    let at_gate = gate.clone();
    let upstream = Upstream::start(move |exchange| {
        if exchange.head.starts_with("GET /wait") {
            at_gate.wait();
        }
        let response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(response.as_bytes()).is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].preconnect_policy = Some(PreconnectPolicy {
        per_upstream_preconnect_ratio: Some(DoubleValue { value: 2.0 }),
        ..PreconnectPolicy::default()
    });
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let mut first = gateway.client();
    for _ in 0..5 {
        assert_eq!(first.get("/").status(), 200);
    }
    eventually("a second connection", || upstream.connections() == 2);
    first.send("GET /wait HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually("the request", || upstream.count() == 6);
    // One runs and one is idle: that one is taken, and two more are wanted.
    assert_eq!(gateway.client().get("/").status(), 200);
    eventually("four connections", || upstream.connections() == 4);
    gate.wait();
    assert_eq!(first.response(false).status(), 200);
    gateway.expect("cluster.c.upstream_cx_total", 4);
}
