// SPDX-License-Identifier: Apache-2.0
//! Active health checks and outlier detection, seen from outside.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering::SeqCst},
    },
};

use sluicegate_dataplane::State;
use sluicegate_xds::pb::envoy::{
    config::{
        cluster::v3::{Cluster, OutlierDetection, cluster::CommonLbConfig},
        core::v3::{
            HealthCheck,
            health_check::{HealthChecker, HttpHealthCheck, TcpHealthCheck},
        },
    },
    r#type::v3::Percent,
};

use crate::support::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

/// Checks get `check`, other requests `traffic`; 0 closes the connection, a check of 1 never ends.
struct Host {
    upstream: Upstream,
    check: Arc<AtomicU16>,
    traffic: Arc<AtomicU16>,
}

fn host() -> Host {
    let (check, traffic) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicU16::new(200)));
    let (checks, requests) = (check.clone(), traffic.clone());
    let upstream = Upstream::start(move |exchange| {
        let of = if exchange.head.starts_with("GET /hc") {
            &checks
        } else {
            &requests
        };
        while of.load(SeqCst) == 1 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let fail = match of.load(SeqCst) {
            0 => return false,
            299 => "x-envoy-immediate-health-check-fail: true\r\n",
            _ => "",
        };
        let status = of.load(SeqCst);
        let text = format!("HTTP/1.1 {status} X\r\n{fail}Content-Length: 2\r\n\r\nok");
        exchange.stream.write_all(text.as_bytes()).is_ok()
    });
    Host {
        upstream,
        check,
        traffic,
    }
}

fn resources(hosts: &[Host], change: impl FnOnce(&mut Cluster)) -> Resources {
    let addresses: Vec<_> = hosts.iter().map(|host| host.upstream.address).collect();
    let mut resources = Resources::simple(&addresses);
    let cluster = &mut resources.clusters[0];
    cluster.ignore_health_on_host_removal = true;
    cluster.common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        ..CommonLbConfig::default()
    });
    change(cluster);
    resources
}

fn checked(cluster: &mut Cluster, thresholds: u32) {
    cluster.health_checks = vec![HealthCheck {
        timeout: xds::seconds(2.0),
        interval: xds::seconds(0.05),
        no_traffic_interval: xds::seconds(0.05),
        unhealthy_threshold: xds::number(thresholds),
        healthy_threshold: xds::number(thresholds),
        health_checker: Some(HealthChecker::HttpHealthCheck(HttpHealthCheck {
            path: "/hc".to_owned(),
            request_headers_to_add: vec![xds::header("x-a", "b", 0)],
            ..HttpHealthCheck::default()
        })),
        ..HealthCheck::default()
    }];
}

fn live(gateway: &Gateway) {
    eventually("it is live", || gateway.plane.state() == State::Live);
}

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
    assert!(gateway.plane.reports().unsupported.is_empty());
}

/// Row 42.
#[test]
fn a_host_is_not_used_before_its_first_good_check() {
    let hosts = [host()];
    hosts[0].check.store(1, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| checked(cluster, 2)));
    assert_eq!(gateway.plane.state(), State::Initializing);
    assert_eq!(gateway.client().get("/").status(), 503);
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
    let status = gateway.plane.clusters().cluster_statuses[0].host_statuses[0].clone();
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

fn outlier(percent: Option<u32>) -> Option<OutlierDetection> {
    Some(OutlierDetection {
        consecutive_5xx: xds::number(3),
        interval: xds::seconds(0.1),
        base_ejection_time: xds::seconds(0.5),
        max_ejection_percent: percent.and_then(xds::number),
        ..OutlierDetection::default()
    })
}

/// Row 45.
#[test]
fn ten_percent_of_two_hosts_is_none() {
    let hosts = [host(), host()];
    hosts[0].traffic.store(500, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        cluster.outlier_detection = outlier(None);
    }));
    let mut client = gateway.client();
    for _ in 0..6 {
        client.get("/");
    }
    gateway.expect("cluster.c.outlier_detection.ejections_overflow", 1);
    gateway.expect("cluster.c.outlier_detection.ejections_active", 0);
}

/// Row 46.
#[test]
fn a_failing_host_is_ejected_and_comes_back() {
    let hosts = [host(), host()];
    hosts[0].traffic.store(500, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        cluster.outlier_detection = outlier(Some(50));
    }));
    let mut client = gateway.client();
    for _ in 0..6 {
        client.get("/");
    }
    gateway.expect("cluster.c.outlier_detection.ejections_active", 1);
    gateway.expect("cluster.c.membership_healthy", 1);
    let status = gateway.plane.clusters().cluster_statuses[0].host_statuses[0].clone();
    assert!(status.health_status.unwrap().failed_outlier_check);
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(hosts[0].upstream.count(), 3);
    gateway.expect("cluster.c.outlier_detection.ejections_active", 0);
    gateway.expect(
        "cluster.c.outlier_detection.ejections_enforced_consecutive_5xx",
        1,
    );
}

#[test]
fn a_good_check_brings_an_ejected_host_back() {
    let hosts = [host(), host()];
    hosts[0].traffic.store(500, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        checked(cluster, 1);
        let mut detection = outlier(Some(50)).unwrap();
        detection.base_ejection_time = xds::seconds(300.0);
        cluster.outlier_detection = Some(detection);
    }));
    live(&gateway);
    let mut client = gateway.client();
    for _ in 0..6 {
        client.get("/");
    }
    gateway.expect("cluster.c.outlier_detection.ejections_enforced_total", 1);
    gateway.expect("cluster.c.outlier_detection.ejections_active", 0);
}

/// Row 38.
#[test]
fn a_tcp_check_only_connects() {
    let hosts = [host()];
    let mut resources = resources(&hosts, |cluster| {
        checked(cluster, 1);
        let check = HealthChecker::TcpHealthCheck(TcpHealthCheck::default());
        cluster.health_checks[0].health_checker = Some(check);
    });
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let group = &mut resources.endpoints[0].endpoints[0];
    group.lb_endpoints.push(xds::endpoint(address));
    let gateway = Gateway::start(&resources);
    live(&gateway);
    gateway.expect("cluster.c.membership_healthy", 1);
    let mut client = gateway.client();
    for _ in 0..6 {
        assert_eq!(client.get("/").status(), 200);
    }
}
