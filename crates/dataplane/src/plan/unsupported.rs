// SPDX-License-Identifier: Apache-2.0
//! The one list of settings that are understood but not enforced yet.
//!
//! In: a resource. Out: the fields it sets that this version does not act on; or an error, where
//! acting as if they were not there would be unsafe (a backend that must be reached over TLS is not
//! sent plain text).

use sluicegate_xds::{
    any,
    pb::envoy::{
        config::{
            cluster::v3::Cluster,
            core::v3::{HealthCheck, Http2ProtocolOptions},
            listener::v3::{FilterChainMatch, Listener},
            route::v3::{RouteAction, VirtualHost},
        },
        extensions::{
            filters::{
                http::router::v3::Router,
                network::{
                    http_connection_manager::v3::{HttpConnectionManager, http_filter::ConfigType},
                    tcp_proxy::v3::{TcpProxy, tcp_proxy::ClusterSpecifier},
                },
            },
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                },
            },
        },
        r#type::v3::hash_policy::PolicySpecifier,
    },
};

use super::{
    access_log, admission_control, breakers, filters, hash_policy, health_check,
    protocol::http1_options, retry, socket_buffers::SocketBuffers, trace,
};

/// Refuses a cluster that cannot be reached safely.
pub(super) fn refuse_cluster(cluster: &Cluster) -> Result<(), String> {
    if cluster.transport_socket_matches.is_empty() {
        Ok(())
    } else {
        Err("transport_socket_matches is not implemented yet".to_owned())
    }
}

/// Refuses conditions of a filter chain that cannot be told.
pub(super) fn refuse_conditions(conditions: &FilterChainMatch) -> Result<(), String> {
    let known = FilterChainMatch {
        server_names: conditions.server_names.clone(),
        transport_protocol: conditions.transport_protocol.clone(),
        ..FilterChainMatch::default()
    };
    if known == *conditions {
        Ok(())
    } else {
        Err(
            "only server_names and transport_protocol are implemented of filter_chain_match"
                .to_owned(),
        )
    }
}

/// HTTP/2 options of a cluster.
fn http2_options(options: &HttpProtocolOptions) -> Option<&Http2ProtocolOptions> {
    match options.upstream_protocol_options.as_ref()? {
        UpstreamProtocolOptions::ExplicitHttpConfig(explicit) => match &explicit.protocol_config {
            Some(ProtocolConfig::Http2ProtocolOptions(http2)) => Some(http2),
            _ => None,
        },
        UpstreamProtocolOptions::UseDownstreamProtocolConfig(both) => {
            both.http2_protocol_options.as_ref()
        }
        UpstreamProtocolOptions::AutoConfig(auto) => auto.http2_protocol_options.as_ref(),
    }
}

/// Cluster fields that are not enforced.
pub(super) fn of_cluster(cluster: &Cluster, options: &HttpProtocolOptions) -> Vec<&'static str> {
    let http2 = http2_options(options);
    let http1 = http1_options(options);
    let retries = options.retry_policy.iter().flat_map(retry::unsupported);
    let mut fields = listed([
        (
            breakers::has_budget_interval(cluster.circuit_breakers.as_ref()),
            "circuit_breakers.thresholds.retry_budget.budget_interval",
        ),
        (
            cluster.health_checks.iter().any(|check| {
                let criteria = check.transport_socket_match_criteria.as_ref();
                criteria.is_some_and(|criteria| !criteria.fields.is_empty())
            }),
            "health_checks.transport_socket_match_criteria",
        ),
        (
            cluster.health_checks.iter().any(logs_elsewhere),
            "health_checks.event_logger other than to a file",
        ),
        (
            cluster.close_connections_on_host_health_failure,
            "close_connections_on_host_health_failure",
        ),
        (cluster.lb_subset_config.is_some(), "lb_subset_config"),
        (
            cluster
                .upstream_bind_config
                .as_ref()
                .is_some_and(|bind| SocketBuffers::compile(bind).is_none()),
            "upstream_bind_config other than socket_options for SO_SNDBUF and SO_RCVBUF",
        ),
        (
            cluster.preconnect_policy.as_ref().is_some_and(|policy| {
                let ratio = policy.predictive_preconnect_ratio;
                ratio.is_some_and(|ratio| ratio.value > 1.0)
            }),
            "preconnect_policy.predictive_preconnect_ratio",
        ),
        (!options.hash_policy.is_empty(), "hash_policy"),
        (
            admission_control::unsupported(options),
            "http_filters other than admission_control",
        ),
        (
            http1.allow_chunked_length,
            "http_protocol_options.allow_chunked_length",
        ),
        (
            http1.send_fully_qualified_url,
            "http_protocol_options.send_fully_qualified_url",
        ),
        (
            http2.is_some_and(|http2| !http2.custom_settings_parameters.is_empty()),
            "http2_protocol_options.custom_settings_parameters",
        ),
    ]);
    fields.extend(retries);
    fields
}

