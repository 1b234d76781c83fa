// SPDX-License-Identifier: Apache-2.0
//! `envoy.config.cluster.v3.Cluster`.
//!
//! In: a backend with its effective policy. Out: the cluster, in the shape of the founding
//! documents: what a policy does not set is not there, except `connect_timeout` and `metadata`.

mod circuit_breakers;
mod connection;
mod discovery;
mod health_checks;
mod http_options;
mod load_balancing;
mod outlier_detection;
mod proxy_protocol;
mod tls;
mod traffic;

pub(crate) use http_options::header_key_format;
pub(crate) use traffic::{Difference, apply as apply_traffic, hash_policies};

use sluicegate_attach::{Backend, BackendSource};

use sluicegate_xds::pb::envoy::config::{
    cluster::v3::{
        Cluster,
        cluster::{CommonLbConfig, common_lb_config},
    },
    core::v3::Metadata,
};

use crate::{Options, names, pb};

/// The cluster of `backend`.
pub(crate) fn cluster(backend: &Backend, options: &Options) -> Cluster {
    let policy = &backend.policy;
    let mut cluster = Cluster {
        name: names::cluster(&backend.key),
        connect_timeout: connection::connect_timeout(policy),
        per_connection_buffer_limit_bytes: connection::per_connection_buffer_limit_bytes(policy),
        upstream_connection_options: connection::upstream_connection_options(policy),
        health_checks: health_checks::health_checks(policy),
        outlier_detection: outlier_detection::outlier_detection(policy),
        circuit_breakers: circuit_breakers::circuit_breakers(policy),
        common_lb_config: common_lb_config(backend),
        load_balancing_policy: load_balancing::load_balancing_policy(backend),
        typed_extension_protocol_options: http_options::typed_extension_protocol_options(backend),
        transport_socket: proxy_protocol::transport_socket(
            policy,
            tls::transport_socket(backend, options),
        ),
        metadata: Some(Metadata::default()),
        ..Cluster::default()
    };
    discovery::discover(&mut cluster, backend);
    let eds = cluster.eds_cluster_config.is_some();
    // Only with active checks does Envoy keep a removed host that still passes them.
    cluster.ignore_health_on_host_removal = eds && !cluster.health_checks.is_empty();
    cluster
}

/// The cluster of an address that speaks gRPC and that no manifest describes.
pub(crate) fn of_address(name: &str, host: &str, port: u16) -> Cluster {
    Cluster {
        connect_timeout: pb::duration(connection::CONNECT_TIMEOUT),
        typed_extension_protocol_options: http_options::http2_only(),
        metadata: Some(Metadata::default()),
        ..discovery::single_host(name, host, port)
    }
}

fn common_lb_config(backend: &Backend) -> Option<CommonLbConfig> {
    load_balancing::common_lb_config(&backend.policy).or_else(|| {
        let BackendSource::Service { object, .. } = &backend.source else {
            return None;
        };
        object.spec.traffic_distribution.as_ref()?;
        let weighted = common_lb_config::LocalityWeightedLbConfig {};
        Some(CommonLbConfig {
            locality_config_specifier: Some(
                common_lb_config::LocalityConfigSpecifier::LocalityWeightedLbConfig(weighted),
            ),
            ..CommonLbConfig::default()
        })
    })
}
