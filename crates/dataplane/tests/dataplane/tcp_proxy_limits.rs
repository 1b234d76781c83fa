// SPDX-License-Identifier: Apache-2.0
//! What ends a proxied connection, or keeps it from beginning.

use std::{
    io::{ErrorKind, Read},
    time::{Duration, Instant},
};

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::cluster::v3::OutlierDetection,
            config::listener::v3::{Filter, filter::ConfigType},
            extensions::filters::network::connection_limit::v3::ConnectionLimit,
        },
        google::protobuf::UInt64Value,
    },
};

use sluicegate_testkit::free_address;

use crate::support::{
    Client, Gateway,
    gateway::eventually,
    tcp::{self, Server},
    xds,
};

fn echoes(client: &mut Client, word: &str) {
    client.send(word);
    let mut piece = vec![0; word.len()];
    client.stream.read_exact(&mut piece).unwrap();
    assert_eq!(piece, word.to_ascii_uppercase().as_bytes());
}

#[test]
fn a_connection_without_bytes_is_closed() {
    let server = Server::shouting();
    let gateway = Gateway::start(&tcp::resources(&[server.address], |proxy| {
        proxy.idle_timeout = xds::seconds(0.6);
    }));
    let mut client = gateway.client();
    for _ in 0..4 {
        echoes(&mut client, "a");
        std::thread::sleep(Duration::from_millis(250));
    }
    gateway.expect("tcp.t.idle_timeout", 0);
    assert!(client.closed());
    gateway.expect("tcp.t.idle_timeout", 1);
    gateway.expect("cluster.c.upstream_cx_active", 0);
}

#[test]
fn a_connection_that_lasts_too_long_is_closed() {
    let server = Server::shouting();
    let gateway = Gateway::start(&tcp::resources(&[server.address], |proxy| {
        proxy.max_downstream_connection_duration = xds::seconds(0.5);
    }));
    let begun = Instant::now();
    let mut client = gateway.client();
    echoes(&mut client, "a");
    assert!(client.closed());
    assert!(begun.elapsed() >= Duration::from_millis(480));
    gateway.expect("tcp.t.max_downstream_connection_duration", 1);
}

/// Nobody waits for a connection: none of them comes free.
#[test]
fn connections_to_a_cluster_are_limited() {
    let server = Server::shouting();
    let mut resources = tcp::resources(&[server.address], |_| {});
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_connections = xds::number(1);
    });
    let gateway = Gateway::start(&resources);
    let mut first = gateway.client();
    echoes(&mut first, "a");
    assert!(gateway.client().closed());
    gateway.expect("cluster.c.upstream_cx_overflow", 1);
    gateway.expect("cluster.c.upstream_cx_total", 1);
    gateway.expect("cluster.c.circuit_breakers.default.cx_open", 1);
    echoes(&mut first, "b");
    drop(first);
    gateway.expect("cluster.c.circuit_breakers.default.cx_open", 0);
    echoes(&mut gateway.client(), "c");
}

/// As Envoy has it: requests are limited and connections are none, and one that has to be made waits.
#[test]
fn limits_of_requests_do_not_concern_connections_and_those_of_waiting_ones_do() {
    let server = Server::shouting();
    let mut resources = tcp::resources(&[server.address], |_| {});
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_requests = xds::number(0);
        limits.max_connection_pools = xds::number(0);
    });
    let gateway = Gateway::start(&resources);
    echoes(&mut gateway.client(), "a");
    resources.clusters[0].circuit_breakers = xds::limits(|limits| {
        limits.max_pending_requests = xds::number(0);
    });
    let gateway = Gateway::start(&resources);
    assert!(gateway.client().closed());
    gateway.expect("cluster.c.upstream_rq_pending_overflow", 1);
}

#[test]
fn connections_to_a_chain_are_limited() {
    let server = Server::shouting();
    let mut resources = tcp::resources(&[server.address], |_| {});
    let limit = ConnectionLimit {
        stat_prefix: "few".to_owned(),
        max_connections: Some(UInt64Value { value: 1 }),
        delay: xds::seconds(0.5),
        runtime_enabled: None,
    };
    resources.listeners[0].filter_chains[0].filters.insert(
        0,
        Filter {
            name: "envoy.filters.network.connection_limit".to_owned(),
            config_type: Some(ConfigType::TypedConfig(any::pack(&limit))),
        },
    );
    let gateway = Gateway::start(&resources);
    let mut first = gateway.client();
    echoes(&mut first, "a");
    let begun = Instant::now();
    let mut second = gateway.client();
    second.send("b");
    let mut rest = Vec::new();
    let ended = second.stream.read_to_end(&mut rest);
    // Nobody has read what it sent.
    let ended = ended.map_err(|error| error.kind());
    assert_eq!(ended, Err(ErrorKind::ConnectionReset));
    assert!(begun.elapsed() >= Duration::from_millis(480));
    gateway.expect("connection_limit.few.limited_connections", 1);
    gateway.expect("connection_limit.few.active_connections", 1);
    assert_eq!(server.connections(), 1);
    echoes(&mut first, "b");
}

/// A host that takes no connections is ejected by them.
#[test]
fn connections_that_fail_count_for_outlier_detection() {
    let gone = free_address();
    let server = Server::shouting();
    let mut resources = tcp::resources(&[server.address, gone], |_| {});
    resources.clusters[0].outlier_detection = Some(OutlierDetection {
        consecutive_5xx: xds::number(2),
        max_ejection_percent: xds::number(50),
        base_ejection_time: xds::seconds(60.0),
        ..OutlierDetection::default()
    });
    let gateway = Gateway::start(&resources);
    eventually("the host is ejected", || {
        let mut client = gateway.client();
        client.send("x");
        let _ = client.stream.read(&mut [0]);
        gateway.stat("cluster.c.outlier_detection.ejections_active") == 1
    });
    for _ in 0..4 {
        echoes(&mut gateway.client(), "a");
    }
}

/// Connections of a listener that is replaced live until the drain time is over.
#[test]
fn a_replaced_listener_closes_after_the_drain_time() {
    let server = Server::shouting();
    let mut resources = tcp::resources(&[server.address], |_| {});
    let gateway = Gateway::with(&resources, |options| {
        options.drain_time = Duration::from_secs(2);
    });
    let mut client = gateway.client();
    echoes(&mut client, "a");
    let begun = Instant::now();
    resources.listeners[0].filter_chains = vec![tcp::chain(
        &[],
        tcp::proxy("c", |proxy| proxy.idle_timeout = xds::seconds(77.0)),
    )];
    gateway.publish(&resources);
    echoes(&mut client, "b");
    assert!(client.closed());
    assert!(begun.elapsed() >= Duration::from_millis(1900));
    echoes(&mut gateway.client(), "c");
}
