// SPDX-License-Identifier: Apache-2.0
//! Connection settings of a cluster.
//!
//! In: `connectTimeout`, `perConnectionBufferLimitBytes`, `tcpKeepalive`. Out: the Cluster fields.

use std::time::Duration;

use sluicegate_attach::EffectivePolicy;
use sluicegate_xds::pb::{
    envoy::config::{cluster::v3::UpstreamConnectionOptions, core::v3::TcpKeepalive},
    google::protobuf,
};

use crate::pb;

/// kgateway's default.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn connect_timeout(policy: &EffectivePolicy) -> Option<protobuf::Duration> {
    pb::duration(policy.connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT))
}

pub(super) fn per_connection_buffer_limit_bytes(
    policy: &EffectivePolicy,
) -> Option<protobuf::UInt32Value> {
    pb::u32(*policy.per_connection_buffer_limit_bytes()?)
}

/// TCP keep-alive counts whole seconds; fractions are cut.
pub(super) fn upstream_connection_options(
    policy: &EffectivePolicy,
) -> Option<UpstreamConnectionOptions> {
    let keepalive = policy.tcp_keepalive()?;
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    Some(UpstreamConnectionOptions {
        tcp_keepalive: Some(TcpKeepalive {
            keepalive_probes: keepalive.keep_alive_probes.and_then(pb::u32),
            keepalive_time: keepalive.keep_alive_time.map(seconds).and_then(pb::u32),
            keepalive_interval: keepalive.keep_alive_interval.map(seconds).and_then(pb::u32),
        }),
        ..UpstreamConnectionOptions::default()
    })
}
