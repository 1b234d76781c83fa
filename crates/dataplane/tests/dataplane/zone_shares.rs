// SPDX-License-Identifier: Apache-2.0
//! Zone aware routing, held against what a real Envoy 1.40 does with the same clusters.
//!
//! The gateway is in zone `a`. The cluster `c` has the hosts `A` and `B` there, of weight 2 each, and
//! up to four of weight 1 in zone `b`: half of the weight is in each. The local cluster is `fleet`, at whose addresses nobody listens.

use std::{collections::BTreeSet, net::SocketAddr};

use serde_json::{Value, json};
use sluicegate_dataplane::{LocalZone, Options};
use sluicegate_xds::{
    json,
    pb::envoy::config::{cluster::v3::Cluster, core::v3::Locality},
};

use crate::support::{Client, Gateway, Upstream, envoy::Envoy, gateway::Resources};

/// One configuration.
struct Case {
    name: &'static str,
    /// Hosts of the local cluster by zone; in capitals, unhealthy ones.
    fleet: &'static str,
    /// Hosts of zone `b`, and whether they are healthy.
    there: (usize, bool),
    /// What the cluster says about balancing.
    policy: Value,
    /// Percent of requests that hosts of zone `a` answer; none when all fail.
    stay: Option<usize>,
    /// Which of [`COUNTERS`] rise with requests.
    counters: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let case = |name, policy, stay, counters| Case {
        name,
        fleet: "ab",
        there: (4, true),
        policy,
        stay,
        counters,
    };
    let random = json!({ "load_balancing_policy": { "policies": [{ "typed_extension_config": {
        "name": "random",
        "typed_config": { "@type": format!("{EXTENSIONS}.random.v3.Random") },
    } }] } });
    let old = |zones: Value| json!({ "common_lb_config": { "zone_aware_lb_config": zones } });
    let fail = json!({ "fail_traffic_on_panic": true });
    let force = json!({ "force_local_zone": {} });
    let zones = |zones| round_robin(&json!({ "zone_aware_lb_config": zones }));
    vec![
        case(
            "a third of the hosts, half of the fleet",
            zones(json!({})),
            Some(67),
            SHARED,
        ),
        case("by default", json!({}), Some(67), SHARED),
        case("older field", old(json!({})), Some(67), SHARED),
        case("random", random, Some(67), SHARED),
        case("forced", zones(force.clone()), Some(100), DIRECT),
        case(
            "forced, with too few hosts here",
            zones(json!({ "force_local_zone": { "min_size": 3 } })),
            Some(67),
            SHARED,
        ),
        case(
            "forced in the older way",
            zones(json!({ "force_locality_direct_routing": true })),
            Some(100),
            DIRECT,
        ),
        case(
            "for some requests",
            zones(json!({ "routing_enabled": { "value": 30 } })),
            Some(55),
            SHARED,
        ),
        case(
            "for no request",
            zones(json!({ "routing_enabled": { "value": 0 } })),
            Some(50),
            &[],
        ),
        case(
            "by weight",
            zones(json!({ "locality_basis": "HEALTHY_HOSTS_WEIGHT" })),
            Some(100),
            DIRECT,
        ),
        case(
            "by the weights of localities",
            round_robin(&json!({ "locality_weighted_lb_config": {} })),
            Some(50),
            &[],
        ),
        Case {
            there: (2, true),
            ..case("few hosts", zones(json!({})), Some(67), &[])
        },
        Case {
            there: (2, true),
            ..case(
                "few hosts are enough",
                zones(json!({ "min_cluster_size": 4 })),
                Some(100),
                DIRECT,
            )
        },
        Case {
            there: (4, false),
            ..case("panic", zones(json!({})), Some(50), PANIC)
        },
        Case {
            there: (4, false),
            ..case("failing in panic", zones(fail.clone()), None, PANIC)
        },
        Case {
            fleet: "a",
            ..case("a fleet in one zone", zones(json!({})), Some(50), &[])
        },
        Case {
            fleet: "a",
            ..case(
                "forced, a fleet in one zone",
                zones(force),
                Some(100),
                DIRECT,
            )
        },
        Case {
            fleet: "abcc",
            ..case(
                "a fleet with more zones",
                zones(json!({})),
                Some(100),
                DIRECT,
            )
        },
        Case {
            fleet: "bc",
            ..case("a fleet elsewhere", zones(json!({})), Some(50), &[])
        },
        Case {
            fleet: "aBB",
            ..case("a fleet in panic", zones(json!({})), Some(50), NOT_OK)
        },
        Case {
            fleet: "aBB",
            ..case("failing with the fleet", zones(fail), None, NOT_OK)
        },
    ]
}

