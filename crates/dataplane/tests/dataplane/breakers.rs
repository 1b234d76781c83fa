// SPDX-License-Identifier: Apache-2.0
//! Circuit breakers.

use std::{
    io::Write,
    sync::{Arc, Condvar, Mutex},
    thread,
};

use sluicegate_xds::pb::envoy::{
    config::cluster::v3::circuit_breakers::{Thresholds, thresholds::RetryBudget},
    r#type::v3::Percent,
};

use crate::{
    retries::policy,
    support::{
        Client, Gateway, Upstream,
        gateway::{Resources, eventually},
        script::{Script, Step},
        xds,
    },
};

/// An upstream that holds requests back until it is opened.
struct Gate {
    upstream: Upstream,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl Gate {
    fn new() -> Self {
        Self::except(|_| false)
    }

    /// Lets requests through whose head is one of `these`; they fail.
    fn except(these: fn(&str) -> bool) -> Self {
        let open = Arc::new((Mutex::new(false), Condvar::new()));
        let gate = open.clone();
        let upstream = Upstream::start(move |exchange| {
            let mut opened = gate.0.lock().unwrap();
            let fails = these(&exchange.head);
            while !*opened && !fails {
                opened = gate.1.wait(opened).unwrap();
            }
            drop(opened);
            let status = if fails { "500 X" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            exchange.stream.write_all(answer.as_bytes()).is_ok()
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

/// Row 37.
#[test]
fn pools_are_limited_like_missing_hosts() {
    let gates = [Gate::new(), Gate::new()];
    let mut resources = limited(&gates[0].upstream, |limits| {
        limits.max_connection_pools = xds::number(1);
        limits.track_remaining = true;
    });
    let addresses = gates.each_ref().map(|gate| gate.upstream.address);
    resources.endpoints = vec![xds::endpoints("c", &addresses)];
    let gateway = Gateway::start(&resources);
    let breaker = "cluster.c.circuit_breakers.default";
    gateway.expect(&format!("{breaker}.remaining_cx_pools"), 1);
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        gateway.expect(&format!("{breaker}.cx_pool_open"), 1);
        gateway.expect(&format!("{breaker}.remaining_cx_pools"), 0);
        let response = gateway.client().get("/");
        assert_eq!(response.status(), 503);
        assert_eq!(response.text(), "no healthy upstream");
        gates.iter().for_each(Gate::open);
        assert_eq!(first.join().unwrap(), 200);
    });
    gateway.expect("cluster.c.upstream_cx_pool_overflow", 1);
    gateway.expect("cluster.c.upstream_cx_none_healthy", 0);
    gateway.expect("cluster.c.upstream_rq_503", 1);
}

#[test]
fn what_remains_is_shown_on_demand() {
    let gate = Gate::new();
    let gateway = Gateway::start(&limited(&gate.upstream, |limits| {
        limits.max_connections = xds::number(7);
        limits.max_requests = xds::number(5);
        limits.track_remaining = true;
    }));
    let remaining = |of: &str| format!("cluster.c.circuit_breakers.default.remaining_{of}");
    for (name, value) in [("cx", 7), ("rq", 5), ("pending", 1024), ("retries", 3)] {
        gateway.expect(&remaining(name), value);
    }
    thread::scope(|scope| {
        let first = scope.spawn(|| gateway.client().get("/").status());
        gateway.expect(&remaining("rq"), 4);
        gateway.expect(&remaining("cx"), 6);
        gate.open();
        first.join().unwrap();
    });
    gateway.expect(&remaining("rq"), 5);
    let stats = gateway.stats();
    let high = "cluster.c.circuit_breakers.high.remaining_rq";
    assert!(stats.iter().all(|(name, _)| name != high));
}

#[test]
fn hosts_may_have_their_own_limit() {
    let gate = Gate::new();
    let mut resources = limited(&gate.upstream, |_| {});
    let breakers = resources.clusters[0].circuit_breakers.as_mut().unwrap();
    breakers.per_host_thresholds = vec![Thresholds {
        max_connections: xds::number(1),
        ..Thresholds::default()
    }];
    let gateway = Gateway::start(&resources);
    thread::scope(|scope| {
        let all = [0, 1].map(|_| scope.spawn(|| gateway.client().get("/").status()));
        gateway.expect("cluster.c.upstream_rq_active", 1);
        gateway.expect("cluster.c.upstream_rq_pending_active", 1);
        gate.open();
        assert_eq!(all.map(|one| one.join().unwrap()), [200, 200]);
    });
    assert_eq!(gate.upstream.connections(), 1);
    // Counted whenever a connection is wanted, which may be twice for one request.
    eventually("it is counted", || {
        gateway.stat("cluster.c.upstream_cx_overflow") >= 1
    });
}

#[test]
fn priorities_have_limits_of_their_own() {
    let upstream = Upstream::ok();
    let mut resources = limited(&upstream, |limits| {
        limits.priority = 1;
        limits.max_pending_requests = xds::number(0);
    });
    resources.routes = vec![xds::routes(vec![
        xds::route("/high", "c", |action| action.priority = 1),
        xds::route("/", "c", |_| {}),
    ])];
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/high").status(), 503);
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Over the limit, the answer goes through as it is.
#[test]
fn retries_are_limited() {
    let script = Script::play(&[Step::Status(500)]);
    let mut resources = limited(&script.upstream, |limits| {
        limits.max_retries = xds::number(0);
    });
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy("5xx", |_| {}));
    })])];
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!((response.status(), response.text()), (500, "ok"));
    assert_eq!(response.field("x-envoy-overloaded"), None);
    assert_eq!(script.attempts(), 1);
    gateway.expect("cluster.c.upstream_rq_retry_overflow", 1);
    gateway.expect("cluster.c.upstream_rq_retry", 0);
}

