// SPDX-License-Identifier: Apache-2.0
//! A cluster as a BackendTrafficPolicy wants it.
//!
//! In: the base cluster of a backend, the policy in force, and which of its settings hold there. Out:
//! the cluster with those settings; everything else stays as the backend's own policy has it. One
//! function per Envoy message.

mod admission_control;
mod connection;
mod dns;
mod endpoints;
mod health;
mod http;
mod limits;
mod load_balancing;

use sluicegate_attach::{Backend, Row, TrafficPolicy, Weighed};
use sluicegate_xds::pb::envoy::config::cluster::v3::Cluster;

pub(crate) use endpoints::Difference;
pub(crate) use load_balancing::hash_policies;

/// `cluster` with the settings of `policy` that hold.
pub(crate) fn apply(
    cluster: &mut Cluster,
    backend: &Backend,
    policy: &TrafficPolicy,
    weighed: &[Weighed],
) {
    let context = Context {
        backend,
        policy,
        weighed,
    };
    connection::connect_timeout(cluster, &context);
    connection::per_connection_buffer_limit_bytes(cluster, &context);
    connection::upstream_bind_config(cluster, &context);
    connection::preconnect_policy(cluster, &context);
    connection::upstream_connection_options(cluster, &context);
    connection::transport_socket(cluster, &context);
    limits::circuit_breakers(cluster, &context);
    health::health_checks(cluster, &context);
    health::healthy_panic_threshold(cluster, &context);
    health::outlier_detection(cluster, &context);
    load_balancing::load_balancing_policy(cluster, &context);
    http::typed_extension_protocol_options(cluster, &context);
    dns::cluster_type(cluster, &context);
}

/// What holds.
struct Context<'a> {
    backend: &'a Backend,
    policy: &'a TrafficPolicy,
    weighed: &'a [Weighed],
}

impl Context<'_> {
    /// Whether a setting is there and holds.
    fn holds(&self, row: Row) -> bool {
        let mut weighed = self.weighed.iter();
        weighed.any(|it| it.row == row && it.is_in_force())
    }

    /// The value of a setting, if it holds.
    fn held<T>(&self, row: Row, value: Option<T>) -> Option<T> {
        value.filter(|_| self.holds(row))
    }
}
