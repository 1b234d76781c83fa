// SPDX-License-Identifier: Apache-2.0
//! DNS clusters: what becomes of answers, and when is asked. What is expected here was seen on
//! Envoy 1.40 with the same answers.

#![expect(deprecated, reason = "control planes still send these fields")]

use std::{net::SocketAddr, thread::sleep, time::Duration};

use sluicegate_dataplane::State;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::{
                Cluster,
                cluster::{ClusterDiscoveryType, CustomClusterType, DiscoveryType, RefreshRate},
            },
            core::v3::{
                DnsResolverOptions, TypedExtensionConfig, address::Address,
                socket_address::PortSpecifier,
            },
            endpoint::v3::ClusterLoadAssignment,
        },
        extensions::{
            clusters::dns::v3::DnsCluster,
            network::dns_resolver::{
                cares::v3::CaresDnsResolverConfig, getaddrinfo::v3::GetAddrInfoDnsResolverConfig,
            },
        },
    },
};

use crate::support::{
    Gateway, Upstream,
    dns::{A, AAAA, DnsServer, NXDOMAIN, SERVFAIL, Zone, addresses, lived},
    gateway::{Resources, eventually},
    xds,
};

fn resolver(dns: &DnsServer) -> Option<TypedExtensionConfig> {
    Some(TypedExtensionConfig {
        name: "envoy.network.dns_resolver.cares".to_owned(),
        typed_config: Some(any::pack(&CaresDnsResolverConfig {
            resolvers: xds::address(dns.address).into_iter().collect(),
            dns_resolver_options: Some(DnsResolverOptions {
                no_default_search_domain: true,
                ..DnsResolverOptions::default()
            }),
            ..CaresDnsResolverConfig::default()
        })),
    })
}

/// Endpoints with these names.
fn names(names: &[&str], port: u16) -> ClusterLoadAssignment {
    let mut assignment = xds::endpoints("c", &[]);
    for name in names {
        let at = SocketAddr::from(([127, 0, 0, 1], port));
        let mut one = xds::endpoints("c", &[at]);
        xds::rename(&mut one, name);
        let endpoints = one.endpoints.remove(0).lb_endpoints;
        assignment.endpoints[0].lb_endpoints.extend(endpoints);
    }
    assignment
}

/// Cluster `c` of the older kind, IPv4 only, asking five times a second.
fn cluster(
    dns: &DnsServer,
    kind: DiscoveryType,
    assignment: ClusterLoadAssignment,
    change: impl FnOnce(&mut Cluster),
) -> Resources {
    let mut resources = Resources::simple(&[]);
    resources.endpoints.clear();
    let cluster = &mut resources.clusters[0];
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind as i32));
    cluster.load_assignment = Some(assignment);
    cluster.dns_refresh_rate = xds::seconds(0.2);
    cluster.dns_lookup_family = 1;
    cluster.typed_dns_resolver_config = resolver(dns);
    change(cluster);
    resources
}

/// Makes the cluster one of the newer kind.
fn extension(cluster: &mut Cluster, config: &DnsCluster) {
    cluster.cluster_discovery_type = Some(ClusterDiscoveryType::ClusterType(CustomClusterType {
        name: "envoy.cluster.dns".to_owned(),
        typed_config: Some(any::pack(config)),
    }));
}

