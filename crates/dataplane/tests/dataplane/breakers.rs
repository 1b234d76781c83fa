// SPDX-License-Identifier: Apache-2.0
//! Circuit breakers.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex},
    thread,
};

use sluicegate_xds::pb::envoy::config::cluster::v3::circuit_breakers::Thresholds;

use crate::support::{Client, Gateway, Upstream, gateway::Resources, xds};

/// An upstream that holds requests back until it is opened.
struct Gate {
    upstream: Upstream,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    fn new() -> Self {
        let open = Arc::new((Mutex::new(false), Condvar::new()));
        let gate = open.clone();
        let upstream = Upstream::start(move |exchange| {
            let mut opened = gate.0.lock().unwrap();
            while !*opened {
                opened = gate.1.wait(opened).unwrap();
            }
            exchange
                .stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .is_ok()
        });
        Self { upstream, open }
    }

    fn open(&self) {
        *self.open.0.lock().unwrap() = true;
        self.open.1.notify_all();
    }
}

fn limited(upstream: &Upstream, change: impl FnOnce(&mut Thresholds)) -> Resources {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters[0].circuit_breakers = xds::limits(change);
    resources
}

fn overflow(client: &mut Client) {
    let response = client.get("/");
    assert_eq!(response.status(), 503);
    assert_eq!(
        response.text(),
        "upstream connect error or disconnect/reset before headers. reset reason: overflow"
    );
    assert_eq!(response.lines()[0], "x-envoy-overloaded: true");
    assert_eq!(response.field("connection"), None);
}

/// Row 34.
#[test]
fn one_runs_one_waits_the_third_overflows() {
    let gate = Gate::new();
    let gateway = Gateway::start(&limited(&gate.upstream, |limits| {
        limits.max_connections = xds::number(1);
        limits.max_pending_requests = xds::number(1);
    }));
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        let second = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect("cluster.c.upstream_rq_pending_active", 1);
        gateway.expect("cluster.c.circuit_breakers.default.rq_pending_open", 1);
        gateway.expect("cluster.c.circuit_breakers.default.cx_open", 1);
        overflow(&mut gateway.client());
        gate.open();
        assert_eq!(first.join().unwrap(), 200);
        assert_eq!(second.join().unwrap(), 200);
    });
    assert_eq!(gate.upstream.connections(), 1);
    gateway.expect("cluster.c.upstream_rq_pending_overflow", 1);
    gateway.expect("cluster.c.upstream_cx_overflow", 1);
    gateway.expect("cluster.c.upstream_rq_pending_active", 0);
    gateway.expect("cluster.c.circuit_breakers.default.rq_pending_open", 0);
}

/// Row 35.
#[test]
fn a_pool_may_always_have_one_connection() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&limited(&upstream, |limits| {
        limits.max_connections = xds::number(0);
    }));
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 36.
#[test]
fn no_pending_requests_means_none_without_an_idle_connection() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&limited(&upstream, |limits| {
        limits.max_pending_requests = xds::number(0);
    }));
    overflow(&mut gateway.client());
    gateway.expect("cluster.c.upstream_rq_pending_overflow", 1);
    gateway.expect("cluster.c.upstream_rq_total", 0);
}

/// Row 34.
#[test]
fn running_requests_are_limited() {
    let gate = Gate::new();
    let gateway = Gateway::start(&limited(&gate.upstream, |limits| {
        limits.max_requests = xds::number(1);
    }));
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        gateway.expect("cluster.c.circuit_breakers.default.rq_open", 1);
        overflow(&mut gateway.client());
        gate.open();
        assert_eq!(first.join().unwrap(), 200);
    });
    gateway.expect("cluster.c.upstream_rq_active_overflow", 1);
    gateway.expect("cluster.c.circuit_breakers.default.rq_open", 0);
}

#[test]
fn workers_share_the_budget() {
    let gate = Gate::new();
    let resources = limited(&gate.upstream, |limits| {
        limits.max_requests = xds::number(3);
    });
    let gateway = Gateway::with(&resources, |options| options.workers = 2);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| gateway.client().get("/").status()))
            .collect();
        gateway.expect("cluster.c.upstream_rq_active_overflow", 5);
        gate.open();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3);
}

#[test]
fn a_waiting_client_that_leaves_gives_its_place_back() {
    let gate = Gate::new();
    let gateway = Gateway::start(&limited(&gate.upstream, |limits| {
        limits.max_connections = xds::number(1);
        limits.max_pending_requests = xds::number(1);
    }));
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        let mut second = gateway.client();
        second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        gateway.expect("cluster.c.upstream_rq_pending_active", 1);
        drop(second);
        gateway.expect("cluster.c.upstream_rq_pending_active", 0);
        gateway.expect("cluster.c.upstream_rq_cancelled", 1);
        gate.open();
        assert_eq!(first.join().unwrap(), 200);
    });
    assert_eq!(gateway.client().get("/").status(), 200);
}
