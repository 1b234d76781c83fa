// SPDX-License-Identifier: Apache-2.0
//! Limits on client connections.

use std::{
    io::{ErrorKind, Read},
    time::{Duration, Instant},
};

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::listener::v3::{Filter, Listener, filter::ConfigType},
        extensions::filters::network::connection_limit::v3::ConnectionLimit,
    },
    pb::google::protobuf::UInt64Value,
};

use sluicegate_testkit::free_address;

use crate::support::{
    Client, Gateway, Upstream,
    gateway::{Resources, eventually},
    xds,
};

fn limited(connections: u64, delay: Option<f64>) -> Listener {
    let mut listener = xds::listener(|_| {});
    let filter = ConnectionLimit {
        stat_prefix: "few".to_owned(),
        max_connections: Some(UInt64Value { value: connections }),
        delay: delay.and_then(xds::seconds),
        runtime_enabled: None,
    };
    let filter = Filter {
        name: "envoy.filters.network.connection_limit".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(&filter))),
    };
    listener.filter_chains[0].filters.insert(0, filter);
    listener
}

fn gateway(upstream: &Upstream, listener: Listener) -> Gateway {
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners = vec![listener];
    Gateway::with(&resources, |options| options.workers = 2)
}

/// Row 72.
#[test]
fn one_connection_too_many_is_closed_at_once() {
    let upstream = Upstream::ok();
    let gateway = gateway(&upstream, limited(2, None));
    let (mut first, mut second) = (gateway.client(), gateway.client());
    assert_eq!(first.get("/").status(), 200);
    assert_eq!(second.get("/").status(), 200);
    let mut third = gateway.client();
    assert!(third.closed());
    gateway.expect("connection_limit.few.limited_connections", 1);
    gateway.expect("connection_limit.few.active_connections", 2);
    assert_eq!(first.get("/").status(), 200);
    drop(first);
    gateway.expect("connection_limit.few.active_connections", 1);
    assert_eq!(gateway.client().get("/").status(), 200);
}

/// Row 72.
#[test]
fn one_connection_too_many_is_closed_after_the_delay() {
    let upstream = Upstream::ok();
    let gateway = gateway(&upstream, limited(1, Some(0.6)));
    let mut first = gateway.client();
    assert_eq!(first.get("/").status(), 200);
    let begun = Instant::now();
    let mut second = gateway.client();
    second.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut rest = Vec::new();
    let ended = second.stream.read_to_end(&mut rest);
    // What it sent was read, so that the connection ends in order, and without a word.
    assert_eq!(ended.map_err(|error| error.kind()), Ok::<_, ErrorKind>(0));
    assert!(begun.elapsed() >= Duration::from_millis(590));
    gateway.expect("connection_limit.few.limited_connections", 1);
    gateway.expect("connection_limit.few.active_connections", 1);
    assert_eq!(first.get("/").status(), 200);
}

#[test]
fn connections_are_limited_over_all_listeners() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    let exempt = free_address();
    let mut other = xds::listener(|_| {});
    other.name = "exempt".to_owned();
    other.address = xds::address(exempt);
    other.ignore_global_conn_limit = true;
    resources.listeners.push(other);
    let gateway = Gateway::with(&resources, |options| {
        options.workers = 2;
        options.max_connections = Some(3);
    });
    let addresses = gateway.addresses();
    let (_, limited) = addresses.iter().find(|(_, at)| *at != exempt).unwrap();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(*limited)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").status(), 200);
    }
    assert!(Client::connect(*limited).closed());
    let name = limited.to_string().replace(':', "_");
    gateway.expect(&format!("listener.{name}.downstream_global_cx_overflow"), 1);
    assert_eq!(Client::connect(exempt).get("/").status(), 200);
    clients.pop();
    eventually("there is room again", || {
        gateway.stat(&format!("listener.{name}.downstream_cx_active")) == 2
    });
    assert_eq!(Client::connect(*limited).get("/").status(), 200);
}

#[test]
fn a_limit_of_no_connections_is_refused() {
    let gateway = gateway(&Upstream::ok(), limited(0, None));
    gateway.assert_refused("listener~80", "max_connections");
}

#[test]
fn a_network_filter_that_nobody_knows_is_refused() {
    let upstream = Upstream::ok();
    let mut resources = Resources::simple(&[upstream.address]);
    resources.listeners[0].filter_chains[0].filters.insert(
        0,
        Filter {
            name: "envoy.filters.network.rbac".to_owned(),
            config_type: Some(ConfigType::TypedConfig(Default::default())),
        },
    );
    let gateway = Gateway::start(&resources);
    gateway.assert_refused("listener~80", "network.rbac");
}
