// SPDX-License-Identifier: Apache-2.0
//! Short ways to write the xDS resources that tests need.

use std::{net::SocketAddr, time::Duration};

use sluicegate_xds::{
    any,
    pb::{
        envoy::{
            config::{
                cluster::v3::{
                    CircuitBreakers, Cluster,
                    circuit_breakers::Thresholds,
                    cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig},
                },
                core::v3::{
                    Address, AggregatedConfigSource, ApiVersion, ConfigSource, HeaderValue,
                    HeaderValueOption, Http1ProtocolOptions, Http2ProtocolOptions,
                    HttpProtocolOptions as Common, SocketAddress, TypedExtensionConfig, address,
                    config_source::ConfigSourceSpecifier,
                    http1_protocol_options::{
                        HeaderKeyFormat,
                        header_key_format::{HeaderFormat, ProperCaseWords},
                    },
                    socket_address::PortSpecifier,
                },
                endpoint::v3::{
                    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
                    endpoint::HealthCheckConfig, lb_endpoint::HostIdentifier,
                },
                listener::v3::{Filter, FilterChain, Listener, filter::ConfigType},
                route::v3::{
                    Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, route,
                    route_action::{ClusterSpecifier, HostRewriteSpecifier},
                    route_match::PathSpecifier,
                },
            },
            extensions::{
                filters::http::router::v3::Router,
                filters::network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, Rds,
                    http_connection_manager::RouteSpecifier, http_filter,
                },
                http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig,
                upstreams::http::v3::{
                    HttpProtocolOptions,
                    http_protocol_options::{
                        ExplicitHttpConfig, UpstreamProtocolOptions,
                        explicit_http_config::ProtocolConfig,
                    },
                },
            },
        },
        google::protobuf,
    },
    prost::{Message, Name},
};

pub(crate) fn seconds(value: f64) -> Option<protobuf::Duration> {
    let duration = Duration::from_secs_f64(value);
    Some(protobuf::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap(),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap(),
    })
}

pub(crate) fn number(value: u32) -> Option<protobuf::UInt32Value> {
    Some(protobuf::UInt32Value { value })
}

pub(crate) fn yes() -> Option<protobuf::BoolValue> {
    Some(protobuf::BoolValue { value: true })
}

pub(crate) fn no() -> Option<protobuf::BoolValue> {
    Some(protobuf::BoolValue { value: false })
}

pub(crate) fn address(at: SocketAddr) -> Option<Address> {
    Some(Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: at.ip().to_string(),
            port_specifier: Some(PortSpecifier::PortValue(u32::from(at.port()))),
            ..SocketAddress::default()
        })),
    })
}

/// Where Envoy gets it from; ours takes everything from its snapshot.
pub(crate) fn from_ads() -> Option<ConfigSource> {
    Some(ConfigSource {
        resource_api_version: ApiVersion::V3 as i32,
        config_source_specifier: Some(
            ConfigSourceSpecifier::Ads(AggregatedConfigSource::default()),
        ),
        ..ConfigSource::default()
    })
}

/// A listener on a free port whose routes are called `routes`.
pub(crate) fn listener(change: impl FnOnce(&mut HttpConnectionManager)) -> Listener {
    let mut manager = HttpConnectionManager {
        stat_prefix: "test".to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            route_config_name: "routes".to_owned(),
            config_source: from_ads(),
        })),
        // Envoy keeps a connection for that long that it could close.
        delayed_close_timeout: seconds(0.2),
        ..HttpConnectionManager::default()
    };
    change(&mut manager);
    if manager.http_filters.is_empty() {
        manager.http_filters.push(router(false));
    }
    Listener {
        name: "listener~80".to_owned(),
        address: address("127.0.0.1:0".parse().unwrap()),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.http_connection_manager".to_owned(),
                config_type: Some(ConfigType::TypedConfig(any::pack(&manager))),
            }],
            ..FilterChain::default()
        }],
        ..Listener::default()
    }
}

/// The router filter.
pub(crate) fn router(suppress_envoy_headers: bool) -> HttpFilter {
    let router = Router {
        suppress_envoy_headers,
        ..Router::default()
    };
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any::pack(&router))),
        ..HttpFilter::default()
    }
}

/// A filter that does nothing where a route does not ask for it.
pub(crate) fn filter<M: Message + Name>(name: &str, config: &M) -> HttpFilter {
    HttpFilter {
        name: name.to_owned(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any::pack(config))),
        disabled: true,
        ..HttpFilter::default()
    }
}

/// What a route asks of a filter.
pub(crate) fn set_filter<M: Message + Name>(route: &mut Route, name: &str, config: &M) {
    let configs = &mut route.typed_per_filter_config;
    configs.insert(name.to_owned(), any::pack(config));
}

/// One virtual host for everything.
pub(crate) fn routes(routes: Vec<Route>) -> RouteConfiguration {
    RouteConfiguration {
        name: "routes".to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: "all".to_owned(),
            domains: vec!["*".to_owned()],
            routes,
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    }
}

/// A prefix route to a cluster.
pub(crate) fn route(prefix: &str, cluster: &str, change: impl FnOnce(&mut RouteAction)) -> Route {
    let mut action = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.to_owned())),
        ..RouteAction::default()
    };
    change(&mut action);
    Route {
        r#match: Some(RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix(prefix.to_owned())),
            ..RouteMatch::default()
        }),
        action: Some(route::Action::Route(action)),
        ..Route::default()
    }
}

