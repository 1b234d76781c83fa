// SPDX-License-Identifier: Apache-2.0
//! Configuration changes under traffic.

use std::{
    io::Write,
    net::TcpListener,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use sluicegate_dataplane::State;
use sluicegate_testkit::free_address;
use sluicegate_xds::pb::{
    envoy::config::{
        cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType},
        core::v3::BindConfig,
        listener::v3::ListenerFilter,
    },
    google::protobuf::BoolValue,
};

use crate::support::{
    Client, Gateway, Upstream,
    gateway::{Resources, eventually},
    plane::{decided, differs},
    xds,
};

fn slow() -> Upstream {
    Upstream::start(|exchange| {
        std::thread::sleep(Duration::from_millis(400));
        exchange
            .stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow")
            .is_ok()
    })
}

#[test]
fn snapshots_change_under_a_steady_client_without_a_failed_request() {
    let (a, b) = (Upstream::ok(), Upstream::ok());
    let gateway = Gateway::with(&Resources::simple(&[a.address]), |options| {
        options.workers = 2
    });
    let (stop, done) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut client = gateway.client();
                while !stop.load(SeqCst) {
                    let response = client.get("/");
                    assert_eq!((response.status(), response.text()), (200, "ok"));
                    if response.field("connection") == Some("close") {
                        client = gateway.client();
                    }
                    done.fetch_add(1, SeqCst);
                }
            });
        }
        for round in 0..20_u32 {
            let mut resources = Resources::simple(&[a.address, b.address]);
            match round % 4 {
                0 => resources.endpoints = vec![xds::endpoints("c", &[b.address])],
                1 => resources.clusters[0].connect_timeout = xds::seconds(f64::from(round) + 1.0),
                2 => resources.routes[0].virtual_hosts[0].name = format!("v{round}"),
                _ => {
                    resources.listeners = vec![xds::listener(|manager| {
                        manager.server_name = format!("server-{round}");
                    })];
                }
            }
            gateway.publish(&resources);
        }
        stop.store(true, SeqCst);
    });
    assert!(done.load(SeqCst) > 100, "{done:?}");
    assert_eq!(gateway.stat("cluster.c.upstream_rq_503"), 0);
    // Numbers survive every change.
    let total = i64::try_from(done.load(SeqCst)).unwrap();
    gateway.expect("cluster.c.upstream_rq_total", total);
    if !differs("codes of a changed cluster") {
        gateway.expect("cluster.c.upstream_rq_200", total);
    }
}

/// Row 77.
#[test]
fn a_removed_endpoint_finishes_what_runs_and_closes_what_is_idle() {
    let (upstream, other) = (slow(), Upstream::ok());
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    gateway.client().get("/");
    gateway.expect("cluster.c.upstream_rq_active", 0);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| gateway.client().get("/").text().to_owned());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        let mut resources = Resources::simple(&[upstream.address]);
        resources.endpoints = vec![xds::endpoints("c", &[other.address])];
        gateway.publish(&resources);
        assert_eq!(gateway.client().get("/").text(), "ok");
        assert_eq!(running.join().unwrap(), "slow");
    });
    eventually("its connection ends", || upstream.closed() == 1);
    assert_eq!(gateway.stat("cluster.c.upstream_rq_503"), 0);
    gateway.expect("cluster.c.membership_total", 1);
}

#[test]
fn endpoints_that_stay_keep_their_connections() {
    let (a, b) = (Upstream::ok(), Upstream::ok());
    let gateway = Gateway::start(&Resources::simple(&[a.address]));
    let mut client = gateway.client();
    client.get("/");
    gateway.publish(&Resources::simple(&[a.address, b.address]));
    for _ in 0..4 {
        client.get("/");
    }
    assert_eq!((a.connections(), b.connections()), (1, 1));
    assert_eq!((a.count(), b.count()), (3, 2));
}

/// Row 79.
#[test]
fn a_changed_cluster_closes_idle_connections_and_keeps_its_numbers() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.get("/");
    resources.clusters[0].connect_timeout = xds::seconds(3.0);
    gateway.publish(&resources);
    eventually("the old connection ends", || upstream.closed() == 1);
    client.get("/");
    assert_eq!(upstream.connections(), 2);
    gateway.expect("cluster.c.upstream_rq_total", 2);
    let codes = decided("codes of a changed cluster", 2, 1);
    gateway.expect("cluster.c.upstream_rq_200", codes);
    gateway.expect("cluster_manager.cluster_modified", 1);
}

