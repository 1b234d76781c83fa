// SPDX-License-Identifier: Apache-2.0
//! Which host a request goes to: policies, hashes, weights, localities, panic.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    Cluster, LoadBalancingPolicy,
                    cluster::{
                        CommonLbConfig, LbPolicy, common_lb_config::LocalityConfigSpecifier,
                        common_lb_config::LocalityWeightedLbConfig,
                    },
                    load_balancing_policy::Policy,
                },
                core::v3::{HealthStatus, Locality, TypedExtensionConfig},
                endpoint::v3::LocalityLbEndpoints,
                route::v3::{
                    RouteAction,
                    route_action::{
                        HashPolicy,
                        hash_policy::{Cookie, CookieAttribute, Header, PolicySpecifier},
                    },
                },
            },
            extensions::load_balancing_policies::{
                common::v3::SlowStartConfig, least_request::v3::LeastRequest,
                round_robin::v3::RoundRobin,
            },
            r#type::v3::Percent,
        },
        google::protobuf,
    },
    prost::{Message, Name},
};

use crate::support::{
    Client, Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

/// Upstreams that answer with the letter of their position, or wait first if asked for `/slow`.
fn letters(count: usize) -> Vec<Upstream> {
    (0..count)
        .map(|at| {
            let letter = char::from(b'A' + u8::try_from(at).unwrap());
            Upstream::start(move |exchange| {
                use std::io::Write;
                if exchange.head.starts_with("GET /slow") {
                    std::thread::sleep(Duration::from_millis(1500));
                }
                let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{letter}");
                exchange.stream.write_all(text.as_bytes()).is_ok()
            })
        })
        .collect()
}

fn addresses(upstreams: &[Upstream]) -> Vec<SocketAddr> {
    upstreams.iter().map(|one| one.address).collect()
}

fn resources(
    upstreams: &[Upstream],
    cluster: impl FnOnce(&mut Cluster),
    route: impl FnOnce(&mut RouteAction),
) -> Resources {
    let mut resources = Resources::simple(&addresses(upstreams));
    cluster(&mut resources.clusters[0]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", route)])];
    resources
}

/// How often each letter answers.
fn answers(client: &mut Client, count: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..count {
        *counts.entry(client.get("/").text().to_owned()).or_default() += 1;
    }
    counts
}

fn policy<M: Message + Name>(config: &M) -> Option<LoadBalancingPolicy> {
    Some(LoadBalancingPolicy {
        policies: vec![Policy {
            typed_extension_config: Some(TypedExtensionConfig {
                name: "policy".to_owned(),
                typed_config: Some(any::pack(config)),
            }),
        }],
    })
}

fn header_policy(name: &str) -> HashPolicy {
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::Header(Header {
            header_name: name.to_owned(),
            ..Header::default()
        })),
        ..HashPolicy::default()
    }
}

