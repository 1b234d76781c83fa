// SPDX-License-Identifier: Apache-2.0
//! `envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`.
//!
//! In: listeners whose routes carry requests. Out: the network filters of their filter chain.

use sluicegate_attach::{Graph, Listener as GatewayListener};
use sluicegate_resource::kgateway::backend_config_policy::HeaderFormat;
use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{core::v3::Http1ProtocolOptions, listener::v3::Filter},
        extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, Rds,
                http_connection_manager::{RouteSpecifier, UpgradeConfig},
                http_filter,
            },
        },
    },
};

use super::network_filter;
use crate::{cluster::header_key_format, filter::http_filters, pb, telemetry};

/// The filters of a chain that serves `listeners` by `route_configuration`.
pub(super) fn filters(
    route_configuration: &str,
    listeners: &[&GatewayListener],
    graph: &Graph,
) -> Vec<Filter> {
    let options = http_protocol_options(listeners, graph);
    let mut manager = http_connection_manager(route_configuration, options);
    let others = http_filters(listeners);
    manager.http_filters.splice(..0, others);
    // Listeners that share a manager have the same.
    if let Some(listener) = listeners.first() {
        manager.access_log = telemetry::of_requests(&listener.telemetry);
        let tracing = listener.telemetry.tracing.as_deref();
        manager.tracing = tracing.map(telemetry::http_connection_manager);
    }
    vec![network_filter("http_connection_manager", &manager)]
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
