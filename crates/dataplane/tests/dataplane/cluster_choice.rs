// SPDX-License-Identifier: Apache-2.0
//! Routes whose cluster the request decides.

use std::collections::HashSet;

use sluicegate_xds::pb::{
    envoy::config::route::v3::{
        RouteAction, WeightedCluster,
        route_action::{
            ClusterSpecifier, HashPolicy,
            hash_policy::{Header, PolicySpecifier},
        },
        weighted_cluster::{ClusterWeight, RandomValueSpecifier},
    },
    google::protobuf::BoolValue,
};

use crate::support::{Gateway, Upstream, gateway::Resources, tcp, xds};

/// Clusters `c` and `d`, which answer `one` and `two`.
fn gateway(change: impl FnOnce(&mut RouteAction)) -> (Gateway, [Upstream; 2]) {
    let upstreams = [
        Upstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"),
        Upstream::answering("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"),
    ];
    let mut resources = Resources::simple(&[upstreams[0].address]);
    tcp::also(&mut resources, "d", &[upstreams[1].address]);
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", change)])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    (gateway, upstreams)
}

fn weighted(by: RandomValueSpecifier) -> ClusterSpecifier {
    let weigh = |name: &str, weight| ClusterWeight {
        name: name.to_owned(),
        weight: xds::number(weight),
        ..ClusterWeight::default()
    };
    ClusterSpecifier::WeightedClusters(WeightedCluster {
        clusters: vec![weigh("c", 30), weigh("d", 70)],
        random_value_specifier: Some(by),
        ..WeightedCluster::default()
    })
}

fn ask(gateway: &Gateway, field: &str) -> (u16, String) {
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n");
    let response = gateway.client().ask(request);
    (response.status(), response.text().to_owned())
}

#[test]
fn a_header_names_the_cluster() {
    let (gateway, _upstreams) = gateway(|action| {
        action.cluster_specifier = Some(ClusterSpecifier::ClusterHeader("x-to".to_owned()));
    });
    for (field, answer) in [
        ("x-to: c\r\n", (200, "one")),
        ("X-To: d\r\n", (200, "two")),
        ("x-to: e\r\n", (503, "")),
        ("x-to: \r\n", (503, "")),
        ("", (503, "")),
    ] {
        let (status, text) = ask(&gateway, field);
        assert_eq!((status, &*text), answer, "{field}");
    }
    gateway.expect("http.test.no_cluster", 3);
}

#[test]
fn a_header_has_the_number_that_chance_would_draw() {
    let (gateway, _upstreams) = gateway(|action| {
        let by = RandomValueSpecifier::HeaderName("x-number".to_owned());
        action.cluster_specifier = Some(weighted(by));
    });
    for (number, answer) in [
        ("0", "one"),
        ("29", "one"),
        ("30", "two"),
        ("99", "two"),
        ("100", "one"),
        ("1000000000030", "two"),
    ] {
        let field = format!("x-number: {number}\r\n");
        for _ in 0..3 {
            assert_eq!(ask(&gateway, &field), (200, answer.to_owned()), "{number}");
        }
    }
    // Without a number, chance draws. Missed once in ten millions.
    let drawn: HashSet<String> = (0..45)
        .map(|_| ask(&gateway, "x-number: many\r\n").1)
        .collect();
    assert_eq!(drawn.len(), 2);
}

#[test]
fn a_hash_stays_with_its_cluster() {
    let (gateway, _upstreams) = gateway(|action| {
        let on = BoolValue { value: true };
        action.cluster_specifier = Some(weighted(RandomValueSpecifier::UseHashPolicy(on)));
        action.hash_policy = vec![HashPolicy {
            policy_specifier: Some(PolicySpecifier::Header(Header {
                header_name: "x-user".to_owned(),
                ..Header::default()
            })),
            ..HashPolicy::default()
        }];
    });
    let answers: Vec<String> = (0..20)
        .map(|user| {
            let field = format!("x-user: {user}\r\n");
            let answer = ask(&gateway, &field).1;
            for _ in 0..3 {
                assert_eq!(ask(&gateway, &field).1, answer, "{user}");
            }
            answer
        })
        .collect();
    // As Envoy shares the same users out.
    let ones = answers.iter().filter(|answer| *answer == "one").count();
    assert!((1..20).contains(&ones), "{answers:?}");
}
