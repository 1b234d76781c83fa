// SPDX-License-Identifier: Apache-2.0
//! One worker, one route with a policy, for measuring.
//!
//! `cargo run --release --example floor -- 127.0.0.1:8080 127.0.0.1:9000` proxies from the first
//! address to the second until it is killed. With a third argument it stops after that many
//! seconds, so that a profiler can finish.

use std::{collections::HashMap, env, net::SocketAddr, sync::Arc, thread, time::Duration};

use sluicegate_dataplane::{DataPlane, Options};
use sluicegate_snapshot::{Builder, Resource, ResourceType, Version, channel};
use sluicegate_stats::Registry;
use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    CircuitBreakers, Cluster,
                    circuit_breakers::Thresholds,
                    cluster::{ClusterDiscoveryType, DiscoveryType},
                },
                core::v3::{
                    Address, HttpProtocolOptions as Common, SocketAddress, address,
                    socket_address::PortSpecifier,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
                    lb_endpoint::HostIdentifier,
                },
                listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
                route::v3::{
                    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
                    route_action::ClusterSpecifier, route_match::PathSpecifier,
                },
            },
            extensions::{
                filters::network::http_connection_manager::v3::{
                    HttpConnectionManager, http_connection_manager::RouteSpecifier,
                },
                upstreams::http::v3::HttpProtocolOptions,
            },
        },
        google::protobuf::{BoolValue, Duration as ProtoDuration, UInt32Value},
    },
    prost::Message,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, upstream, rest @ ..] = arguments.as_slice() else {
        return Err("usage: floor <listen address> <upstream address> [seconds]".into());
    };
    let (publisher, snapshots) = channel();
    let options = Options {
        workers: 1,
        ..Options::default()
    };
    let plane = DataPlane::start(options, snapshots, Registry::default())?;
    let mut builder = Builder::default();
    let mut add = |kind, name: &str, body: Vec<u8>| {
        builder.add(Arc::new(Resource::new(kind, name, body, Version(0))));
    };
    let listener = listener(listen.parse()?);
    add(ResourceType::Listener, "l", listener.encode_to_vec());
    add(
        ResourceType::Cluster,
        "c",
        cluster(upstream.parse()?).encode_to_vec(),
    );
    publisher.publish(Arc::new(builder.build()));
    match rest.first() {
        Some(seconds) => thread::sleep(Duration::from_secs(seconds.parse()?)),
        None => loop {
            thread::park();
        },
    }
    for error in &plane.reports().resources {
        eprintln!("{}: {}", error.name, error.message);
    }
    Ok(())
}

/// Many virtual hosts and routes, of which the last one matches, as in a real gateway.
fn listener(at: SocketAddr) -> Listener {
    let mut routes: Vec<Route> = (0..9).map(|n| to_cluster(&format!("/other{n}"))).collect();
    routes.push(to_cluster("/"));
    let virtual_hosts = (0..22)
        .map(|n| VirtualHost {
            name: format!("host-{n}"),
            domains: vec![if n == 21 {
                "*".to_owned()
            } else {
                format!("host-{n}.example")
            }],
            routes: routes.clone(),
            ..VirtualHost::default()
        })
        .collect();
    let manager = HttpConnectionManager {
        stat_prefix: "floor".to_owned(),
        use_remote_address: Some(BoolValue { value: true }),
        route_specifier: Some(RouteSpecifier::RouteConfig(RouteConfiguration {
            virtual_hosts,
            ..RouteConfiguration::default()
        })),
        ..HttpConnectionManager::default()
    };
    Listener {
        name: "l".to_owned(),
        address: address(at),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "http".to_owned(),
                config_type: Some(ConfigType::TypedConfig(any::pack(&manager))),
            }],
            ..FilterChain::default()
        }],
        ..Listener::default()
    }
}

fn to_cluster(prefix: &str) -> Route {
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster("c".to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    }
}

/// The policy: connection limits, idle time, stream limit, header count.
fn cluster(upstream: SocketAddr) -> Cluster {
    let seconds = |seconds| Some(ProtoDuration { seconds, nanos: 0 });
    let number = |value| Some(UInt32Value { value });
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(Common {
            idle_timeout: seconds(60),
            max_headers_count: number(64),
            max_stream_duration: seconds(30),
            max_requests_per_connection: number(1_000_000),
            ..Common::default()
        }),
        ..HttpProtocolOptions::default()
    };
    Cluster {
        name: "c".to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Static as i32)),
        load_assignment: Some(ClusterLoadAssignment {
            cluster_name: "c".to_owned(),
            endpoints: vec![LocalityLbEndpoints {
                lb_endpoints: vec![LbEndpoint {
                    host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
                        address: address(upstream),
                        ..Endpoint::default()
                    })),
                    ..LbEndpoint::default()
                }],
                ..LocalityLbEndpoints::default()
            }],
            ..ClusterLoadAssignment::default()
        }),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![Thresholds {
                max_connections: number(10_000),
                max_pending_requests: number(10_000),
                max_requests: number(10_000),
                ..Thresholds::default()
            }],
            ..CircuitBreakers::default()
        }),
        typed_extension_protocol_options: HashMap::from([(
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
            any::pack(&options),
        )]),
        ..Cluster::default()
    }
}

fn address(at: SocketAddr) -> Option<Address> {
    Some(Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: at.ip().to_string(),
            port_specifier: Some(PortSpecifier::PortValue(u32::from(at.port()))),
            ..SocketAddress::default()
        })),
    })
}