/// Listener fields that are not enforced.
pub(super) fn of_listener(listener: &Listener) -> Vec<&'static str> {
    let mut fields = listed([
        (
            !listener.additional_addresses.is_empty(),
            "additional_addresses",
        ),
        (
            listener.bind_to_port.is_some_and(|bind| !bind.value),
            "bind_to_port",
        ),
        (
            listener.connection_balance_config.is_some(),
            "connection_balance_config",
        ),
        (
            listener.continue_on_listener_filters_timeout,
            "continue_on_listener_filters_timeout",
        ),
        (listener.drain_type != 0, "drain_type"),
        (
            listener.enable_reuse_port.is_some_and(|on| !on.value),
            "enable_reuse_port",
        ),
        (listener.freebind.is_some_and(|on| on.value), "freebind"),
        (!listener.socket_options.is_empty(), "socket_options"),
        (listener.tcp_backlog_size.is_some(), "tcp_backlog_size"),
        (
            listener.tcp_fast_open_queue_length.is_some(),
            "tcp_fast_open_queue_length",
        ),
        (
            listener.transparent.is_some_and(|on| on.value),
            "transparent",
        ),
        (
            listener.use_original_dst.is_some_and(|on| on.value),
            "use_original_dst",
        ),
    ]);
    fields.extend(access_log::unsupported(&listener.access_log));
    fields
}

/// Fields of a TCP proxy that are not enforced.
pub(super) fn of_tcp_proxy(proxy: &TcpProxy) -> Vec<&'static str> {
    let mut hashed = proxy.hash_policy.iter();
    let weighted = match &proxy.cluster_specifier {
        Some(ClusterSpecifier::WeightedClusters(weighted)) => weighted.clusters.as_slice(),
        _ => &[],
    };
    let mut fields = listed([
        (
            proxy.metadata_match.is_some()
                || weighted.iter().any(|one| one.metadata_match.is_some()),
            "tcp_proxy.metadata_match",
        ),
        (proxy.on_demand.is_some(), "tcp_proxy.on_demand"),
        (
            !proxy.proxy_protocol_tlvs.is_empty(),
            "tcp_proxy.proxy_protocol_tlvs",
        ),
        (
            proxy.upstream_connect_mode != 0,
            "tcp_proxy.upstream_connect_mode",
        ),
        (
            proxy.check_drain_close.is_some_and(|on| on.value),
            "tcp_proxy.check_drain_close",
        ),
        (
            hashed.any(|one| matches!(one.policy_specifier, Some(PolicySpecifier::FilterState(_)))),
            "tcp_proxy.hash_policy.filter_state",
        ),
    ]);
    fields.extend(access_log::unsupported(&proxy.access_log));
    fields
}