#[test]
fn a_budget_takes_the_place_of_the_limit_on_retries() {
    for (min, attempts) in [(0, 1), (1, 2)] {
        let script = Script::play(&[Step::Status(500)]);
        let mut resources = limited(&script.upstream, |limits| {
            limits.max_retries = xds::number(0);
            limits.track_remaining = true;
            limits.retry_budget = Some(RetryBudget {
                budget_percent: Some(Percent { value: 10.0 }),
                min_retry_concurrency: xds::number(min),
                budget_interval: None,
            });
        });
        resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
            action.retry_policy = Some(policy("5xx", |_| {}));
        })])];
        let gateway = Gateway::start(&resources);
        assert_eq!(gateway.client().get("/").status(), 500);
        assert_eq!(script.attempts(), attempts);
        gateway.expect("cluster.c.circuit_breakers.default.remaining_retries", 0);
    }
}

/// Of the requests that run, those that are held back count too.
#[test]
fn a_budget_is_a_share_of_what_runs() {
    let gate = Gate::except(|head| !head.starts_with("GET /hold"));
    let mut resources = limited(&gate.upstream, |limits| {
        limits.max_retries = xds::number(0);
        limits.retry_budget = Some(RetryBudget {
            budget_percent: Some(Percent { value: 50.0 }),
            min_retry_concurrency: xds::number(0),
            budget_interval: None,
        });
    });
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy("5xx", |_| {}));
    })])];
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/").status(), 500);
    gateway.expect("cluster.c.upstream_rq_retry_overflow", 1);
    gateway.expect("cluster.c.upstream_rq_retry", 0);
    thread::scope(|scope| {
        let held = [(); 4].map(|()| scope.spawn(|| gateway.client().get("/hold").status()));
        gateway.expect("cluster.c.upstream_rq_active", 4);
        assert_eq!(gateway.client().get("/").status(), 500);
        gateway.expect("cluster.c.upstream_rq_retry", 1);
        gateway.expect("cluster.c.upstream_rq_retry_overflow", 1);
        gate.open();
        for request in held {
            assert_eq!(request.join().unwrap(), 200);
        }
    });
}
