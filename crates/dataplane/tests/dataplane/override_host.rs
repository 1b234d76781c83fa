// SPDX-License-Identifier: Apache-2.0
//! `override_host`: a request may name its host itself.

use std::net::SocketAddr;

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::{LoadBalancingPolicy, load_balancing_policy::Policy},
            core::v3::{HealthStatus, TypedExtensionConfig},
            route::v3::route_action::RequestMirrorPolicy,
        },
        extensions::load_balancing_policies::{
            override_host::v3::{OverrideHost, override_host::OverrideHostSource},
            round_robin::v3::RoundRobin,
        },
    },
    prost::{Message, Name},
};

use crate::{
    retries,
    support::{
        Gateway, Upstream,
        gateway::{Resources, eventually},
        script::nobody,
        xds,
    },
};

fn policies<M: Message + Name>(name: &str, config: &M) -> Option<LoadBalancingPolicy> {
    Some(LoadBalancingPolicy {
        policies: vec![Policy {
            typed_extension_config: Some(TypedExtensionConfig {
                name: format!("envoy.load_balancing_policies.{name}"),
                typed_config: Some(any::pack(config)),
            }),
        }],
    })
}

/// Hosts that all fail, with `x-first` and `x-second` as sources.
fn failing(retries: u32) -> ([Upstream; 3], Gateway) {
    const FAILED: &str = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    let upstreams = [(); 3].map(|()| Upstream::answering(FAILED));
    let addresses: Vec<SocketAddr> = upstreams.iter().map(|it| it.address).collect();
    let mut resources = Resources::simple(&addresses);
    let source = |name: &str| OverrideHostSource {
        header: name.to_owned(),
        ..OverrideHostSource::default()
    };
    let config = OverrideHost {
        override_host_sources: ["x-first", "X-Second"].map(source).to_vec(),
        fallback_policy: policies("round_robin", &RoundRobin::default()),
        ..OverrideHost::default()
    };
    resources.clusters[0].load_balancing_policy = policies("override_host", &config);
    // The health of a host that is named does not count.
    resources.endpoints[0].endpoints[0].lb_endpoints[2].health_status =
        HealthStatus::Unhealthy as i32;
    let policy = retries::policy("5xx", |policy| policy.num_retries = xds::number(retries));
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy);
    })])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    (upstreams, gateway)
}

/// How many requests each host has got since the last time.
fn counts(upstreams: &[Upstream; 3]) -> [usize; 3] {
    [0, 1, 2].map(|at| {
        let mut heads = upstreams[at].heads.lock().unwrap();
        heads.drain(..).count()
    })
}

#[test]
fn a_request_goes_where_a_header_says() {
    let (upstreams, gateway) = failing(0);
    let [a, b, c] = [0, 1, 2].map(|at| upstreams[at].address.to_string());
    let other = nobody().to_string();
    let mut client = gateway.client();
    for (fields, wanted) in [
        (format!("x-first: {a}"), [4, 0, 0]),
        (format!("X-First: {c}"), [0, 0, 4]),
        (format!("x-second: {b}"), [0, 4, 0]),
        (format!("x-second: {b}\r\nx-first: {a}"), [4, 0, 0]),
        (format!("x-first: {a}\r\nx-first: {b}"), [4, 0, 0]),
        (format!("x-first: {other},{b}"), [0, 4, 0]),
        (format!("x-first: nonsense, {b}"), [0, 4, 0]),
        (format!("x-first: nonsense\r\nx-second: {b}"), [0, 4, 0]),
        (format!("x-first: {other}\r\nx-second: {b}"), [0, 4, 0]),
        (format!("x-first: {other}"), [2, 2, 0]),
        ("x-first: nonsense".to_owned(), [2, 2, 0]),
        ("x-third: nonsense".to_owned(), [2, 2, 0]),
    ] {
        for _ in 0..4 {
            let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
            assert_eq!(client.ask(&request).status(), 503);
        }
        assert_eq!(counts(&upstreams), wanted, "{fields}");
    }
}

#[test]
fn each_attempt_takes_the_next_host() {
    let (upstreams, gateway) = failing(2);
    let [a, b, c] = [0, 1, 2].map(|at| upstreams[at].address.to_string());
    let mut client = gateway.client();
    for (fields, wanted) in [
        (format!("x-first: {a},{b},{c}"), [1, 1, 1]),
        (format!("x-first: {c}\r\nx-second: {c},{c}"), [0, 0, 3]),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(client.ask(&request).status(), 503);
        assert_eq!(counts(&upstreams), wanted, "{fields}");
    }
    // Then the balancer chooses.
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nx-first: {c}\r\n\r\n");
    assert_eq!(client.ask(&request).status(), 503);
    assert_eq!(counts(&upstreams), [1, 1, 1]);
}

#[test]
fn a_mirrored_request_goes_where_its_header_says() {
    let main = Upstream::ok();
    let shadows = [(); 3].map(|()| Upstream::ok());
    let addresses: Vec<SocketAddr> = shadows.iter().map(|it| it.address).collect();
    let config = OverrideHost {
        override_host_sources: vec![OverrideHostSource {
            header: "x-first".to_owned(),
            ..OverrideHostSource::default()
        }],
        fallback_policy: policies("round_robin", &RoundRobin::default()),
        ..OverrideHost::default()
    };
    let mut resources = Resources::simple(&[main.address]);
    resources.clusters.push(xds::cluster("m", |cluster| {
        cluster.load_balancing_policy = policies("override_host", &config);
    }));
    resources.endpoints.push(xds::endpoints("m", &addresses));
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.request_mirror_policies = vec![RequestMirrorPolicy {
            cluster: "m".to_owned(),
            ..RequestMirrorPolicy::default()
        }];
    })])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    let mut client = gateway.client();
    let named = shadows[1].address;
    for sent in 1..=4 {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nx-first: {named}\r\n\r\n");
        assert_eq!(client.ask(&request).status(), 200);
        let arrived = || shadows.iter().map(Upstream::count).sum::<usize>() == sent;
        eventually("the copy arrives", arrived);
    }
    assert_eq!(counts(&shadows), [0, 4, 0]);
}