fn cookie_policy(ttl: f64, path: &str, attributes: &[(&str, &str)]) -> HashPolicy {
    let attribute = |(name, value): &(&str, &str)| CookieAttribute {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    HashPolicy {
        policy_specifier: Some(PolicySpecifier::Cookie(Cookie {
            name: "sess".to_owned(),
            ttl: xds::seconds(ttl),
            path: path.to_owned(),
            attributes: attributes.iter().map(attribute).collect(),
        })),
        ..HashPolicy::default()
    }
}

/// Row 54.
#[test]
fn ring_hash_and_maglev_stick_to_a_header() {
    let upstreams = letters(3);
    for lb in [LbPolicy::RingHash, LbPolicy::Maglev] {
        let resources = resources(
            &upstreams,
            |cluster| cluster.lb_policy = lb as i32,
            |route| route.hash_policy = vec![header_policy("x-user")],
        );
        let gateway = Gateway::with(&resources, |options| options.workers = 2);
        let mut seen = BTreeMap::new();
        for round in 0..2 {
            for user in 0..24 {
                let request = format!("GET / HTTP/1.1\r\nHost: t\r\nX-User: u{user}\r\n\r\n");
                let letter = gateway.client().ask(request).text().to_owned();
                let first = seen.entry(user).or_insert_with(|| letter.clone());
                assert_eq!(*first, letter, "round {round}");
            }
        }
        let hosts: std::collections::BTreeSet<_> = seen.values().collect();
        assert!(hosts.len() > 1, "{seen:?}");
        // Without the header any host will do.
        assert!(answers(&mut gateway.client(), 60).len() > 1);
        if lb == LbPolicy::RingHash {
            gateway.expect("cluster.c.ring_hash_lb.size", 1026);
            gateway.expect("cluster.c.ring_hash_lb.max_hashes_per_host", 342);
        } else {
            gateway.expect("cluster.c.maglev_lb.max_entries_per_host", 21846);
        }
        gateway.assert_enforced();
    }
}

/// Row 56.
#[test]
fn a_generated_cookie_makes_a_client_stick() {
    let upstreams = letters(3);
    for (policy, wanted) in [
        (
            cookie_policy(3600.0, "/", &[]),
            "; Max-Age=3600; Path=/; HttpOnly",
        ),
        (cookie_policy(0.0, "", &[]), "; HttpOnly"),
        (
            cookie_policy(60.0, "/p", &[("SameSite", "Strict"), ("Secure", "")]),
            "; Max-Age=60; Path=/p; SameSite=Strict; Secure; HttpOnly",
        ),
    ] {
        let resources = resources(
            &upstreams,
            |cluster| cluster.lb_policy = LbPolicy::RingHash as i32,
            |route| route.hash_policy = vec![policy],
        );
        let gateway = Gateway::start(&resources);
        let first = gateway.client().get("/");
        let cookie = first.field("set-cookie").unwrap();
        let (pair, attributes) = cookie.split_at(cookie.find(';').unwrap());
        assert_eq!(attributes, wanted);
        let value = pair.strip_prefix("sess=\"").unwrap().trim_end_matches('"');
        assert_eq!(value.len(), 16, "{value}");
        assert!(value.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let names: Vec<&str> = first
            .lines()
            .into_iter()
            .filter_map(|line| line.split(':').next())
            .collect();
        let tail = ["x-envoy-upstream-service-time", "set-cookie", "date"];
        assert!(names.windows(3).any(|three| three == tail), "{names:?}");
        for _ in 0..8 {
            let request = format!("GET / HTTP/1.1\r\nHost: t\r\nCookie: a=b; {pair}\r\n\r\n");
            let again = gateway.client().ask(request);
            assert_eq!(again.text(), first.text());
            assert_eq!(again.field("set-cookie"), None);
        }
    }
}

/// Row 56. The cookie is made of what the client connected to, not of what was bound.
#[test]
fn a_generated_cookie_knows_both_ends_of_the_connection() {
    let upstreams = letters(2);
    let mut resources = resources(
        &upstreams,
        |cluster| cluster.lb_policy = LbPolicy::RingHash as i32,
        |route| route.hash_policy = vec![cookie_policy(0.0, "", &[])],
    );
    resources.listeners[0].address = xds::address("0.0.0.0:0".parse().unwrap());
    let gateway = Gateway::start(&resources);
    let listener = SocketAddr::from(([127, 0, 0, 2], gateway.address().port()));
    let mut client = Client::connect(listener);
    let ends = format!("{}{listener}", client.stream.local_addr().unwrap());
    let value = xxhash_rust::xxh64::xxh64(ends.as_bytes(), 0);
    let wanted = format!("sess=\"{value:016x}\"; HttpOnly");
    assert_eq!(client.get("/").field("set-cookie"), Some(&*wanted));
}

/// Row 58.
#[test]
fn least_request_prefers_idle_hosts() {
    let upstreams = letters(3);
    let full = LeastRequest {
        selection_method: 1,
        ..LeastRequest::default()
    };
    let resources = resources(
        &upstreams,
        |cluster| cluster.load_balancing_policy = policy(&full),
        |_| {},
    );
    let gateway = Gateway::start(&resources);
    let mut busy: Vec<Client> = (0..2).map(|_| gateway.client()).collect();
    for (at, client) in (1..).zip(&mut busy) {
        client.send("GET /slow HTTP/1.1\r\nHost: t\r\n\r\n");
        gateway.expect("cluster.c.upstream_rq_active", at);
    }
    let counts = answers(&mut gateway.client(), 24);
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [24]);
    for client in &mut busy {
        assert_eq!(client.response(false).status(), 200);
    }
}

/// Row 57.
#[test]
fn weights_count_for_turns_and_not_for_draws() {
    let upstreams = letters(2);
    let mut resources = resources(&upstreams, |_| {}, |_| {});
    let group = &mut resources.endpoints[0].endpoints[0];
    group.lb_endpoints[1].load_balancing_weight = xds::number(3);
    let gateway = Gateway::start(&resources);
    let counts = answers(&mut gateway.client(), 40);
    assert_eq!(counts, BTreeMap::from([("A".into(), 10), ("B".into(), 30)]));
    resources.clusters[0].lb_policy = LbPolicy::Random as i32;
    gateway.publish(&resources);
    let counts = answers(&mut gateway.client(), 200);
    assert!(counts["A"] > 60 && counts["B"] > 60, "{counts:?}");
}

/// Row 57.
#[test]
fn turns_repeat_with_the_sum_of_the_weights() {
    let upstreams = letters(3);
    let mut resources = resources(&upstreams, |_| {}, |_| {});
    let group = &mut resources.endpoints[0].endpoints[0];
    for (weight, endpoint) in (1..).zip(&mut group.lb_endpoints) {
        endpoint.load_balancing_weight = xds::number(weight);
    }
    let gateway = Gateway::start(&resources);
    let mut client = gateway.client();
    let turns: Vec<String> = (0..36).map(|_| client.get("/").text().to_owned()).collect();
    let of = |letter: &str| turns.iter().filter(|turn| *turn == letter).count();
    assert_eq!(["A", "B", "C"].map(of), [6, 12, 18]);
    assert_eq!(turns[6..], turns[..30]);
    // As seen on Envoy, which starts anywhere in it.
    let twice = turns[..12].concat();
    assert!(twice.contains("ABCCBC"), "{twice}");
}

/// Row 60.
///
/// Also guards that localities are told apart at all.
#[test]
fn locality_weights_share_the_load() {
    let upstreams = letters(3);
    let mut resources = resources(&upstreams, |_| {}, |_| {});
    let locality = |zone: &str, weight, of: &[Upstream]| LocalityLbEndpoints {
        locality: Some(Locality {
            zone: zone.to_owned(),
            ..Locality::default()
        }),
        load_balancing_weight: xds::number(weight),
        lb_endpoints: of.iter().map(|one| xds::endpoint(one.address)).collect(),
        ..LocalityLbEndpoints::default()
    };
    let groups = vec![
        locality("a", 3, &upstreams[..1]),
        locality("b", 1, &upstreams[1..]),
    ];
    resources.endpoints[0].endpoints = groups;
    let gateway = Gateway::start(&resources);
    // Without the setting, weights of localities do not count.
    assert_eq!(answers(&mut gateway.client(), 30)["A"], 10);
    resources.clusters[0].common_lb_config = Some(CommonLbConfig {
        locality_config_specifier: Some(LocalityConfigSpecifier::LocalityWeightedLbConfig(
            LocalityWeightedLbConfig {},
        )),
        ..CommonLbConfig::default()
    });
    gateway.publish(&resources);
    assert_eq!(answers(&mut gateway.client(), 40)["A"], 30);
}

/// Row 59.
#[test]
fn panic_uses_all_hosts_unless_the_threshold_forbids_it() {
    let upstreams = letters(3);
    let mut resources = resources(&upstreams, |_| {}, |_| {});
    for endpoint in &mut resources.endpoints[0].endpoints[0].lb_endpoints[..2] {
        endpoint.health_status = HealthStatus::Unhealthy as i32;
    }
    let gateway = Gateway::start(&resources);
    assert_eq!(answers(&mut gateway.client(), 30).len(), 3);
    gateway.expect("cluster.c.lb_healthy_panic", 30);
    resources.clusters[0].common_lb_config = Some(CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 0.0 }),
        ..CommonLbConfig::default()
    });
    gateway.publish(&resources);
    assert_eq!(answers(&mut gateway.client(), 30)["C"], 30);
    let group = &mut resources.endpoints[0].endpoints[0];
    group.lb_endpoints[2].health_status = HealthStatus::Unhealthy as i32;
    gateway.publish(&resources);
    let response = gateway.client().get("/");
    assert_eq!(
        (response.status(), response.text()),
        (503, "no healthy upstream")
    );
}

/// Row 61.
#[test]
fn slow_start_lets_the_share_of_a_new_host_grow() {
    let upstreams = letters(2);
    let slow = RoundRobin {
        slow_start_config: Some(SlowStartConfig {
            slow_start_window: Some(protobuf::Duration {
                seconds: 3,
                nanos: 0,
            }),
            ..SlowStartConfig::default()
        }),
        ..RoundRobin::default()
    };
    let mut resources = resources(
        &upstreams[..1],
        |cluster| cluster.load_balancing_policy = policy(&slow),
        |_| {},
    );
    let gateway = Gateway::start(&resources);
    assert_eq!(answers(&mut gateway.client(), 4).len(), 1);
    std::thread::sleep(Duration::from_millis(3100));
    resources.endpoints = vec![xds::endpoints("c", &addresses(&upstreams))];
    gateway.publish(&resources);
    let early = answers(&mut gateway.client(), 40);
    let early = early.get("B").copied().unwrap_or(0);
    assert!(early < 17, "{early}");
    eventually("the shares are even", || {
        answers(&mut gateway.client(), 40)
            .get("B")
            .is_some_and(|count| *count >= 19)
    });
}