pub(crate) fn header(key: &str, value: &str, action: i32) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: key.to_owned(),
            value: value.to_owned(),
            ..HeaderValue::default()
        }),
        append_action: action,
        ..HeaderValueOption::default()
    }
}

/// An EDS cluster.
pub(crate) fn cluster(name: &str, change: impl FnOnce(&mut Cluster)) -> Cluster {
    let mut cluster = Cluster {
        name: name.to_owned(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        eds_cluster_config: Some(EdsClusterConfig {
            eds_config: from_ads(),
            ..EdsClusterConfig::default()
        }),
        connect_timeout: seconds(5.0),
        ..Cluster::default()
    };
    change(&mut cluster);
    cluster
}

/// HTTP/1 to a cluster.
pub(crate) fn http(cluster: &mut Cluster, common: Common, http1: Http1ProtocolOptions) {
    explicit(cluster, common, ProtocolConfig::HttpProtocolOptions(http1));
}

/// Options that HTTP/1 and HTTP/2 have in common.
pub(crate) fn common_http(cluster: &mut Cluster, common: Common) {
    http(cluster, common, Http1ProtocolOptions::default());
}

/// Options of HTTP/1 alone.
pub(crate) fn http1(cluster: &mut Cluster, http1: Http1ProtocolOptions) {
    http(cluster, Common::default(), http1);
}

/// HTTP/2 to a cluster.
pub(crate) fn http2(cluster: &mut Cluster, common: Common, http2: Http2ProtocolOptions) {
    explicit(cluster, common, ProtocolConfig::Http2ProtocolOptions(http2));
}

fn explicit(cluster: &mut Cluster, common: Common, protocol: ProtocolConfig) {
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(common),
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(
            ExplicitHttpConfig {
                protocol_config: Some(protocol),
            },
        )),
        ..HttpProtocolOptions::default()
    };
    cluster.typed_extension_protocol_options.insert(
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions".to_owned(),
        any::pack(&options),
    );
}

/// Changes HTTP options that a cluster has.
pub(crate) fn change_http(cluster: &mut Cluster, change: impl FnOnce(&mut HttpProtocolOptions)) {
    let mut all = cluster.typed_extension_protocol_options.values_mut();
    let packed = all.next().unwrap();
    let mut options: HttpProtocolOptions = any::unpack(packed).unwrap();
    change(&mut options);
    *packed = any::pack(&options);
}

pub(crate) fn limits(change: impl FnOnce(&mut Thresholds)) -> Option<CircuitBreakers> {
    let mut thresholds = Thresholds::default();
    change(&mut thresholds);
    Some(CircuitBreakers {
        thresholds: vec![thresholds],
        ..CircuitBreakers::default()
    })
}

pub(crate) fn proper_case() -> Option<HeaderKeyFormat> {
    Some(HeaderKeyFormat {
        header_format: Some(HeaderFormat::ProperCaseWords(ProperCaseWords::default())),
    })
}

pub(crate) fn preserve_case() -> Option<HeaderKeyFormat> {
    Some(HeaderKeyFormat {
        header_format: Some(HeaderFormat::StatefulFormatter(TypedExtensionConfig {
            name: "preserve_case".to_owned(),
            typed_config: Some(any::pack(&PreserveCaseFormatterConfig::default())),
        })),
    })
}

/// Endpoints of a cluster, all of priority 0.
pub(crate) fn endpoints(cluster: &str, addresses: &[SocketAddr]) -> ClusterLoadAssignment {
    ClusterLoadAssignment {
        cluster_name: cluster.to_owned(),
        endpoints: vec![LocalityLbEndpoints {
            lb_endpoints: addresses.iter().map(|at| endpoint(*at)).collect(),
            ..LocalityLbEndpoints::default()
        }],
        ..ClusterLoadAssignment::default()
    }
}

pub(crate) fn endpoint(at: SocketAddr) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: address(at),
            ..Endpoint::default()
        })),
        ..LbEndpoint::default()
    }
}

/// Replaces all addresses by a name.
pub(crate) fn rename(assignment: &mut ClusterLoadAssignment, name: &str) {
    for group in &mut assignment.endpoints {
        for endpoint in &mut group.lb_endpoints {
            let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier else {
                continue;
            };
            let Some(Address {
                address: Some(address::Address::SocketAddress(socket)),
            }) = &mut endpoint.address
            else {
                continue;
            };
            socket.address = name.to_owned();
        }
    }
}

pub(crate) fn auto_host_rewrite() -> HostRewriteSpecifier {
    HostRewriteSpecifier::AutoHostRewrite(protobuf::BoolValue { value: true })
}

/// Changes `health_check_config` of all endpoints.
pub(crate) fn check_config(
    assignment: &mut ClusterLoadAssignment,
    change: impl Fn(&mut HealthCheckConfig),
) {
    let groups = assignment.endpoints.iter_mut();
    for endpoint in groups.flat_map(|group| &mut group.lb_endpoints) {
        if let Some(HostIdentifier::Endpoint(endpoint)) = &mut endpoint.host_identifier {
            change(endpoint.health_check_config.get_or_insert_default());
        }
    }
}
