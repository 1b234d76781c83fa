// SPDX-License-Identifier: Apache-2.0
//! Listeners that change or go, and the end of the process: nobody who is connected is lost.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

use sluicegate_dataplane::{DataPlane, DrainStrategy, State};
use sluicegate_testkit::{FullBacklog, free_address, patience};

use crate::support::{
    Client, Gateway, Upstream,
    client::find,
    gateway::{Resources, eventually},
    http2, xds,
};

/// Answers after 400 ms.
fn slow() -> Upstream {
    Upstream::start(|exchange| {
        thread::sleep(Duration::from_millis(400));
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
            .is_ok()
    })
}

fn drain(plane: &DataPlane) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(plane.drain());
}

/// Clients of both kinds until told to stop. A connection that was made is answered, always; only
/// connecting may fail, once `closing` is set.
struct Load {
    address: SocketAddr,
    closing: AtomicBool,
    stop: AtomicBool,
    answered: AtomicUsize,
    refused: AtomicUsize,
}

impl Load {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            closing: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Runs clients while `change` does its work.
    fn during(&self, change: impl FnOnce()) {
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| self.keep_alive());
                scope.spawn(|| self.one_by_one());
            }
            eventually("traffic flows", || self.answered.load(SeqCst) > 100);
            change();
            self.stop.store(true, SeqCst);
        });
    }

    /// A request after the other, on one connection as long as it may.
    fn keep_alive(&self) {
        let mut kept = None;
        while !self.stop.load(SeqCst) {
            let Some(mut client) = kept.take().or_else(|| self.connect()) else {
                continue;
            };
            if !self.ask(&mut client, "") {
                kept = Some(client);
            }
        }
    }

    /// A connection for each request.
    fn one_by_one(&self) {
        while !self.stop.load(SeqCst) {
            if let Some(mut client) = self.connect() {
                assert!(self.ask(&mut client, "connection: close\r\n"));
            }
        }
    }

    fn connect(&self) -> Option<TcpStream> {
        match TcpStream::connect_timeout(&self.address, Duration::from_millis(300)) {
            Ok(stream) => Some(stream),
            Err(error) => {
                assert!(self.closing.load(SeqCst), "{error}");
                self.refused.fetch_add(1, SeqCst);
                thread::sleep(Duration::from_millis(5));
                None
            }
        }
    }

    /// Says whether the answer is the connection's last.
    fn ask(&self, stream: &mut TcpStream, field: &str) -> bool {
        stream.set_read_timeout(Some(patience())).unwrap();
        let request = format!("GET / HTTP/1.1\r\nhost: test\r\n{field}\r\n");
        stream.write_all(request.as_bytes()).expect("taken");
        let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
        while find(&answer, b"\r\n\r\nok").is_none() {
            match stream.read(&mut piece) {
                Ok(count) if count > 0 => answer.extend_from_slice(&piece[..count]),
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&answer)),
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{answer:?}");
        self.answered.fetch_add(1, SeqCst);
        find(&answer, b"connection: close").is_some()
    }
}

/// Row 82.
#[test]
fn no_request_is_lost_when_a_listener_changes() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::with(&resources, |options| options.workers = 2);
    let load = Load::new(gateway.address());
    load.during(|| {
        for round in 0..20 {
            let name = format!("server-{round}");
            resources.listeners = vec![xds::listener(|manager| manager.server_name = name)];
            gateway.publish(&resources);
        }
    });
    assert_eq!(load.refused.load(SeqCst), 0);
}

/// Row 82.
#[test]
fn no_stream_is_lost_when_a_listener_changes() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    let address = gateway.address();
    let (stop, serving) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                http2::run(async {
                    while !stop.load(SeqCst) {
                        let client = http2::Client::connect(address).await;
                        let mut is_new = true;
                        while !stop.load(SeqCst) {
                            match client.ask(http2::get("/")).await {
                                Ok(it) => assert_eq!((it.status, it.text()), (200, "ok")),
                                // The stream was never taken, and the client knows.
                                Err(error) if error.is_go_away() => break,
                                Err(error) => panic!("{error}"),
                            }
                            serving.fetch_add(is_new.into(), SeqCst);
                            is_new = false;
                        }
                    }
                });
            });
        }
        for round in 1..=10 {
            // Who connects while the listener changes has nothing to lose.
            eventually("every client is served", || {
                serving.load(SeqCst) >= 3 * round
            });
            let name = format!("server-{round}");
            resources.listeners = vec![xds::listener(|manager| manager.server_name = name)];
            gateway.publish(&resources);
        }
        eventually("clients move", || serving.load(SeqCst) >= 33);
        stop.store(true, SeqCst);
    });
}

/// Row 82.
#[test]
fn no_request_is_lost_when_a_listener_is_removed() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    for _ in 0..5 {
        resources.listeners = vec![xds::listener(|_| {})];
        let gateway = Gateway::with(&resources, |options| options.workers = 2);
        let load = Load::new(gateway.address());
        load.during(|| {
            load.closing.store(true, SeqCst);
            resources.listeners.clear();
            gateway.publish(&resources);
            eventually("clients are refused", || load.refused.load(SeqCst) > 20);
        });
    }
}

#[test]
fn no_request_is_lost_at_the_end() {
    let upstream = Upstream::ok();
    for round in 0..5 {
        let gateway = Gateway::with(&Resources::simple(&[upstream.address]), |options| {
            options.workers = 2;
            options.drain_time = Duration::from_secs(3);
            if round % 2 == 1 {
                options.drain_strategy = DrainStrategy::Gradual;
            }
        });
        let load = Load::new(gateway.address());
        load.during(|| {
            load.closing.store(true, SeqCst);
            drain(gateway.own());
        });
        gateway.expect("http.test.downstream_cx_active", 0);
    }
}

