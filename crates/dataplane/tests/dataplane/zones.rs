// SPDX-License-Identifier: Apache-2.0
//! Priorities, zones, and what panic and changes of the host set lead to.

use std::collections::BTreeMap;

use sluicegate_dataplane::LocalZone;
use sluicegate_xds::pb::envoy::config::{
    cluster::v3::cluster::{
        CommonLbConfig,
        common_lb_config::{LocalityConfigSpecifier, ZoneAwareLbConfig},
    },
    core::v3::{HealthStatus, Locality},
    endpoint::v3::{ClusterLoadAssignment, LocalityLbEndpoints},
};

use crate::support::{Client, Gateway, Upstream, gateway::Resources, gateway::eventually, xds};

/// Upstreams that answer with the letter of their position.
fn letters(count: usize) -> Vec<Upstream> {
    let letter = |at: usize| {
        let letter = char::from(b'A' + u8::try_from(at).unwrap());
        Upstream::start(move |exchange| {
            use std::io::Write;
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{letter}");
            exchange.stream.write_all(text.as_bytes()).is_ok()
        })
    };
    (0..count).map(letter).collect()
}

fn answers(client: &mut Client, count: usize) -> BTreeMap<char, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..count {
        let response = client.get("/");
        let letter = response.text().chars().next().unwrap();
        *counts.entry(letter).or_default() += 1;
    }
    counts
}

fn zone(name: &str) -> Locality {
    Locality {
        zone: name.to_owned(),
        ..Locality::default()
    }
}

fn group(zone: Locality, of: &[Upstream]) -> LocalityLbEndpoints {
    LocalityLbEndpoints {
        locality: Some(zone),
        lb_endpoints: of.iter().map(|one| xds::endpoint(one.address)).collect(),
        ..LocalityLbEndpoints::default()
    }
}

fn zone_aware(change: impl FnOnce(&mut ZoneAwareLbConfig)) -> Option<CommonLbConfig> {
    let mut config = ZoneAwareLbConfig::default();
    change(&mut config);
    Some(CommonLbConfig {
        locality_config_specifier: Some(LocalityConfigSpecifier::ZoneAwareLbConfig(config)),
        ..CommonLbConfig::default()
    })
}

/// Row 59.
#[test]
fn load_falls_over_by_priority_health_and_panic() {
    let upstreams = letters(5);
    let (healthy, failed, degraded) = (
        HealthStatus::Healthy,
        HealthStatus::Unhealthy,
        HealthStatus::Degraded,
    );
    let mut resources = Resources::simple(&[upstreams[0].address]);
    let gateway = Gateway::start(&resources);
    let cases = [
        // Healths of priority 0 and of priority 1, and the share of each host in percent.
        (vec![healthy; 2], vec![healthy; 2], vec![50, 50, 0, 0]),
        (vec![healthy, failed], vec![healthy; 2], vec![70, 0, 15, 15]),
        (vec![failed; 2], vec![healthy; 2], vec![0, 0, 50, 50]),
        (vec![failed; 2], vec![failed; 2], vec![25, 25, 25, 25]),
        (vec![healthy, healthy, degraded], vec![], vec![47, 47, 6]),
        (vec![degraded; 2], vec![healthy; 2], vec![0, 0, 50, 50]),
        (
            vec![healthy, healthy, failed, failed, failed],
            vec![],
            vec![20; 5],
        ),
        (
            vec![
                HealthStatus::Draining,
                HealthStatus::Timeout,
                HealthStatus::Unknown,
                healthy,
            ],
            vec![],
            vec![0, 0, 50, 50],
        ),
    ];
    for (first, second, wanted) in cases {
        let of = |healths: &[HealthStatus], from: usize, priority| {
            let mut group = group(Locality::default(), &upstreams[from..from + healths.len()]);
            group.priority = priority;
            for (endpoint, health) in group.lb_endpoints.iter_mut().zip(healths) {
                endpoint.health_status = *health as i32;
            }
            group
        };
        resources.endpoints = vec![ClusterLoadAssignment {
            cluster_name: "c".to_owned(),
            endpoints: vec![of(&first, 0, 0), of(&second, first.len(), 1)],
            ..ClusterLoadAssignment::default()
        }];
        gateway.publish(&resources);
        let counts = answers(&mut gateway.client(), 300);
        for (letter, percent) in ('A'..).zip(wanted) {
            let seen = counts.get(&letter).copied().unwrap_or(0);
            let off = seen.abs_diff(percent * 3);
            let allowed = if percent == 0 { 0 } else { 45 };
            assert!(
                off <= allowed,
                "{letter} of {counts:?} in {first:?} {second:?}"
            );
        }
    }
}

/// Two of six hosts are in the own zone, and half of our own kind.
fn zoned(upstreams: &[Upstream], own: &Upstream) -> Resources {
    let mut resources = Resources::simple(&[]);
    resources.clusters.push(xds::cluster("gateways", |_| {}));
    let assignment = |name: &str, endpoints| ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        endpoints,
        ..ClusterLoadAssignment::default()
    };
    let own = std::slice::from_ref(own);
    resources.endpoints = vec![
        assignment(
            "c",
            vec![
                group(zone("b"), &upstreams[2..]),
                group(zone("a"), &upstreams[..2]),
            ],
        ),
        assignment(
            "gateways",
            vec![group(zone("a"), own), group(zone("b"), &upstreams[2..3])],
        ),
    ];
    resources
}

