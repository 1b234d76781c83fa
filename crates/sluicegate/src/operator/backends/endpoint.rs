// SPDX-License-Identifier: Apache-2.0
//! How each endpoint is.
//!
//! In: a host of `/clusters`. Out: a row: address, state in words, whether it is used, its numbers.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};
use sluicegate_dataplane::Ejected;
use sluicegate_xds::pb::envoy::{
    admin::v3::HostStatus,
    config::core::v3::{Address, HealthStatus, address, socket_address::PortSpecifier},
};

use super::span;

/// One endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointRow {
    /// `address:port`.
    pub address: String,
    /// The name that was looked up, if one was.
    pub hostname: String,
    /// Whether it is sent requests.
    pub usable: bool,
    /// Such as `ejected` or `fails its health check`; `healthy` otherwise.
    pub state: String,
    /// Who ejected it and when it returns, while it is ejected; a real Envoy does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ejection: Option<Ejection>,
    /// Priority; 0 is used first.
    pub priority: u32,
    /// Zone, if it has one.
    pub zone: String,
    /// Requests that it has had.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Connections that could not be opened.
    pub connect_fail: u64,
    /// Requests now.
    pub active: u64,
    /// Connections now.
    pub connections: u64,
}

/// What outlier detection did to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ejection {
    /// Envoy's name of the detector, such as `consecutive_5xx`.
    pub by: Cow<'static, str>,
    /// Milliseconds since it was ejected.
    pub ago_ms: u64,
    /// Milliseconds until the detector lets it return.
    pub returns_in_ms: u64,
}

impl Ejection {
    pub(in crate::operator) fn of(ejected: &Ejected) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            by: ejected.by.into(),
            ago_ms: millis(ejected.ago),
            returns_in_ms: millis(ejected.returns_in),
        }
    }
}

impl EndpointRow {
    /// The state, and for an ejected one by whom and how long.
    pub fn words(&self) -> String {
        match &self.ejection {
            Some(ejection) => {
                let back = span(ejection.returns_in_ms);
                format!("{}: {}, returns in {back}", self.state, ejection.by)
            }
            None => self.state.clone(),
        }
    }
}

/// The row of a host; `ejections` are those of its cluster.
pub(super) fn endpoint(host: &HostStatus, ejections: &[&Ejected]) -> EndpointRow {
    let metric = |name: &str| {
        let mut metrics = host.stats.iter();
        metrics.find(|it| it.name == name).map_or(0, |it| it.value)
    };
    let (usable, state) = health(host);
    let address = address(host.address.as_ref());
    let ejection = match ejections {
        [] => None,
        some => some.iter().find(|it| it.address.to_string() == address),
    };
    let locality = host.locality.clone().unwrap_or_default();
    EndpointRow {
        address,
        hostname: host.hostname.clone(),
        usable,
        state,
        ejection: ejection.map(|it| Ejection::of(it)),
        priority: host.priority,
        zone: locality.zone,
        requests: metric("rq_total"),
        errors: metric("rq_error"),
        connect_fail: metric("cx_connect_fail"),
        active: metric("rq_active"),
        connections: metric("cx_active"),
    }
}

/// Whether a host is used, and in which words it is not.
fn health(host: &HostStatus) -> (bool, String) {
    let Some(status) = &host.health_status else {
        return (true, "healthy".to_owned());
    };
    let is = |health: HealthStatus| status.eds_health_status == health as i32;
    let bad = [
        (status.failed_outlier_check, EJECTED),
        (status.failed_active_health_check, "fails its health check"),
        (
            status.excluded_via_immediate_hc_fail,
            "excluded by its health check",
        ),
        (
            is(HealthStatus::Unhealthy) || is(HealthStatus::Timeout),
            "unhealthy by configuration",
        ),
        (is(HealthStatus::Draining), "draining"),
    ];
    let words: Vec<&str> = bad.iter().filter(|it| it.0).map(|it| it.1).collect();
    if !words.is_empty() {
        return (false, words.join(" and "));
    }
    let less = [
        (
            status.failed_active_degraded_check || is(HealthStatus::Degraded),
            "degraded",
        ),
        (status.pending_active_hc, "waits for its first health check"),
        (
            status.pending_dynamic_removal,
            "leaves once it is unhealthy",
        ),
    ];
    let words = less.iter().find(|it| it.0).map_or("healthy", |it| it.1);
    (true, words.to_owned())
}

/// The word for what outlier detection does.
pub(super) const EJECTED: &str = "ejected";

/// `address:port`.
pub(in crate::operator) fn address(address: Option<&Address>) -> String {
    let Some(address::Address::SocketAddress(socket)) =
        address.and_then(|address| address.address.as_ref())
    else {
        return String::new();
    };
    let port = match &socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => port.to_string(),
        _ => String::new(),
    };
    match socket.address.contains(':') {
        true => format!("[{}]:{port}", socket.address),
        false => format!("{}:{port}", socket.address),
    }
}