/// A policy in the newer form.
fn round_robin(locality: &Value) -> Value {
    json!({ "load_balancing_policy": { "policies": [{ "typed_extension_config": {
        "name": "round_robin",
        "typed_config": {
            "@type": format!("{EXTENSIONS}.round_robin.v3.RoundRobin"),
            "locality_lb_config": locality,
        },
    } }] } })
}

/// The clusters of a case.
fn clusters(case: &Case, upstreams: &[Upstream]) -> [Value; 2] {
    let host = |address: SocketAddr, healthy: bool, weight: u32| {
        json!({
            "endpoint": { "address": { "socket_address": {
                "address": address.ip().to_string(),
                "port_value": address.port(),
            } } },
            "health_status": if healthy { "HEALTHY" } else { "UNHEALTHY" },
            "load_balancing_weight": weight,
        })
    };
    let group = |zone: &str, hosts: Vec<Value>| {
        json!({
            "locality": { "zone": zone },
            "load_balancing_weight": 1,
            "lb_endpoints": hosts,
        })
    };
    let cluster = |name: &str, groups: Vec<Value>| {
        json!({
            "name": name,
            "type": "STATIC",
            "connect_timeout": "5s",
            "load_assignment": { "cluster_name": name, "endpoints": groups },
        })
    };
    let siblings = case.fleet.chars().enumerate().map(|(at, zone)| {
        let address = SocketAddr::from(([127, 9, 0, 1], 1 + u16::try_from(at).unwrap()));
        let hosts = vec![host(address, zone.is_lowercase(), 1)];
        group(&zone.to_lowercase().to_string(), hosts)
    });
    let (here, there) = upstreams.split_at(2);
    let hosts = |of: &[Upstream], healthy, weight| {
        of.iter()
            .map(|one| host(one.address, healthy, weight))
            .collect()
    };
    let (count, healthy) = case.there;
    let groups = vec![
        group("a", hosts(here, true, 2)),
        group("b", hosts(&there[..count], healthy, 1)),
    ];
    let mut c = cluster("c", groups);
    for (field, value) in case.policy.as_object().unwrap() {
        c[field] = value.clone();
    }
    [cluster("fleet", siblings.collect()), c]
}

fn resources(case: &Case, upstreams: &[Upstream]) -> Resources {
    let mut resources = Resources::simple(&[]);
    resources.endpoints.clear();
    let of_json = |cluster: Value| json::from_str::<Cluster>(&cluster.to_string()).unwrap();
    resources.clusters = clusters(case, upstreams).map(of_json).into();
    resources
}

fn in_zone_a(options: &mut Options) {
    options.zone = Some(LocalZone {
        locality: Locality {
            zone: "a".to_owned(),
            ..Locality::default()
        },
        local_cluster_name: "fleet".to_owned(),
    });
}

fn upstreams() -> Vec<Upstream> {
    let letter = |letter: char| {
        Upstream::start(move |exchange| {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{letter}");
            std::io::Write::write_all(exchange.stream, text.as_bytes()).is_ok()
        })
    };
    "ABCDEF".chars().map(letter).collect()
}