fn start(resources: &Resources) -> Gateway {
    Gateway::with(resources, |options| {
        options.zone = Some(LocalZone {
            locality: zone("a"),
            local_cluster_name: "gateways".to_owned(),
        });
    })
}

#[test]
fn zones_keep_what_they_can() {
    let (upstreams, own) = (letters(6), Upstream::ok());
    let mut resources = zoned(&upstreams, &own);
    let gateway = start(&resources);
    let here = |counts: &BTreeMap<char, usize>| {
        counts.get(&'A').unwrap_or(&0) + counts.get(&'B').unwrap_or(&0)
    };
    // A third of the hosts against half of our own kind: two thirds stay.
    let stayed = here(&answers(&mut gateway.client(), 300));
    assert!((150..250).contains(&stayed), "{stayed}");
    let count = |name: &str| gateway.stat(&format!("cluster.c.lb_zone_{name}"));
    gateway.expect(
        "cluster.c.lb_zone_routing_sampled",
        i64::try_from(stayed).unwrap(),
    );
    assert_eq!(count("routing_sampled") + count("routing_cross_zone"), 300);
    // Fewer of our own kind here: all stays.
    resources.endpoints[1].endpoints[1].lb_endpoints.extend([
        xds::endpoint(upstreams[3].address),
        xds::endpoint(upstreams[4].address),
    ]);
    gateway.publish(&resources);
    assert_eq!(here(&answers(&mut gateway.client(), 30)), 30);
    assert_eq!(count("routing_all_directly"), 30);
    // A cluster that is too small does not look at zones.
    resources.clusters[0].common_lb_config = zone_aware(|config| {
        config.min_cluster_size =
            Some(sluicegate_xds::pb::google::protobuf::UInt64Value { value: 7 });
    });
    gateway.publish(&resources);
    assert_eq!(answers(&mut gateway.client(), 60).len(), 6);
    assert!(count("cluster_too_small") > 0);
    resources.clusters[0].common_lb_config = zone_aware(|config| {
        config.routing_enabled =
            Some(sluicegate_xds::pb::envoy::r#type::v3::Percent { value: 0.0 });
    });
    gateway.publish(&resources);
    assert_eq!(answers(&mut gateway.client(), 60).len(), 6);
    assert_eq!(count("routing_all_directly"), 30);
    gateway.assert_enforced();
    // Without a place of our own, zones do not matter; ours says so.
    let gateway = Gateway::start(&resources);
    if let Some(report) = gateway.report() {
        assert_eq!(report.unsupported[0].field, "zone_aware_lb_config");
    }
    resources.clusters[0].common_lb_config = None;
    let gateway = Gateway::start(&resources);
    assert_eq!(answers(&mut gateway.client(), 60).len(), 6);
}

#[test]
fn gateways_in_panic_do_not_look_at_zones() {
    let (upstreams, own) = (letters(6), Upstream::ok());
    let mut resources = zoned(&upstreams, &own);
    for group in &mut resources.endpoints[1].endpoints {
        group.lb_endpoints[0].health_status = HealthStatus::Unhealthy as i32;
    }
    let gateway = start(&resources);
    assert_eq!(answers(&mut gateway.client(), 60).len(), 6);
    gateway.expect("cluster.c.lb_local_cluster_not_ok", 60);
}

#[test]
fn panic_can_fail_traffic_instead() {
    let upstreams = letters(3);
    let addresses: Vec<_> = upstreams.iter().map(|one| one.address).collect();
    let mut resources = Resources::simple(&addresses);
    for endpoint in &mut resources.endpoints[0].endpoints[0].lb_endpoints[..2] {
        endpoint.health_status = HealthStatus::Unhealthy as i32;
    }
    resources.clusters[0].common_lb_config =
        zone_aware(|config| config.fail_traffic_on_panic = true);
    let gateway = Gateway::start(&resources);
    let response = gateway.client().get("/");
    assert_eq!(
        (response.status(), response.text()),
        (503, "no healthy upstream")
    );
    gateway.expect("cluster.c.lb_healthy_panic", 1);
    gateway.expect("cluster.c.upstream_cx_none_healthy", 1);
}

#[test]
fn a_change_of_the_host_set_can_close_all_connections() {
    let upstreams = letters(2);
    let mut resources = Resources::simple(&[upstreams[0].address]);
    resources.clusters[0].common_lb_config = Some(CommonLbConfig {
        close_connections_on_host_set_change: true,
        ..CommonLbConfig::default()
    });
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    client.get("/");
    client.get("/");
    assert_eq!(upstreams[0].connections(), 1);
    resources.endpoints[0].endpoints[0]
        .lb_endpoints
        .push(xds::endpoint(upstreams[1].address));
    gateway.publish(&resources);
    eventually("the idle connection ends", || upstreams[0].closed() == 1);
    assert_eq!(answers(&mut client, 4).len(), 2);
    assert_eq!(upstreams[0].connections(), 2);
}
