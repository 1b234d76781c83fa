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
            listener::v3::{FilterChain, FilterChainMatch, Listener},
            route::v3::{RouteAction, VirtualHost},
        },
        extensions::{
            filters::{
                http::router::v3::Router,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, http_filter::ConfigType,
                },
            },
            upstreams::http::v3::{
                HttpProtocolOptions,
                http_protocol_options::{
                    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
                },
            },
        },
    },
};

use super::{breakers, filters, hash_policy, health_check, protocol::http1_options, retry};

/// Refuses a cluster that cannot be reached safely.
pub(super) fn refuse_cluster(cluster: &Cluster) -> Result<(), String> {
    if cluster.transport_socket_matches.is_empty() {
        Ok(())
    } else {
        Err("transport_socket_matches is not implemented yet".to_owned())
    }
}

/// The names that a filter chain matches; or an error, when it asks for something else.
pub(super) fn filter_chain_names(chain: &FilterChain) -> Result<&[String], String> {
    let Some(conditions) = &chain.filter_chain_match else {
        return Ok(&[]);
    };
    let names = FilterChainMatch {
        server_names: conditions.server_names.clone(),
        // Nothing else is served on such a listener.
        transport_protocol: match conditions.transport_protocol.as_str() {
            "tls" if chain.transport_socket.is_some() => "tls".to_owned(),
            _ => String::new(),
        },
        ..FilterChainMatch::default()
    };
    if names != *conditions {
        return Err("only server_names is implemented of filter_chain_match".to_owned());
    }
    Ok(&conditions.server_names)
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
        (cluster.lb_subset_config.is_some(), "lb_subset_config"),
        (
            cluster.upstream_bind_config.is_some(),
            "upstream_bind_config",
        ),
        (cluster.preconnect_policy.is_some(), "preconnect_policy"),
        (!options.hash_policy.is_empty(), "hash_policy"),
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
pub(super) fn of_listener(
    listener: &Listener,
    manager: &HttpConnectionManager,
) -> Vec<&'static str> {
    let http1 = manager.http_protocol_options.clone().unwrap_or_default();
    let mut fields = listed([
        (!listener.access_log.is_empty(), "access_log"),
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
        (
            !manager.access_log.is_empty(),
            "http_connection_manager.access_log",
        ),
        (
            manager
                .http2_protocol_options
                .as_ref()
                .is_some_and(|http2| !http2.custom_settings_parameters.is_empty()),
            "http2_protocol_options.custom_settings_parameters",
        ),
        (manager.tracing.is_some(), "tracing"),
        (manager.local_reply_config.is_some(), "local_reply_config"),
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