/// The share of requests that stay, and the counters that rise with them.
fn observe(
    client: &mut Client,
    counter: impl Fn(&str) -> i64,
) -> (Option<usize>, BTreeSet<&'static str>) {
    // Some counters rise when the cluster is first used.
    client.get("/");
    let before = COUNTERS.map(&counter);
    let mut stayed = Some(0);
    for _ in 0..REQUESTS {
        let response = client.get("/");
        stayed = match response.status() {
            200 => stayed.map(|count| count + usize::from(matches!(response.text(), "A" | "B"))),
            _ => None,
        };
    }
    let risen = COUNTERS.into_iter().zip(before);
    let risen = risen.filter(|(name, before)| counter(name) > *before);
    let share = stayed.map(|count| count * 100 / REQUESTS);
    (share, risen.map(|(name, _)| name).collect())
}

fn check(case: &Case, who: &str, seen: &(Option<usize>, BTreeSet<&'static str>)) {
    let share = match (case.stay, seen.0) {
        (Some(wanted), Some(share)) => wanted.abs_diff(share) <= 10,
        (wanted, share) => wanted == share,
    };
    let counters: BTreeSet<&str> = case.counters.iter().copied().collect();
    assert!(
        share && counters == seen.1,
        "{who}, {}: {:?} and {:?} were wanted, {seen:?} was seen",
        case.name,
        case.stay,
        case.counters
    );
}

/// Row 59. As far as it is about panic.
#[test]
fn requests_stay_in_their_zone_as_far_as_is_fair() {
    let upstreams = upstreams();
    for case in cases() {
        let gateway = Gateway::with(&resources(&case, &upstreams), in_zone_a);
        let counter = |name: &str| gateway.stat(&format!("cluster.c.{name}"));
        let seen = observe(&mut gateway.client(), counter);
        check(&case, "ours", &seen);
    }
}

#[test]
fn envoy_keeps_requests_in_their_zone_as_we_do() {
    let Some(binary) = sluicegate_testkit::envoy_binary() else {
        return;
    };
    let upstreams = upstreams();
    let route = json!({ "match": { "prefix": "/" }, "route": { "cluster": "c" } });
    for case in cases() {
        let clusters = clusters(&case, &upstreams);
        let envoy = Envoy::in_zone_a(&binary, &clusters, std::slice::from_ref(&route));
        let counter = |name: &str| {
            let page = envoy.admin(&format!("/stats?filter=cluster.c.{name}$"));
            let line = page.lines().find(|line| line.starts_with("cluster.c."));
            let value = line.and_then(|line| line.rsplit(' ').next());
            value.map_or(0, |value| value.parse().unwrap())
        };
        let seen = observe(&mut envoy.client(), counter);
        check(&case, "Envoy", &seen);
    }
}

#[test]
fn changes_of_the_local_cluster_count_at_once() {
    let upstreams = upstreams();
    let third = |fleet| Case {
        fleet,
        ..cases().swap_remove(0)
    };
    let gateway = Gateway::with(&resources(&third("abb"), &upstreams), in_zone_a);
    let direct = |gateway: &Gateway| gateway.stat("cluster.c.lb_zone_routing_all_directly");
    let mut client = gateway.client();
    client.get("/");
    // A third of the fleet and of the hosts are here.
    gateway.expect("cluster.c.lb_zone_routing_all_directly", 1);
    gateway.publish(&resources(&third("ab"), &upstreams));
    client.get("/");
    assert_eq!(direct(&gateway), 1);
    gateway.publish(&resources(&third("abc"), &upstreams));
    client.get("/");
    gateway.expect("cluster.c.lb_zone_routing_all_directly", 2);
}

const EXTENSIONS: &str = "type.googleapis.com/envoy.extensions.load_balancing_policies";
const COUNTERS: [&str; 6] = [
    "lb_healthy_panic",
    "lb_local_cluster_not_ok",
    "lb_zone_no_capacity_left",
    "lb_zone_routing_all_directly",
    "lb_zone_routing_cross_zone",
    "lb_zone_routing_sampled",
];
const SHARED: &[&str] = &["lb_zone_routing_cross_zone", "lb_zone_routing_sampled"];
const DIRECT: &[&str] = &["lb_zone_routing_all_directly"];
const PANIC: &[&str] = &["lb_healthy_panic"];
const NOT_OK: &[&str] = &["lb_local_cluster_not_ok"];
/// Of each case.
const REQUESTS: usize = 400;
