// SPDX-License-Identifier: Apache-2.0
//! `previous_priorities`: retries move on to other priorities.

use std::net::SocketAddr;

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::route::v3::retry_policy::{RetryPriority, retry_priority::ConfigType},
        extensions::retry::priority::previous_priorities::v3::PreviousPrioritiesConfig,
    },
};

use crate::{
    retries,
    support::{Gateway, Upstream, gateway::Resources, xds},
};

/// The attempts at one request that each host gets; each is a priority, and all fail.
fn attempts(priorities: usize, retries: u32, update_frequency: i32) -> Vec<usize> {
    const FAILED: &str = "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n";
    let upstreams: Vec<Upstream> = (0..priorities)
        .map(|_| Upstream::answering(FAILED))
        .collect();
    let addresses: Vec<SocketAddr> = upstreams.iter().map(|it| it.address).collect();
    let mut resources = Resources::simple(&addresses);
    let groups = &mut resources.endpoints[0].endpoints;
    let whole = groups.remove(0);
    for (priority, endpoint) in (0..).zip(&whole.lb_endpoints) {
        let mut group = whole.clone();
        group.priority = priority;
        group.lb_endpoints = vec![endpoint.clone()];
        groups.push(group);
    }
    let config = PreviousPrioritiesConfig { update_frequency };
    let policy = retries::policy("5xx", |policy| {
        policy.num_retries = xds::number(retries);
        policy.retry_priority = Some(RetryPriority {
            name: "envoy.retry_priorities.previous_priorities".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any::pack(&config))),
        });
    });
    resources.routes = vec![xds::routes(vec![xds::route("/", "c", |action| {
        action.retry_policy = Some(policy);
    })])];
    let gateway = Gateway::start(&resources);
    gateway.assert_enforced();
    assert_eq!(gateway.client().get("/").status(), 503);
    let heads = upstreams.iter().map(|it| it.heads.lock().unwrap().len());
    heads.collect()
}

#[test]
fn retries_move_on_to_priorities_that_were_not_tried() {
    for (priorities, retries, frequency, wanted) in [
        (3, 2, 1, vec![1, 1, 1]),
        (3, 2, 2, vec![2, 1, 0]),
        (3, 4, 2, vec![2, 2, 1]),
        // All were tried: from the beginning.
        (2, 2, 1, vec![2, 1]),
        (2, 3, 1, vec![2, 2]),
        (2, 4, 1, vec![3, 2]),
        (2, 1, 5, vec![2, 0]),
        (1, 2, 1, vec![3]),
    ] {
        let found = attempts(priorities, retries, frequency);
        assert_eq!(found, wanted, "{priorities} {retries} {frequency}");
    }
}
