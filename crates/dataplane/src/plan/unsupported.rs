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
            core::v3::{HealthCheck, TransportSocket, health_check::HealthChecker},
            listener::v3::Listener,
            route::v3::{RouteAction, VirtualHost},
        },
        extensions::{
            filters::{
                http::router::v3::Router,
                network::http_connection_manager::v3::{
                    HttpConnectionManager, http_filter::ConfigType,
                },
            },
            upstreams::http::v3::HttpProtocolOptions,
        },
    },
};

use super::hash_policy;

/// Refuses a cluster that cannot be reached safely.
pub(super) fn refuse_cluster(cluster: &Cluster) -> Result<(), String> {
    refuse_socket(cluster.transport_socket.as_ref())?;
    if cluster.transport_socket_matches.is_empty() {
        Ok(())
    } else {
        Err("transport_socket_matches is not implemented yet".to_owned())
    }
}

/// Refuses a listener that cannot be served safely.
pub(super) fn refuse_listener(listener: &Listener) -> Result<(), String> {
    for chain in &listener.filter_chains {
        refuse_socket(chain.transport_socket.as_ref())?;
    }
    match listener.listener_filters.first() {
        Some(filter) => Err(format!(
            "listener filter {} is not implemented yet",
            filter.name
        )),
        None => Ok(()),
    }
}

fn refuse_socket(socket: Option<&TransportSocket>) -> Result<(), String> {
    match socket {
        Some(socket) if socket.name != "envoy.transport_sockets.raw_buffer" => Err(format!(
            "transport socket {} is not implemented yet",
            socket.name
        )),
        _ => Ok(()),
    }
}

/// Cluster fields that are not enforced.
pub(super) fn of_cluster(cluster: &Cluster, options: &HttpProtocolOptions) -> Vec<&'static str> {
    let lb = cluster.common_lb_config.as_ref();
    listed([
        (
            cluster.health_checks.iter().any(|check| !is_checked(check)),
            "health_checks other than HTTP/1 and TCP",
        ),
        (cluster.health_checks.len() > 1, "second health_checks"),
        (
            !cluster.health_checks.is_empty() && !cluster.ignore_health_on_host_removal,
            "keeping removed hosts until a health check fails",
        ),
        (
            cluster.health_checks.iter().any(logs),
            "health_checks.event_logger",
        ),
        (cluster.lb_subset_config.is_some(), "lb_subset_config"),
        (
            lb.is_some_and(|lb| lb.update_merge_window.is_some()),
            "common_lb_config.update_merge_window",
        ),
        (
            lb.is_some_and(|lb| lb.close_connections_on_host_set_change),
            "common_lb_config.close_connections_on_host_set_change",
        ),
        (
            lb.is_some_and(|lb| lb.override_host_status.is_some()),
            "common_lb_config.override_host_status",
        ),
        (
            cluster.upstream_bind_config.is_some(),
            "upstream_bind_config",
        ),
        (cluster.preconnect_policy.is_some(), "preconnect_policy"),
        (options.retry_policy.is_some(), "retry_policy"),
        (!options.hash_policy.is_empty(), "hash_policy"),
    ])
}

/// Listener fields that are not enforced.
pub(super) fn of_listener(
    listener: &Listener,
    manager: &HttpConnectionManager,
) -> Vec<&'static str> {
    let filters = manager.http_filters.iter();
    listed([
        (!listener.access_log.is_empty(), "access_log"),
        (
            !manager.access_log.is_empty(),
            "http_connection_manager.access_log",
        ),
        (manager.tracing.is_some(), "tracing"),
        (manager.local_reply_config.is_some(), "local_reply_config"),
        (
            manager.merge_slashes && !manager.normalize_path.is_some_and(|on| on.value),
            "merge_slashes without normalize_path",
        ),
        (
            manager.path_with_escaped_slashes_action > 1,
            "path_with_escaped_slashes_action",
        ),
        (
            filters
                .clone()
                .any(|filter| filter.name != "envoy.filters.http.router"),
            "http_filters other than the router",
        ),
    ])
}

/// Virtual host fields that are not enforced.
pub(super) fn of_virtual_host(host: &VirtualHost) -> Vec<&'static str> {
    listed([
        (host.retry_policy.is_some(), "retry_policy"),
        (host.require_tls != 0, "require_tls"),
        (
            host.include_request_attempt_count,
            "include_request_attempt_count",
        ),
        (
            !host.typed_per_filter_config.is_empty(),
            "typed_per_filter_config",
        ),
    ])
}

/// Route action fields that are not enforced.
pub(super) fn of_route(action: &RouteAction) -> Vec<&'static str> {
    listed([
        (action.retry_policy.is_some(), "retry_policy"),
        (
            hash_policy::is_unsupported(&action.hash_policy),
            "hash_policy.filter_state",
        ),
        (action.metadata_match.is_some(), "metadata_match"),
        (action.path_rewrite_policy.is_some(), "path_rewrite_policy"),
        (action.hedge_policy.is_some(), "hedge_policy"),
    ])
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

/// Whether a check of this kind is carried out.
fn is_checked(check: &HealthCheck) -> bool {
    match &check.health_checker {
        Some(HealthChecker::HttpHealthCheck(http)) => http.codec_client_type == 0,
        Some(HealthChecker::TcpHealthCheck(_)) => true,
        _ => false,
    }
}

#[expect(deprecated, reason = "control planes still send this field")]
fn logs(check: &HealthCheck) -> bool {
    !check.event_log_path.is_empty() || !check.event_logger.is_empty()
}