/// Addresses of the hosts, in order.
fn hosts(gateway: &Gateway) -> Vec<String> {
    let clusters = gateway.clusters().into_iter();
    clusters
        .flat_map(|cluster| cluster.host_statuses)
        .map(|host| match host.address.unwrap().address {
            Some(Address::SocketAddress(socket)) => {
                assert!(matches!(
                    socket.port_specifier,
                    Some(PortSpecifier::PortValue(_))
                ));
                socket.address
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

fn expect_hosts(gateway: &Gateway, wanted: &[&str]) {
    let what = format!("the hosts are {wanted:?}");
    eventually(&what, || hosts(gateway) == wanted);
}

/// Waits for two more rounds of questions.
fn two_more(gateway: &Gateway) {
    let attempts = || gateway.stat("cluster.c.update_attempt");
    let until = attempts() + 3;
    eventually("two more look-ups", || attempts() >= until);
}

fn live(gateway: &Gateway) {
    eventually("it is live", || gateway.state() == State::Live);
}

const ONE: &str = "127.0.1.1";
const TWO: &str = "127.0.1.2";
const THREE: &str = "127.0.1.3";

/// Row 62.
#[test]
fn a_strict_cluster_has_the_hosts_of_the_last_answer() {
    let dns = DnsServer::start();
    dns.set("s.test", addresses(&[ONE, TWO]));
    let assignment = names(&["s.test"], 80);
    let gateway = Gateway::start(&cluster(&dns, DiscoveryType::StrictDns, assignment, |_| {}));
    expect_hosts(&gateway, &[ONE, TWO]);
    assert_eq!(gateway.stat("cluster.c.membership_change"), 1);
    let snapshots = gateway.stat("cluster_manager.cds.update_attempt");
    // Another order is no change.
    dns.set("s.test", addresses(&[TWO, ONE]));
    two_more(&gateway);
    assert_eq!(hosts(&gateway), [ONE, TWO]);
    // An address that comes twice is one host; the order is that of the answer.
    dns.set("s.test", addresses(&[THREE, ONE, THREE]));
    expect_hosts(&gateway, &[THREE, ONE]);
    // Failures keep the hosts.
    dns.set("s.test", SERVFAIL);
    let failures = || gateway.stat("cluster.c.update_failure");
    eventually("failures are counted", || failures() >= 2);
    assert_eq!(hosts(&gateway), [THREE, ONE]);
    assert!(gateway.stat("dns.cares.get_addr_failure") >= 2);
    // A name that does not exist, or has no addresses, has no hosts.
    for nothing in [NXDOMAIN, addresses(&[])] {
        dns.set("s.test", nothing);
        expect_hosts(&gateway, &[]);
        let response = gateway.client().get("/");
        assert_eq!(
            (response.status(), response.text()),
            (503, "no healthy upstream")
        );
        dns.set("s.test", addresses(&[ONE]));
        expect_hosts(&gateway, &[ONE]);
    }
    assert!(gateway.stat("dns.cares.not_found") >= 2);
    assert_eq!(gateway.stat("cluster.c.update_empty"), 0);
    let stat = |name: &str| gateway.stat(&format!("cluster.c.{name}"));
    assert_eq!(stat("membership_change"), 6);
    assert!(stat("update_no_rebuild") >= 2);
    assert!(stat("update_success") >= stat("update_no_rebuild") + 6);
    assert_eq!(
        gateway.stat("cluster_manager.cds.update_attempt"),
        snapshots
    );
}

/// Row 62.
#[test]
fn a_logical_cluster_keeps_its_last_address() {
    let dns = DnsServer::start();
    dns.set("l.test", addresses(&[ONE, TWO]));
    let assignment = names(&["l.test"], 80);
    let resources = cluster(&dns, DiscoveryType::LogicalDns, assignment, |_| {});
    let gateway = Gateway::start(&resources);
    expect_hosts(&gateway, &[ONE]);
    dns.set("l.test", addresses(&[TWO, ONE]));
    expect_hosts(&gateway, &[TWO]);
    let failures = || gateway.stat("cluster.c.update_failure");
    for nothing in [NXDOMAIN, addresses(&[]), SERVFAIL] {
        let before = failures();
        dns.set("l.test", nothing);
        eventually("failures are counted", || failures() >= before + 2);
        assert_eq!(hosts(&gateway), [TWO]);
    }
    dns.set("l.test", addresses(&[THREE]));
    expect_hosts(&gateway, &[THREE]);
    assert_eq!(gateway.stat("cluster.c.membership_change"), 3);
}

/// Row 62. The connection to an address that is gone closes; the one to an address that stays is
/// used again.
#[test]
fn connections_follow_the_hosts() {
    for kind in [DiscoveryType::StrictDns, DiscoveryType::LogicalDns] {
        let first = Upstream::ok();
        let port = first.address.port();
        let second = Upstream::at(SocketAddr::from(([127, 0, 0, 2], port)));
        let dns = DnsServer::start();
        dns.set("n.test", addresses(&["127.0.0.1"]));
        let resources = cluster(&dns, kind, names(&["n.test"], port), |_| {});
        let gateway = Gateway::start(&resources);
        expect_hosts(&gateway, &["127.0.0.1"]);
        assert_eq!(gateway.client().get("/").status(), 200);
        two_more(&gateway);
        assert_eq!(gateway.client().get("/").status(), 200);
        assert_eq!((first.connections(), first.closed()), (1, 0));
        dns.set("n.test", addresses(&["127.0.0.2"]));
        eventually("the old connection closes", || first.closed() == 1);
        assert_eq!(gateway.client().get("/").status(), 200);
        assert_eq!((first.count(), second.count()), (2, 1));
    }
}

/// Row 62. Each name stands for itself: what becomes of one does not touch the others.
#[test]
fn several_names_in_one_cluster() {
    let dns = DnsServer::start();
    dns.set("a.test", addresses(&[ONE]));
    dns.set("b.test", SERVFAIL);
    let assignment = names(&["a.test", "b.test", "127.0.9.9"], 80);
    let gateway = Gateway::start(&cluster(&dns, DiscoveryType::StrictDns, assignment, |_| {}));
    expect_hosts(&gateway, &[ONE, "127.0.9.9"]);
    dns.set("b.test", addresses(&[THREE, TWO]));
    expect_hosts(&gateway, &[ONE, THREE, TWO, "127.0.9.9"]);
    dns.set("a.test", NXDOMAIN);
    expect_hosts(&gateway, &[THREE, TWO, "127.0.9.9"]);
}

/// Row 62. The newer way to say the same, and a connection to another of a logical host's addresses.
#[test]
fn the_extension_means_the_same() {
    let first = Upstream::ok();
    let port = first.address.port();
    let dns = DnsServer::start();
    for (single, wanted) in [
        (false, &["127.0.3.3", "127.0.0.1"][..]),
        (true, &["127.0.3.3"]),
    ] {
        dns.set("e.test", addresses(&["127.0.3.3", "127.0.0.1"]));
        let assignment = names(&["e.test"], port);
        let resources = cluster(&dns, DiscoveryType::Static, assignment, |cluster| {
            let config = DnsCluster {
                dns_refresh_rate: xds::seconds(0.2),
                typed_dns_resolver_config: resolver(&dns),
                dns_lookup_family: 4,
                all_addresses_in_single_endpoint: single,
                ..DnsCluster::default()
            };
            extension(cluster, &config);
        });
        let gateway = Gateway::start(&resources);
        expect_hosts(&gateway, wanted);
        if single {
            // Nobody listens at the first address.
            assert_eq!(gateway.client().get("/").status(), 200);
        }
        dns.set("e.test", NXDOMAIN);
        if single {
            let failures = || gateway.stat("cluster.c.update_failure");
            eventually("failures are counted", || failures() >= 2);
            assert_eq!(hosts(&gateway), wanted);
        } else {
            expect_hosts(&gateway, &[]);
        }
        gateway.assert_enforced();
    }
}

#[test]
fn a_logical_cluster_has_exactly_one_endpoint() {
    let dns = DnsServer::start();
    let assignment = names(&["a.test", "b.test"], 80);
    let resources = cluster(&dns, DiscoveryType::LogicalDns, assignment, |_| {});
    let gateway = Gateway::start(&resources);
    gateway.assert_refused("c", "exactly one endpoint");
}

/// Row 62. Which questions are asked, and what wins.
#[test]
fn families() {
    let v4 = &[ONE, TWO][..];
    let v6 = &["::1"][..];
    let both = &[ONE, TWO, "::1"][..];
    // AUTO, V4_ONLY, V6_ONLY, V4_PREFERRED, ALL, by number.
    for (family, zone, questions, wanted) in [
        (0, addresses(both), &[AAAA][..], v6),
        (0, addresses(v4), &[AAAA, A], v4),
        (0, NXDOMAIN, &[AAAA, A], &[]),
        (1, addresses(both), &[A], v4),
        (2, addresses(both), &[AAAA], v6),
        (2, addresses(v4), &[AAAA], &[]),
        (3, addresses(both), &[A], v4),
        (3, addresses(v6), &[A, AAAA], v6),
        (4, addresses(both), &[A, AAAA], both),
    ] {
        let dns = DnsServer::start();
        dns.set("f.test", zone);
        let assignment = names(&["f.test"], 80);
        let resources = cluster(&dns, DiscoveryType::StrictDns, assignment, |cluster| {
            cluster.dns_refresh_rate = xds::seconds(60.0);
            cluster.dns_lookup_family = family;
        });
        let gateway = Gateway::start(&resources);
        live(&gateway);
        expect_hosts(&gateway, wanted);
        let mut kinds: Vec<u16> = dns
            .questions("f.test")
            .iter()
            .map(|asked| asked.kind)
            .collect();
        if family == 4 {
            // At the same time.
            kinds.sort_unstable();
        }
        assert_eq!(kinds, questions, "family {family}");
    }
}

/// Row 62. A bad answer is an answer, and none is none.
#[test]
fn start_up_waits_for_the_first_answer() {
    let dns = DnsServer::start();
    for (zone, wanted) in [
        (NXDOMAIN, State::Live),
        (SERVFAIL, State::Live),
        (Zone::Silent, State::PreInitializing),
    ] {
        dns.set("w.test", zone);
        let assignment = names(&["w.test"], 80);
        let gateway = Gateway::start(&cluster(&dns, DiscoveryType::StrictDns, assignment, |_| {}));
        match wanted {
            State::Live => live(&gateway),
            _ => {
                eventually("it is asked for", || dns.count("w.test") > 0);
                sleep(Duration::from_millis(300));
                assert_eq!(gateway.state(), State::PreInitializing);
                assert_eq!(gateway.stat("dns.cares.pending_resolutions"), 1);
            }
        }
    }
}

/// Row 63. A failing server is asked four times at once.
#[test]
fn a_failed_question_is_repeated_at_once() {
    let dns = DnsServer::start();
    dns.set("r.test", SERVFAIL);
    let assignment = names(&["r.test"], 80);
    let resources = cluster(&dns, DiscoveryType::StrictDns, assignment, |cluster| {
        cluster.dns_refresh_rate = xds::seconds(60.0);
    });
    let gateway = Gateway::start(&resources);
    eventually("that ends", || {
        gateway.stat("cluster.c.update_failure") == 1
    });
    assert_eq!(dns.count("r.test"), 4);
}

/// Row 63. Times are at least these; how much longer is up to the machine.
#[test]
fn query_times() {
    let dns = DnsServer::start();
    type Change = fn(&mut Cluster);
    let respect: Change = |cluster| cluster.respect_dns_ttl = true;
    let fail: Change = |cluster| {
        cluster.dns_refresh_rate = xds::seconds(60.0);
        cluster.dns_failure_refresh_rate = Some(RefreshRate {
            base_interval: xds::seconds(0.1),
            max_interval: xds::seconds(0.2),
        });
    };
    let jitter: Change = |cluster| cluster.dns_jitter = xds::seconds(0.3);
    // The zone, the settings, the least time in milliseconds and what is far too much.
    for (name, zone, change, least, most) in [
        (
            "plain.test",
            lived(&[ONE], 60),
            (|_| {}) as Change,
            200,
            5000,
        ),
        ("ttl1.test", lived(&[ONE], 1), respect, 1000, 6000),
        ("ttl0.test", lived(&[ONE], 0), respect, 200, 900),
        ("none.test", NXDOMAIN, respect, 200, 5000),
        ("jitter.test", lived(&[ONE], 60), jitter, 200, 5000),
        ("fail.test", NXDOMAIN, fail, 0, 5000),
    ] {
        dns.set(name, zone);
        let kind = if name == "fail.test" {
            DiscoveryType::LogicalDns
        } else {
            DiscoveryType::StrictDns
        };
        let gateway = Gateway::start(&cluster(&dns, kind, names(&[name], 80), change));
        eventually("there were three gaps", || dns.count(name) > 3);
        let gaps = dns.gaps(name);
        let gaps: Vec<u128> = gaps.iter().map(Duration::as_millis).collect();
        // Sending and receiving takes its time.
        let early = gaps.iter().filter(|gap| **gap + 20 < least).count();
        assert_eq!(early, 0, "{name}: {gaps:?}");
        assert!(gaps.iter().any(|gap| *gap < most), "{name}: {gaps:?}");
        drop(gateway);
    }
}

/// A change of other settings takes effect at once and forgets no address.
#[test]
fn addresses_outlive_a_change_of_the_cluster() {
    let upstream = Upstream::ok();
    let dns = DnsServer::start();
    dns.set("k.test", addresses(&["127.0.0.1"]));
    let assignment = names(&["k.test"], upstream.address.port());
    let mut resources = cluster(&dns, DiscoveryType::StrictDns, assignment, |_| {});
    let gateway = Gateway::start(&resources);
    expect_hosts(&gateway, &["127.0.0.1"]);
    dns.set("k.test", Zone::Silent);
    let assignment = resources.clusters[0].load_assignment.as_mut().unwrap();
    assignment.endpoints[0].lb_endpoints[0].load_balancing_weight = xds::number(7);
    gateway.publish(&resources);
    let status = gateway.clusters().remove(0);
    assert_eq!(status.host_statuses[0].weight, 7);
    assert_eq!(gateway.client().get("/").status(), 200);
    assert_eq!(gateway.state(), State::Live);
    // A cluster that went and comes back starts anew.
    let clusters = std::mem::take(&mut resources.clusters);
    gateway.publish(&resources);
    resources.clusters = clusters;
    gateway.publish(&resources);
    assert_eq!(hosts(&gateway), Vec::<String>::new());
}

/// `localhost` is known without any server.
#[test]
fn the_system_is_asked_on_request() {
    let upstream = Upstream::ok();
    let dns = DnsServer::start();
    let system = TypedExtensionConfig {
        name: "envoy.network.dns_resolver.getaddrinfo".to_owned(),
        typed_config: Some(any::pack(&GetAddrInfoDnsResolverConfig::default())),
    };
    for resolver in [resolver(&dns), Some(system)] {
        let assignment = names(&["localhost"], upstream.address.port());
        let resources = cluster(&dns, DiscoveryType::StrictDns, assignment, |cluster| {
            cluster.typed_dns_resolver_config = resolver;
        });
        let gateway = Gateway::start(&resources);
        expect_hosts(&gateway, &["127.0.0.1"]);
        assert_eq!(gateway.client().get("/").status(), 200);
        assert_eq!(dns.count("localhost"), 0);
    }
}

/// Row 62. Hosts of names that a cluster does not have any more go when there is an answer about
/// those that it has, even a bad one, or when it has none at all.
#[test]
fn other_names_take_over_with_their_first_answer() {
    let dns = DnsServer::start();
    dns.set("a.test", addresses(&[ONE]));
    dns.set("bad.test", SERVFAIL);
    dns.set("missing.test", NXDOMAIN);
    let with = |of: &[&str]| cluster(&dns, DiscoveryType::StrictDns, names(of, 1), |_| {});
    let gateway = Gateway::start(&with(&["a.test"]));
    expect_hosts(&gateway, &[ONE]);
    gateway.publish(&with(&["bad.test"]));
    expect_hosts(&gateway, &[]);
    gateway.publish(&with(&["a.test"]));
    expect_hosts(&gateway, &[ONE]);
    gateway.publish(&with(&["missing.test"]));
    expect_hosts(&gateway, &[]);
    gateway.publish(&with(&["a.test"]));
    expect_hosts(&gateway, &[ONE]);
    gateway.publish(&with(&[]));
    expect_hosts(&gateway, &[]);
}
