// SPDX-License-Identifier: Apache-2.0
//! Clusters and hosts that come and go while active checks watch them.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use sluicegate_dataplane::State;

use crate::support::{
    Gateway, Upstream,
    checked::{checked, flags, host, live, resources},
    gateway::{Resources, eventually},
    plane::decided,
    xds,
};

/// Row 78.
#[test]
fn a_removed_host_stays_until_a_check_fails() {
    let hosts = [host(), host(), host()];
    hosts[0].traffic.store(201, SeqCst);
    let mut resources = resources(&hosts, |cluster| {
        checked(cluster, 1);
        cluster.ignore_health_on_host_removal = false;
    });
    hosts[2].check.store(503, SeqCst);
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.membership_healthy", 2);
    // The first host is healthy and stays, the last one is not and goes.
    resources.endpoints = vec![xds::endpoints("c", &[hosts[1].upstream.address])];
    gateway.publish(&resources);
    gateway.expect("cluster.c.membership_total", 2);
    assert_eq!(flags(&gateway), [[false; 4], [false, false, true, false]]);
    let mut client = gateway.client();
    let kept = (0..20).filter(|_| client.get("/").status() == 201).count();
    assert_eq!(kept, 10);
    hosts[0].check.store(503, SeqCst);
    gateway.expect("cluster.c.membership_total", 1);
    assert!((0..6).all(|_| client.get("/").status() == 200));
    assert_eq!(flags(&gateway), [[false; 4]]);
    gateway.assert_enforced();
}

#[test]
fn a_removed_host_that_comes_back_is_a_member_again() {
    let hosts = [host(), host()];
    let mut resources = resources(&hosts, |cluster| {
        checked(cluster, 1);
        cluster.ignore_health_on_host_removal = false;
    });
    let gateway = Gateway::start(&resources);
    live(&gateway);
    let all = resources.endpoints.clone();
    resources.endpoints[0].endpoints[0].lb_endpoints.truncate(1);
    gateway.publish(&resources);
    assert!(flags(&gateway)[1][2]);
    resources.endpoints = all;
    gateway.publish(&resources);
    assert_eq!(flags(&gateway), [[false; 4]; 2]);
    // With the setting, a host goes at once.
    resources.clusters[0].ignore_health_on_host_removal = true;
    resources.endpoints[0].endpoints[0].lb_endpoints.truncate(1);
    gateway.publish(&resources);
    gateway.expect("cluster.c.membership_total", 1);
}

/// Row 79.
#[test]
fn a_changed_cluster_finishes_what_runs_on_the_old_one() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let upstream = Upstream::start(move |exchange| {
        while exchange.head.starts_with("GET /slow") && !gate.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(text).is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    let gateway = Gateway::start(&resources);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| gateway.client().get("/slow").status());
        gateway.expect("cluster.c.upstream_rq_active", 1);
        gateway.client().get("/");
        assert_eq!(upstream.connections(), 2);
        resources.clusters[0].connect_timeout = xds::seconds(3.0);
        gateway.publish(&resources);
        eventually("the idle connection ends", || upstream.closed() == 1);
        assert_eq!(gateway.client().get("/").status(), 200);
        assert_eq!(upstream.connections(), 3);
        open.store(true, SeqCst);
        assert_eq!(running.join().unwrap(), 200);
    });
    eventually("its connection ends too", || upstream.closed() == 2);
}

/// Row 80.
#[test]
fn the_old_cluster_serves_until_the_new_one_is_warm() {
    let hosts = [host()];
    let mut resources = resources(&hosts, |_| {});
    let gateway = Gateway::start(&resources);
    live(&gateway);
    assert_eq!(gateway.client().get("/").status(), 200);
    hosts[0].check.store(1, SeqCst);
    checked(&mut resources.clusters[0], 1);
    resources.clusters[0].connect_timeout = xds::seconds(3.0);
    gateway.publish(&resources);
    gateway.expect("cluster_manager.warming_clusters", 1);
    assert_eq!(gateway.warming(), ["c"]);
    eventually("the check runs", || hosts[0].upstream.count() == 2);
    assert_eq!(gateway.client().get("/").status(), 200);
    let counted = decided("a changed cluster that is not warm yet", 0, 1);
    assert_eq!(gateway.stat("cluster_manager.cluster_modified"), counted);
    assert_eq!(gateway.state(), State::Live);
    hosts[0].check.store(200, SeqCst);
    gateway.expect("cluster_manager.cluster_modified", 1);
    gateway.expect("cluster_manager.warming_clusters", 0);
    gateway.expect("cluster.c.health_check.healthy", 1);
    assert_eq!(gateway.client().get("/").status(), 200);
}

#[test]
fn endpoints_reach_the_old_cluster_while_the_new_one_warms() {
    let (hosts, other) = ([host()], Upstream::ok());
    let mut resources = resources(&hosts, |_| {});
    let gateway = Gateway::start(&resources);
    live(&gateway);
    checked(&mut resources.clusters[0], 1);
    hosts[0].check.store(1, SeqCst);
    gateway.publish(&resources);
    resources.endpoints[0].endpoints[0]
        .lb_endpoints
        .push(xds::endpoint(other.address));
    gateway.publish(&resources);
    assert_eq!(gateway.warming(), ["c"]);
    let mut client = gateway.client();
    assert!((0..4).all(|_| client.get("/").status() == 200));
    assert_eq!(
        other
            .heads
            .lock()
            .unwrap()
            .iter()
            .filter(|head| head.starts_with("GET / "))
            .count(),
        2
    );
    hosts[0].check.store(200, SeqCst);
    gateway.expect("cluster.c.health_check.healthy", 2);
}

#[test]
fn a_first_time_cluster_is_not_known_before_it_is_warm() {
    let hosts = [host()];
    let mut all = resources(&hosts, |cluster| checked(cluster, 1));
    let clusters = std::mem::take(&mut all.clusters);
    let gateway = Gateway::start(&all);
    live(&gateway);
    hosts[0].check.store(1, SeqCst);
    all.clusters = clusters;
    gateway.publish(&all);
    assert_eq!(gateway.warming(), ["c"]);
    let response = gateway.client().get("/");
    assert_eq!((response.status(), response.text()), (503, ""));
    hosts[0].check.store(200, SeqCst);
    eventually("it serves", || gateway.client().get("/").status() == 200);
}