/// Row 79.
#[test]
fn a_changed_cluster_lets_running_requests_finish() {
    let upstream = slow();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| gateway.client().get("/").text().to_owned());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        resources.clusters[0].connect_timeout = xds::seconds(3.0);
        gateway.publish(&resources);
        assert_eq!(gateway.client().get("/").text(), "slow");
        assert_eq!(running.join().unwrap(), "slow");
    });
    assert_eq!(upstream.connections(), 2);
    eventually("the old connection ends", || upstream.closed() == 1);
}

/// Row 81.
#[test]
fn a_removed_cluster_is_nc_for_new_requests_only() {
    let upstream = slow();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| gateway.client().get("/").text().to_owned());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        resources.clusters.clear();
        gateway.publish(&resources);
        let response = gateway.client().get("/");
        assert_eq!((response.status(), response.text()), (503, ""));
        assert_eq!(running.join().unwrap(), "slow");
    });
}

#[test]
fn bad_resources_hurt_nobody_else_and_are_reported() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let mut bad = xds::listener(|_| {});
    bad.name = "bad".to_owned();
    bad.listener_filters = vec![ListenerFilter {
        name: "unknown".to_owned(),
        ..ListenerFilter::default()
    }];
    resources.listeners.push(bad);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut unbindable = xds::listener(|_| {});
    unbindable.name = "unbindable".to_owned();
    unbindable.address = xds::address(taken.local_addr().unwrap());
    resources.listeners.push(unbindable);
    resources.clusters[0].upstream_bind_config = Some(BindConfig {
        freebind: Some(BoolValue { value: true }),
        ..BindConfig::default()
    });
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(gateway.refused(), ["bad", "unbindable"]);
    if let Some(report) = gateway.report() {
        assert!(report.resources[0].message.contains("unknown"));
        assert_eq!(report.binds[0].address, taken.local_addr().unwrap());
        assert!(
            report.unsupported[0]
                .field
                .starts_with("upstream_bind_config")
        );
    }
}

#[test]
fn what_could_not_be_bound_is_bound_once_it_can_be() {
    if differs("an address that can be bound later") {
        return;
    }
    let upstream = Upstream::ok();
    let taken = TcpListener::bind(free_address()).unwrap();
    let address = taken.local_addr().unwrap();
    let mut resources = Resources::simple(&[upstream.address]);
    let mut late = xds::listener(|_| {});
    late.name = "late".to_owned();
    late.address = xds::address(address);
    resources.listeners.push(late);
    let gateway = Gateway::start(&resources);
    assert_eq!(gateway.refused(), ["late"]);
    drop(taken);
    eventually("the listener", || gateway.refused().is_empty());
    assert_eq!(Client::connect(address).get("/").status(), 200);
}

#[test]
fn names_are_looked_up() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.clusters = vec![xds::cluster("c", |cluster| {
        cluster.cluster_discovery_type =
            Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns as i32));
        let mut assignment = xds::endpoints("c", &[upstream.address]);
        let text = format!("{assignment:?}");
        assert!(text.contains("127.0.0.1"));
        xds::rename(&mut assignment, "localhost");
        cluster.load_assignment = Some(assignment);
        cluster.dns_lookup_family = 1;
    })];
    resources.endpoints.clear();
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.host_rewrite_specifier = Some(xds::auto_host_rewrite());
    })])];
    let gateway = Gateway::start(&resources);
    eventually("it is live", || gateway.state() == State::Live);
    std::thread::sleep(Duration::from_millis(30));
    assert_eq!(gateway.client().get("/").status(), 200);
    let head = upstream.head();
    assert!(head.contains("\nhost: localhost\n"), "{head}");
    assert!(head.contains("\nx-envoy-original-host: test"), "{head}");
}

#[test]
fn the_admin_view_shows_hosts() {
    let upstream = Upstream::ok();
    let gateway = Gateway::start(&Resources::simple(&[upstream.address]));
    gateway.client().get("/");
    gateway.expect("cluster.c.upstream_rq_active", 0);
    let clusters = gateway.clusters();
    assert_eq!(clusters.len(), 1);
    assert_eq!(clusters[0].name, "c");
    let host = &clusters[0].host_statuses[0];
    let stat = |name: &str| {
        host.stats
            .iter()
            .find(|stat| stat.name == name)
            .unwrap()
            .value
    };
    assert_eq!(
        (stat("rq_total"), stat("rq_success"), stat("cx_active")),
        (1, 1, 1)
    );
    assert_eq!(host.weight, 1);
}

#[test]
fn a_poisoned_cluster_keeps_its_last_good_version() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    resources.clusters[0].transport_socket = Some(Default::default());
    gateway.publish(&resources);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(gateway.refused().len(), 1);
}
