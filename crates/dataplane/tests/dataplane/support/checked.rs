// SPDX-License-Identifier: Apache-2.0
//! Upstreams whose health a test decides, and clusters that check it.

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
        cluster::v3::{Cluster, cluster::CommonLbConfig},
        core::v3::{
            HealthCheck,
            health_check::{HealthChecker, HttpHealthCheck},
        },
    },
    r#type::v3::Percent,
};

use super::{
    Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

/// Checks get `check`, other requests `traffic`; 0 closes the connection, 1 waits for another value,
/// 298 is a degraded 200, 299 fails the host at once.
pub(crate) struct Host {
    pub(crate) upstream: Upstream,
    pub(crate) check: Arc<AtomicU16>,
    pub(crate) traffic: Arc<AtomicU16>,
}

pub(crate) fn host() -> Host {
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
            298 => "x-envoy-degraded: 1\r\n",
            299 => "x-envoy-immediate-health-check-fail: true\r\n",
            _ => "",
        };
        let status = match of.load(SeqCst) {
            298 => 200,
            other => other,
        };
        let text = format!("HTTP/1.1 {status} X\r\n{fail}Content-Length: 2\r\n\r\nok");
        exchange.stream.write_all(text.as_bytes()).is_ok()
    });
    Host {
        upstream,
        check,
        traffic,
    }
}

pub(crate) fn resources(hosts: &[Host], change: impl FnOnce(&mut Cluster)) -> Resources {
    let addresses: Vec<_> = hosts.iter().map(|host| host.upstream.address).collect();
    let mut resources = Resources::simple(&addresses);
    let cluster = &mut resources.clusters[0];
    cluster.ignore_health_on_host_removal = true;
    cluster.common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        update_merge_window: xds::seconds(0.0),
        ..CommonLbConfig::default()
    });
    change(cluster);
    resources
}

pub(crate) fn checked(cluster: &mut Cluster, thresholds: u32) {
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

pub(crate) fn live(gateway: &Gateway) {
    eventually("it is live", || gateway.state() == State::Live);
}

/// What `/clusters` shows of each host of the first cluster: failed by checks, by outlier
/// detection, to be removed, degraded.
pub(crate) fn flags(gateway: &Gateway) -> Vec<[bool; 4]> {
    let clusters = gateway.clusters();
    let hosts = clusters[0].host_statuses.iter();
    hosts
        .map(|host| {
            let health = host.health_status.unwrap();
            [
                health.failed_active_health_check,
                health.failed_outlier_check,
                health.pending_dynamic_removal,
                health.failed_active_degraded_check,
            ]
        })
        .collect()
}
