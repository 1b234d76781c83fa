// SPDX-License-Identifier: Apache-2.0
//! What results of active health checks lead to.

use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::{Duration, Instant},
};

use sluicegate_dataplane::State;
use sluicegate_xds::pb::envoy::r#type::v3::Percent;

use crate::support::{
    Gateway, Upstream,
    checked::{checked, flags, host, live, resources},
    gateway::{Resources, eventually},
    xds,
};

/// Row 38.
#[test]
fn a_check_sends_these_bytes_and_keeps_its_connection() {
    let hosts = [host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 2)));
    live(&gateway);
    let heads = hosts[0].upstream.heads.clone();
    eventually("there were checks", || heads.lock().unwrap().len() > 2);
    let wanted = "GET /hc HTTP/1.1\nhost: c\nuser-agent: Envoy/HC\nx-a: b";
    assert!(heads.lock().unwrap().iter().all(|head| head == wanted));
    assert_eq!(hosts[0].upstream.connections(), 1);
    gateway.expect("cluster.c.health_check.healthy", 1);
    gateway.assert_enforced();
}

/// Row 42.
#[test]
fn a_host_is_not_used_before_its_first_good_check() {
    let hosts = [host()];
    hosts[0].check.store(1, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 2)));
    assert_eq!(gateway.state(), State::PreInitializing);
    assert!(gateway.addresses().is_empty());
    hosts[0].check.store(200, SeqCst);
    live(&gateway);
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 39.
#[test]
fn one_wrong_answer_is_enough_and_recovery_takes_the_threshold() {
    let hosts = [host(), host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 3)));
    live(&gateway);
    let mut client = gateway.client();
    for _ in 0..4 {
        assert_eq!(client.get("/").status(), 200);
    }
    hosts[0].check.store(503, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 1);
    assert_eq!(gateway.stat("cluster.c.health_check.network_failure"), 0);
    let status = gateway.clusters()[0].host_statuses[0].clone();
    assert!(status.health_status.unwrap().failed_active_health_check);
    hosts[0].traffic.store(500, SeqCst);
    for _ in 0..6 {
        assert_eq!(client.get("/").status(), 200);
    }
    hosts[1].check.store(503, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 0);
    assert_eq!(client.get("/").status(), 503);
    hosts[1].check.store(200, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 1);
    assert_eq!(client.get("/").status(), 200);
}

/// Row 40.
#[test]
fn network_failures_count_to_the_threshold() {
    let hosts = [host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 3)));
    live(&gateway);
    gateway.expect("cluster.c.membership_healthy", 1);
    hosts[0].check.store(0, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 0);
    assert!(gateway.stat("cluster.c.health_check.network_failure") >= 3);
}

/// Row 44.
#[test]
fn a_response_can_fail_its_host_at_once() {
    let hosts = [host(), host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        checked(cluster, 2);
        cluster.health_checks[0].interval = xds::seconds(60.0);
        cluster.health_checks[0].no_traffic_interval = xds::seconds(60.0);
    }));
    live(&gateway);
    hosts[0].traffic.store(299, SeqCst);
    let mut client = gateway.client();
    while client.get("/").status() != 299 {}
    gateway.expect("cluster.c.health_check.passive_failure", 1);
    gateway.expect("cluster.c.membership_excluded", 1);
    for _ in 0..6 {
        assert_eq!(client.get("/").status(), 200);
    }
}

/// Row 41.
#[test]
fn without_traffic_checks_are_rare() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let seen = times.clone();
    let upstream = Upstream::start(move |exchange| {
        use std::io::Write;
        if exchange.head.starts_with("GET /hc") {
            seen.lock().unwrap().push(Instant::now());
        }
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        exchange.stream.write_all(answer).is_ok()
    });
    let mut resources = Resources::simple(&[upstream.address]);
    checked(&mut resources.clusters[0], 1);
    resources.clusters[0].health_checks[0].no_traffic_interval = xds::seconds(0.6);
    let gateway = Gateway::start(&resources);
    live(&gateway);
    let count = || times.lock().unwrap().len();
    eventually("there are three checks", || count() >= 3);
    let gaps = |from: usize| -> Vec<Duration> {
        let times = times.lock().unwrap();
        let pairs = times[from..].windows(2);
        pairs.map(|pair| pair[1] - pair[0]).collect()
    };
    let long = Duration::from_millis(590);
    assert!(gaps(0).iter().all(|gap| *gap >= long), "{:?}", gaps(0));
    let before = count();
    assert_eq!(gateway.client().get("/").status(), 200);
    eventually("checks are frequent", || {
        gaps(before - 1).iter().any(|gap| *gap < long)
    });
}