/// Clients that were connected, but not accepted, when the sockets closed.
#[test]
fn who_waits_to_be_accepted_is_served() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let address = gateway.address();
    thread::scope(|scope| {
        let mut clients = Vec::new();
        for at in 0..200 {
            if at == 100 {
                scope.spawn(|| drain(gateway.own()));
            }
            match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
                Ok(client) => clients.push(client),
                Err(error) => {
                    let kinds = [ErrorKind::ConnectionRefused, ErrorKind::TimedOut];
                    assert!(kinds.contains(&error.kind()), "{error}");
                    break;
                }
            }
        }
        assert!(clients.len() >= 100);
        let load = Load::new(address);
        for mut client in clients {
            load.ask(&mut client, "");
        }
    });
}

/// Row 82.
#[test]
fn listeners_come_and_go() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::with(&resources, |options| {
        options.drain_time = Duration::from_secs(2);
    });
    let first = gateway.address();
    // Another configured address, so that it gets sockets of its own.
    let at = free_address();
    let mut second = xds::listener(|_| {});
    second.name = "listener~81".to_owned();
    second.address = xds::address(at);
    resources.listeners.push(second);
    let mut old = Client::connect(first);
    old.get("/");
    gateway.publish(&resources);
    assert_eq!(gateway.addresses().len(), 2);
    assert_eq!(Client::connect(at).get("/").status(), 200);
    assert_eq!(
        old.get("/").field("connection"),
        None,
        "an unchanged listener changes nothing"
    );

    resources.listeners.remove(0);
    let mut idle = Client::connect(first);
    idle.get("/");
    let begun = Instant::now();
    gateway.publish(&resources);
    assert_eq!(old.get("/").field("connection"), Some("close"));
    eventually("new connections are refused", || {
        TcpStream::connect(first).is_err()
    });
    assert!(idle.closed());
    let took = begun.elapsed().as_secs_f64();
    assert!(
        (1.9..4.0).contains(&took),
        "closed at the end of the drain time: {took}"
    );
    assert_eq!(Client::connect(at).get("/").status(), 200);
}

/// Row 82.
#[test]
fn a_changed_listener_keeps_its_socket_and_drains_old_connections() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    let address = gateway.address();
    let mut old = gateway.client();
    old.get("/");
    resources.listeners = vec![xds::listener(|manager| {
        manager.server_name = "new".to_owned()
    })];
    gateway.publish(&resources);
    assert_eq!(gateway.address(), address);
    let response = old.get("/");
    assert_eq!(response.field("server"), Some("envoy"));
    assert_eq!(response.field("connection"), Some("close"));
    assert!(old.closed());
    assert_eq!(gateway.client().get("/").field("server"), Some("new"));
}

/// Row 82.
#[test]
fn a_request_that_runs_while_its_listener_changes_is_finished_under_the_old_one() {
    let upstream = slow();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    let mut old = gateway.client();
    old.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    gateway.expect("cluster.c.upstream_rq_active", 1);
    resources.listeners.clear();
    gateway.publish(&resources);
    let response = old.response(false);
    assert_eq!((response.status(), response.text()), (200, "slow"));
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn draining_finishes_what_runs() {
    let upstream = slow();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let address = gateway.address();
    let mut idle = gateway.client();
    idle.get("/");
    gateway.expect("cluster.c.upstream_rq_active", 0);
    assert_eq!(gateway.state(), State::Live);
    thread::scope(|scope| {
        let running = scope.spawn(|| gateway.client().get("/"));
        gateway.expect("cluster.c.upstream_rq_active", 1);
        let drained = scope.spawn(|| drain(gateway.own()));
        eventually("it drains", || gateway.state() == State::Draining);
        let response = running.join().unwrap();
        assert_eq!(
            (response.status(), response.field("connection")),
            (200, Some("close"))
        );
        assert!(idle.closed(), "closed without waiting for the drain time");
        assert!(TcpStream::connect(address).is_err());
        drained.join().unwrap();
    });
    gateway.expect("http.test.downstream_cx_active", 0);
}

#[test]
fn an_idle_client_may_still_ask_when_the_end_begins() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    let mut idle = gateway.client();
    idle.get("/");
    thread::scope(|scope| {
        scope.spawn(|| drain(gateway.own()));
        eventually("it drains", || gateway.state() == State::Draining);
        thread::sleep(Duration::from_millis(50));
        let response = idle.get("/");
        assert_eq!(
            (response.status(), response.field("connection")),
            (200, Some("close"))
        );
        assert!(idle.closed());
    });
}

#[test]
fn failing_health_checks_announces_the_end() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    gateway.healthcheck(false);
    assert_eq!(gateway.state(), State::Draining);
    eventually("responses say so", || {
        gateway.client().get("/").field("connection") == Some("close")
    });
    gateway.healthcheck(true);
    assert_eq!(gateway.state(), State::Live);
}

/// Connections that are being made die with their worker; the requests that wait for them, dropped
/// later, are no reason to make others.
#[test]
fn an_end_while_requests_wait_for_a_connection_is_an_end() {
    let backlog = FullBacklog::start().unwrap();
    let gateway = Gateway::start(&Resources::simple(&[backlog.address()]));
    let mut clients: Vec<Client> = (0..3).map(|_| gateway.client()).collect();
    for client in &mut clients {
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gateway.expect("cluster.c.upstream_rq_pending_active", 3);
    gateway.expect("cluster.c.upstream_cx_active", 3);
    drop(gateway);
    for client in &mut clients {
        assert_eq!(client.rest(), b"");
    }
}
