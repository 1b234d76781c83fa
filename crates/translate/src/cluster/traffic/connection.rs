// SPDX-License-Identifier: Apache-2.0
//! Connections of a cluster as a BackendTrafficPolicy wants them.
//!
//! In: `timeout.tcp`, `connection.bufferLimit`,
//! `connection.socketBufferLimit`, `connection.preconnect`, `tcpKeepalive`, `proxyProtocol`. Out: the
//! Cluster fields.

use std::time::Duration;

use sluicegate_attach::Row;
use sluicegate_resource::{
    envoygateway::backend_traffic_policy::ProxyProtocolVersion as Written,
    kgateway::backend_config_policy::ProxyProtocolVersion,
};
use sluicegate_xds::pb::{
    envoy::config::{
        cluster::v3::{Cluster, cluster::PreconnectPolicy},
        core::v3::{BindConfig, SocketOption, socket_option},
    },
    google::protobuf::DoubleValue,
};

use super::Context;
use crate::{cluster::proxy_protocol, pb};

pub(super) fn connect_timeout(cluster: &mut Cluster, context: &Context<'_>) {
    let timeout = context.policy.spec.timeout.as_ref();
    let connect = timeout.and_then(|it| it.value.connect_timeout);
    if let Some(time) = context.held(Row::ConnectTimeout, connect) {
        cluster.connect_timeout = pb::duration(time);
    }
}

pub(super) fn per_connection_buffer_limit_bytes(cluster: &mut Cluster, context: &Context<'_>) {
    let connection = context.policy.spec.connection.as_ref();
    let limit = connection.and_then(|it| it.value.buffer_limit);
    if let Some(bytes) = context.held(Row::BufferLimit, limit) {
        cluster.per_connection_buffer_limit_bytes = pb::u32(bytes);
    }
}

/// Buffers of both directions alike.
pub(super) fn upstream_bind_config(cluster: &mut Cluster, context: &Context<'_>) {
    let connection = context.policy.spec.connection.as_ref();
    let limit = connection.and_then(|it| it.value.socket_buffer_limit);
    let Some(bytes) = context.held(Row::SocketBufferLimit, limit) else {
        return;
    };
    // The kernel takes a signed number of 32 bits.
    let bytes = i64::from(i32::try_from(bytes).unwrap_or(i32::MAX));
    let option = |name, description: &str| SocketOption {
        description: description.to_owned(),
        level: SOL_SOCKET,
        name,
        value: Some(socket_option::Value::IntValue(bytes)),
        ..SocketOption::default()
    };
    cluster.upstream_bind_config = Some(BindConfig {
        socket_options: vec![
            option(SO_SNDBUF, "SO_SNDBUF"),
            option(SO_RCVBUF, "SO_RCVBUF"),
        ],
        ..BindConfig::default()
    });
}

/// Only for each endpoint: our data plane does not predict which one comes next.
pub(super) fn preconnect_policy(cluster: &mut Cluster, context: &Context<'_>) {
    let connection = context.policy.spec.connection.as_ref();
    let percent = connection.and_then(|it| it.value.preconnect?.per_endpoint_percent);
    if let Some(percent) = context.held(Row::Preconnect, percent) {
        cluster.preconnect_policy = Some(PreconnectPolicy {
            per_upstream_preconnect_ratio: Some(DoubleValue {
                value: f64::from(percent) / 100.0,
            }),
            ..PreconnectPolicy::default()
        });
    }
}

pub(super) fn upstream_connection_options(cluster: &mut Cluster, context: &Context<'_>) {
    let Some(keepalive) = context
        .policy
        .spec
        .tcp_keepalive
        .as_ref()
        .map(|it| it.value)
    else {
        return;
    };
    let rows = [
        Row::Keepalive,
        Row::KeepaliveProbes,
        Row::KeepaliveTime,
        Row::KeepaliveInterval,
    ];
    if !rows.into_iter().any(|row| context.holds(row)) {
        return;
    }
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let options = cluster.upstream_connection_options.get_or_insert_default();
    let options = options.tcp_keepalive.get_or_insert_default();
    if let Some(probes) = context.held(Row::KeepaliveProbes, keepalive.probes) {
        options.keepalive_probes = pb::u32(probes);
    }
    if let Some(time) = context.held(Row::KeepaliveTime, keepalive.idle_time) {
        options.keepalive_time = pb::u32(seconds(time));
    }
    if let Some(time) = context.held(Row::KeepaliveInterval, keepalive.interval) {
        options.keepalive_interval = pb::u32(seconds(time));
    }
}

/// PROXY goes around TLS.
pub(super) fn transport_socket(cluster: &mut Cluster, context: &Context<'_>) {
    let version = context.policy.spec.proxy_protocol.as_ref();
    let version = version.map(|it| it.value);
    if let Some(version) = context.held(Row::ProxyProtocol, version) {
        let version = match version {
            Written::V1 => ProxyProtocolVersion::V1,
            Written::V2 => ProxyProtocolVersion::V2,
        };
        let inner = cluster.transport_socket.take();
        cluster.transport_socket = Some(proxy_protocol::wrapped(version, inner));
    }
}

/// Linux's numbers.
const SOL_SOCKET: i64 = 1;
const SO_SNDBUF: i64 = 7;
const SO_RCVBUF: i64 = 8;