/// Row 43.
#[test]
fn a_single_failing_host_is_used_in_panic_only() {
    let hosts = [host()];
    hosts[0].check.store(503, SeqCst);
    let with = |threshold: f64| {
        let gateway = Gateway::start(&resources(&hosts, |cluster| {
            checked(cluster, 1);
            let common = cluster.common_lb_config.as_mut().unwrap();
            common.healthy_panic_threshold = Some(Percent { value: threshold });
        }));
        live(&gateway);
        gateway
    };
    let gateway = with(50.0);
    assert_eq!(gateway.client().get("/").status(), 200);
    gateway.expect("cluster.c.lb_healthy_panic", 1);
    let gateway = with(0.0);
    let response = gateway.client().get("/");
    assert_eq!(
        (response.status(), response.text()),
        (503, "no healthy upstream")
    );
    gateway.expect("cluster.c.upstream_cx_none_healthy", 1);
}

#[test]
fn a_degraded_host_is_used_for_what_healthy_ones_cannot_take() {
    let hosts = [host(), host()];
    hosts[0].check.store(298, SeqCst);
    hosts[0].traffic.store(201, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 1)));
    live(&gateway);
    gateway.expect("cluster.c.membership_degraded", 1);
    gateway.expect("cluster.c.health_check.degraded", 1);
    assert_eq!(flags(&gateway), [[false, false, false, true], [false; 4]]);
    let mut client = gateway.client();
    let degraded = (0..100).filter(|_| client.get("/").status() == 201).count();
    // 70 % healthy; the rest, 30 %, degraded.
    assert!((10..60).contains(&degraded), "{degraded}");
    hosts[0].check.store(200, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 2);
}

#[test]
fn changes_of_health_within_the_merge_window_reach_the_workers_together() {
    let hosts = [host(), host()];
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        checked(cluster, 1);
        let common = cluster.common_lb_config.as_mut().unwrap();
        common.update_merge_window = xds::seconds(2.0);
    }));
    live(&gateway);
    hosts[0].check.store(503, SeqCst);
    // The first change is seen at once.
    gateway.expect("cluster.c.membership_healthy", 1);
    hosts[0].traffic.store(201, SeqCst);
    let mut client = gateway.client();
    assert!((0..10).all(|_| client.get("/").status() == 200));
    // The second one is not, as long as the window is open.
    let changed = Instant::now();
    hosts[0].check.store(200, SeqCst);
    gateway.expect("cluster.c.membership_healthy", 2);
    let unseen = (0..10).all(|_| client.get("/").status() == 200);
    assert!(unseen || changed.elapsed() > Duration::from_secs(2));
    eventually("it is seen in the end", || {
        let mut client = gateway.client();
        (0..4).any(|_| client.get("/").status() == 201)
    });
}

#[test]
fn hosts_that_were_never_checked_can_be_left_out_of_the_panic_maths() {
    let hosts = [host(), host(), host()];
    let mut resources = resources(&hosts, |cluster| {
        checked(cluster, 1);
        let common = cluster.common_lb_config.as_mut().unwrap();
        common.healthy_panic_threshold = Some(Percent { value: 50.0 });
        common.ignore_new_hosts_until_first_hc = true;
    });
    let all = resources.endpoints.clone();
    resources.endpoints[0].endpoints[0].lb_endpoints.truncate(1);
    let gateway = Gateway::start(&resources);
    live(&gateway);
    for host in &hosts[1..] {
        host.check.store(1, SeqCst);
    }
    resources.endpoints = all;
    gateway.publish(&resources);
    gateway.expect("cluster.c.membership_excluded", 2);
    let mut client = gateway.client();
    assert!((0..6).all(|_| client.get("/").status() == 200));
    assert_eq!(gateway.stat("cluster.c.lb_healthy_panic"), 0);
    let asked = || hosts[1].upstream.count() + hosts[2].upstream.count();
    eventually("each was asked once", || asked() == 2);
    let statuses = &gateway.clusters()[0].host_statuses;
    let pending = |at: usize| statuses[at].health_status.unwrap().pending_active_hc;
    assert_eq!([pending(0), pending(1), pending(2)], [false, true, true]);
    for host in &hosts[1..] {
        host.check.store(200, SeqCst);
    }
    gateway.expect("cluster.c.membership_excluded", 0);
}
