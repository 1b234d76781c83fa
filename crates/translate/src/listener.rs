// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.listener.v3.Listener`.
//!
//! In: the Gateway listeners of one port. Out: one Envoy listener: a filter chain for a plain port,
//! one per certificate hostname for HTTPS.

use sluicegate_attach::{Graph, Listener as GatewayListener};
use sluicegate_resource::kgateway::backend_config_policy::HeaderFormat;
use sluicegate_xds::any;
use sluicegate_xds::pb::envoy::{
    config::{
        core::v3::{
            Address, Http1ProtocolOptions, SocketAddress, address, socket_address::PortSpecifier,
        },
        listener::v3::{
            Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, filter,
            listener_filter,
        },
    },
    extensions::{
        filters::{
            http::router::v3::Router,
            listener::tls_inspector::v3::TlsInspector,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, Rds,
                http_connection_manager::{RouteSpecifier, UpgradeConfig},
                http_filter,
            },
        },
        transport_sockets::tls::v3::{CommonTlsContext, DownstreamTlsContext, SdsSecretConfig},
    },
};

use crate::{cluster::header_key_format, filter::http_filters, names, pb, secret};

/// The listener of `port`.
pub(crate) fn listener(port: u16, listeners: &[&GatewayListener], graph: &Graph) -> Listener {
    let https = listeners
        .iter()
        .any(|listener| listener.spec.protocol == "HTTPS");
    let filter_chains = if https {
        listeners
            .iter()
            .map(|listener| https_filter_chain(port, listener, graph))
            .collect()
    } else {
        let options = http_protocol_options(listeners, graph);
        vec![FilterChain {
            name: names::listener(port),
            filters: filters(&names::route_configuration(port, None), options, listeners),
            ..FilterChain::default()
        }]
    };
    Listener {
        name: names::listener(port),
        address: Some(any_address(port)),
        filter_chains,
        listener_filters: if https {
            vec![tls_inspector()]
        } else {
            Vec::new()
        },
        ..Listener::default()
    }
}

/// Every address, IPv4 included.
fn any_address(port: u16) -> Address {
    Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: "::".into(),
            ipv4_compat: true,
            port_specifier: Some(PortSpecifier::PortValue(u32::from(port))),
            ..SocketAddress::default()
        })),
    }
}

fn https_filter_chain(port: u16, listener: &GatewayListener, graph: &Graph) -> FilterChain {
    let route_configuration = names::route_configuration(port, Some(&names::section(listener)));
    FilterChain {
        name: route_configuration.clone(),
        filter_chain_match: listener
            .spec
            .hostname
            .as_ref()
            .map(|hostname| FilterChainMatch {
                server_names: vec![hostname.clone()],
                ..FilterChainMatch::default()
            }),
        filters: filters(
            &route_configuration,
            http_protocol_options(&[listener], graph),
            &[listener],
        ),
        transport_socket: Some(pb::transport_socket(
            "envoy.transport_sockets.tls",
            &downstream_tls_context(listener),
        )),
        ..FilterChain::default()
    }
}

fn downstream_tls_context(listener: &GatewayListener) -> DownstreamTlsContext {
    let sds = secret::certificate_refs(listener).map(|(namespace, reference)| SdsSecretConfig {
        name: names::secret(namespace, &reference.name),
        sds_config: pb::ads(),
    });
    DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificate_sds_secret_configs: sds.collect(),
            alpn_protocols: vec!["h2".into(), "http/1.1".into()],
            ..CommonTlsContext::default()
        }),
        ..DownstreamTlsContext::default()
    }
}

fn tls_inspector() -> ListenerFilter {
    let config = any::pack(&TlsInspector::default());
    ListenerFilter {
        name: "envoy.filters.listener.tls_inspector".into(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(config)),
        ..ListenerFilter::default()
    }
}

fn filters(
    route_configuration: &str,
    options: Option<Http1ProtocolOptions>,
    listeners: &[&GatewayListener],
) -> Vec<Filter> {
    let mut manager = http_connection_manager(route_configuration, options);
    let others = http_filters(listeners);
    manager.http_filters.splice(..0, others);
    vec![Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(filter::ConfigType::TypedConfig(any::pack(&manager))),
    }]
}

fn http_connection_manager(
    route_configuration: &str,
    http_protocol_options: Option<Http1ProtocolOptions>,
) -> HttpConnectionManager {
    let router = HttpFilter {
        name: "envoy.filters.http.router".into(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any::pack(
            &Router::default(),
        ))),
        ..HttpFilter::default()
    };
    HttpConnectionManager {
        stat_prefix: "http".into(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: pb::ads(),
            route_config_name: route_configuration.into(),
        })),
        http_filters: vec![router],
        http_protocol_options,
        // We are the edge: the peer is the client.
        use_remote_address: pb::bool(true),
        normalize_path: pb::bool(true),
        merge_slashes: true,
        upgrade_configs: vec![UpgradeConfig {
            upgrade_type: "websocket".into(),
            ..UpgradeConfig::default()
        }],
        ..HttpConnectionManager::default()
    }
}

/// The listener's half of settings that Envoy cannot do on a cluster alone: trailers need both ends,
/// and a case-preserving formatter works on the message that its own side received (design
/// decision 3). One backend that asks for it is enough.
fn http_protocol_options(
    listeners: &[&GatewayListener],
    graph: &Graph,
) -> Option<Http1ProtocolOptions> {
    let routes = listeners.iter().flat_map(|listener| &listener.routes);
    let keys = routes
        .flat_map(|route| route.rules.iter())
        .flat_map(|rule| &rule.backends)
        .filter_map(|backend| backend.key.as_ref());
    let options = keys
        .filter_map(|key| graph.backends.get(key))
        .filter_map(|backend| backend.policy.http1_protocol_options());
    let (mut enable_trailers, mut preserve_case) = (false, false);
    for options in options {
        enable_trailers |= options.enable_trailers == Some(true);
        preserve_case |= options.header_format == Some(HeaderFormat::PreserveCase);
    }
    (enable_trailers || preserve_case).then(|| Http1ProtocolOptions {
        enable_trailers,
        header_key_format: preserve_case.then(|| header_key_format(HeaderFormat::PreserveCase)),
        ..Http1ProtocolOptions::default()
    })
}