/// Fields of a connection manager that are not enforced.
pub(super) fn of_manager(manager: &HttpConnectionManager) -> Vec<&'static str> {
    let http1 = manager.http_protocol_options.clone().unwrap_or_default();
    let mut fields = listed([
        (
            manager
                .http2_protocol_options
                .as_ref()
                .is_some_and(|http2| !http2.custom_settings_parameters.is_empty()),
            "http2_protocol_options.custom_settings_parameters",
        ),
        (manager.local_reply_config.is_some(), "local_reply_config"),
        (
            manager.access_log_options.as_ref().is_some_and(|options| {
                options.flush_access_log_on_new_request
                    || options.access_log_flush_interval.is_some()
            }),
            "access_log_options.flush_access_log_on_new_request, access_log_flush_interval",
        ),
        (
            manager.internal_address_config.is_some(),
            "internal_address_config",
        ),
        (
            !matches!(manager.forward_client_cert_details, 0 | 4),
            "forward_client_cert_details",
        ),
        (
            !manager.original_ip_detection_extensions.is_empty(),
            "original_ip_detection_extensions",
        ),
        (
            !manager.early_header_mutation_extensions.is_empty(),
            "early_header_mutation_extensions",
        ),
        (!manager.via.is_empty(), "via"),
        (manager.proxy_100_continue, "proxy_100_continue"),
        (manager.strip_trailing_host_dot, "strip_trailing_host_dot"),
        (manager.append_x_forwarded_port, "append_x_forwarded_port"),
        (
            manager.always_set_request_id_in_response,
            "always_set_request_id_in_response",
        ),
        (
            manager.scheme_header_transformation.is_some(),
            "scheme_header_transformation",
        ),
        (
            manager.path_normalization_options.is_some(),
            "path_normalization_options",
        ),
        (http1.accept_http_10, "http_protocol_options.accept_http_10"),
        (
            http1.allow_custom_methods,
            "http_protocol_options.allow_custom_methods",
        ),
        (
            http1.allow_absolute_url.is_some_and(|on| !on.value),
            "http_protocol_options.allow_absolute_url",
        ),
    ]);
    fields.extend(filters::unsupported(manager));
    fields.extend(trace::unsupported(manager));
    fields.extend(access_log::unsupported(&manager.access_log));
    fields
}

/// Virtual host fields that are not enforced.
pub(super) fn of_virtual_host(host: &VirtualHost) -> Vec<&'static str> {
    let mut fields = listed([
        (host.require_tls != 0, "require_tls"),
        (
            host.include_is_timeout_retry_header,
            "include_is_timeout_retry_header",
        ),
        (host.hedge_policy.is_some(), "hedge_policy"),
        (
            !host.typed_per_filter_config.is_empty(),
            "typed_per_filter_config",
        ),
    ]);
    fields.extend(host.retry_policy.iter().flat_map(retry::unsupported));
    fields
}

/// Route action fields that are not enforced.
pub(super) fn of_route(action: &RouteAction) -> Vec<&'static str> {
    let mut fields = listed([
        (
            hash_policy::is_unsupported(&action.hash_policy),
            "hash_policy.filter_state",
        ),
        (action.metadata_match.is_some(), "metadata_match"),
        (
            action.upgrade_configs.iter().any(|upgrade| {
                let config = upgrade.connect_config.as_ref();
                config.is_some_and(|config| config.allow_post)
            }),
            "upgrade_configs.connect_config.allow_post",
        ),
        (action.path_rewrite_policy.is_some(), "path_rewrite_policy"),
        (action.hedge_policy.is_some(), "hedge_policy"),
    ]);
    fields.extend(action.retry_policy.iter().flat_map(retry::unsupported));
    fields
}

/// Whether the router filter suppresses Envoy's own headers.
pub(super) fn suppresses_envoy_headers(manager: &HttpConnectionManager) -> bool {
    manager
        .http_filters
        .iter()
        .filter_map(|filter| match filter.config_type.as_ref()? {
            ConfigType::TypedConfig(packed) => any::unpack::<Router>(packed),
            ConfigType::ConfigDiscovery(_) => None,
        })
        .any(|router| router.suppress_envoy_headers)
}

fn listed<const N: usize>(fields: [(bool, &'static str); N]) -> Vec<&'static str> {
    fields
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name)
        .collect()
}

/// Whether events of a check go to something else than a file.
fn logs_elsewhere(check: &HealthCheck) -> bool {
    let mut sinks = check.event_logger.iter();
    check.event_service.is_some() || sinks.any(|sink| health_check::file_sink(sink).is_none())
}
