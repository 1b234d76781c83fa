// SPDX-License-Identifier: Apache-2.0
//! Outlier detection, seen from outside.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use sluicegate_xds::pb::envoy::config::cluster::v3::OutlierDetection;

use sluicegate_testkit::free_address;

use crate::support::{
    Gateway, Upstream,
    checked::{checked, flags, host, live, resources},
    gateway::eventually,
    xds,
};

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
    let status = gateway.clusters()[0].host_statuses[0].clone();
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

/// Row 47.
#[test]
fn each_ejection_takes_longer() {
    let hosts = [host()];
    hosts[0].traffic.store(500, SeqCst);
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        let mut detection = outlier(Some(100)).unwrap();
        detection.consecutive_5xx = xds::number(1);
        detection.interval = xds::seconds(0.4);
        detection.base_ejection_time = xds::seconds(0.4);
        detection.max_ejection_time = xds::seconds(0.8);
        cluster.outlier_detection = Some(detection);
    }));
    // A sweep that finds the host in again makes the next ejection shorter: the next failure comes
    // before it, on a slow machine too.
    let mut client = gateway.client();
    for wanted in [400, 800, 800] {
        assert_eq!(client.get("/").status(), 500);
        let from = Instant::now();
        gateway.expect("cluster.c.outlier_detection.ejections_active", 1);
        assert_eq!(client.get("/").status(), 503);
        gateway.expect("cluster.c.outlier_detection.ejections_active", 0);
        let took = from.elapsed();
        // It began a moment before the request was answered.
        assert!(took >= Duration::from_millis(wanted - 20), "{took:?}");
    }
    gateway.expect("cluster.c.outlier_detection.ejections_enforced_total", 3);
}

/// Row 48.
#[test]
fn a_host_with_a_low_success_rate_is_ejected() {
    let hosts: Vec<_> = (0..5).map(|_| host()).collect();
    let gateway = Gateway::start(&resources(&hosts, |cluster| {
        cluster.outlier_detection = Some(OutlierDetection {
            consecutive_5xx: xds::number(1000),
            interval: xds::seconds(2.0),
            base_ejection_time: xds::seconds(300.0),
            max_ejection_percent: xds::number(50),
            success_rate_request_volume: xds::number(10),
            ..OutlierDetection::default()
        });
    }));
    let view = || gateway.clusters()[0].clone();
    assert!(view().success_rate_ejection_threshold.is_none());
    eventually("the host is ejected", || {
        let mut client = gateway.client();
        for turn in 0..20 {
            hosts[0].traffic.store(200 + 300 * (turn % 2), SeqCst);
            for _ in 0..5 {
                client.get("/");
            }
        }
        std::thread::sleep(Duration::from_millis(500));
        gateway.stat("cluster.c.outlier_detection.ejections_enforced_success_rate") == 1
    });
    assert!(flags(&gateway)[0][1]);
    let rates: Vec<f64> = view()
        .host_statuses
        .iter()
        .map(|host| host.success_rate.as_ref().map_or(-1.0, |rate| rate.value))
        .collect();
    let threshold = view().success_rate_ejection_threshold.unwrap().value;
    // 52 where a sweep met whole turns.
    assert!((45.0..60.0).contains(&threshold), "{threshold}");
    assert!((45.0..55.0).contains(&rates[0]), "{rates:?}");
    assert_eq!(rates[1..], [100.0; 4]);
}

/// Row 49.
#[test]
fn with_the_split_only_failed_connections_count_as_local() {
    let refused = free_address();
    let resets = Upstream::start(|_| false);
    for (address, ejected) in [(refused, 1), (resets.address, 0)] {
        let mut resources = crate::support::gateway::Resources::simple(&[address]);
        let mut detection = outlier(Some(100)).unwrap();
        detection.split_external_local_origin_errors = true;
        detection.consecutive_local_origin_failure = xds::number(3);
        detection.base_ejection_time = xds::seconds(300.0);
        resources.clusters[0].outlier_detection = Some(detection);
        let gateway = Gateway::start(&resources);
        for _ in 0..4 {
            assert_eq!(gateway.client().get("/").status(), 503);
        }
        let prefix = "cluster.c.outlier_detection.ejections";
        gateway.expect(
            &format!("{prefix}_enforced_consecutive_local_origin_failure"),
            ejected,
        );
        gateway.expect(&format!("{prefix}_active"), ejected);
        assert_eq!(
            gateway.stat(&format!("{prefix}_enforced_consecutive_5xx")),
            0
        );
    }
}
