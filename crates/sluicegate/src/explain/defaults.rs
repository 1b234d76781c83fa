// SPDX-License-Identifier: Apache-2.0
//! Values that nobody wrote: what the API server fills in, and what holds when no policy speaks.
//!
//! In: the units and leaves that policies set. Out: the rest, each with whose default it is.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::Value as Json;
use sluicegate_attach::{Backend, BackendSource, EffectivePolicy, ProtocolClass, Unit};
use sluicegate_manifest::FieldPath;
use sluicegate_resource::kgateway::{BackendType, StaticHost};
use sluicegate_translate::fields::envoy_field;

use super::setting::{Setting, below_spec};

/// A value that holds because no policy sets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Default {
    /// Path below `spec` in today's spelling.
    pub field: String,
    /// The value, in words where it is none.
    pub value: &'static str,
    /// Whose default it is.
    pub origin: &'static str,
    /// The field of Envoy's Cluster.
    pub envoy_field: Option<&'static str>,
}

/// Fields of `unit` that the API server fills in, without those in `written`.
pub(super) fn of_api(
    policy: &EffectivePolicy,
    unit: Unit,
    path: &FieldPath,
    written: &[Setting],
) -> Vec<Setting> {
    let fields = match unit {
        Unit::OutlierDetection if policy.outlier_detection().is_none() => Vec::new(),
        unit => api_defaults(unit),
    };
    let block = below_spec(path);
    let has_block = |leaf: &str| match leaf.rsplit_once('.') {
        Some((above, _)) => {
            let above = format!("{block}.{above}");
            written
                .iter()
                .any(|it| it.field == above || it.field.starts_with(&format!("{above}.")))
        }
        None => true,
    };
    fields
        .iter()
        .filter(|(leaf, _)| has_block(leaf))
        .map(|(leaf, value)| Setting {
            field: format!("{block}.{leaf}"),
            value: value.clone(),
            source: API.to_owned(),
            envoy_field: envoy_field(unit, leaf),
            is_api_default: true,
        })
        .filter(|default| written.iter().all(|it| it.field != default.field))
        .collect()
}

/// What the API server fills into a block that is written.
fn api_defaults(unit: Unit) -> Vec<(&'static str, Json)> {
    match unit {
        Unit::OutlierDetection => vec![
            ("consecutive5xx", 5.into()),
            ("interval", "10s".into()),
            ("baseEjectionTime", "30s".into()),
            ("maxEjectionPercent", 10.into()),
        ],
        Unit::UpstreamProxyProtocol => vec![("version", "V1".into())],
        Unit::LoadBalancer => vec![
            ("leastRequest.choiceCount", 2.into()),
            ("zoneAware.preferLocal.minEndpointsThreshold", 6.into()),
            ("zoneAware.preferLocal.routingEnabled", 100.into()),
            (
                "zoneAware.preferLocal.force.minEndpointsInZoneThreshold",
                1.into(),
            ),
        ],
        _ => Vec::new(),
    }
}

/// The default of a field, in today's spelling, and whose it is.
pub fn default_of(unit: Unit, leaf: &str) -> Option<(String, &'static str)> {
    let mut api = api_defaults(unit).into_iter();
    if let Some((_, value)) = api.find(|(name, _)| *name == leaf) {
        let value = value.as_str().map_or(value.to_string(), str::to_owned);
        return Some((value, API));
    }
    let row = ROWS
        .iter()
        .find(|row| row.unit == unit && row.leaf == leaf)?;
    Some((row.value.to_owned(), row.origin))
}

/// What holds on `backend` because no policy sets it.
pub(super) fn of_backend(backend: &Backend, settings: &[&Setting]) -> Vec<Default> {
    let applies = |row: &&Row| {
        let in_force = backend.policy.winner(row.unit).is_some();
        let fits = match row.unit {
            Unit::Http1ProtocolOptions => backend.protocol != ProtocolClass::Http2,
            Unit::Http2ProtocolOptions => backend.protocol == ProtocolClass::Http2,
            Unit::DnsRefreshRate | Unit::DnsRespectTtl => is_dns(backend),
            Unit::Tls => backend.tls_policy.is_none(),
            _ => true,
        };
        fits && !(row.leaf.is_empty() && in_force)
    };
    let rows = ROWS.iter().filter(applies).map(|row| Default {
        field: match row.leaf {
            "" => row.unit.name().to_owned(),
            leaf => format!("{}.{leaf}", row.unit.name()),
        },
        value: row.value,
        origin: row.origin,
        envoy_field: envoy_field(row.unit, row.leaf),
    });
    rows.filter(|default| {
        settings.iter().all(|setting| {
            // An Envoy field that a policy sets under an older name is set, too.
            setting.field != default.field
                && (default.envoy_field.is_none() || setting.envoy_field != default.envoy_field)
        })
    })
    .collect()
}

fn is_dns(backend: &Backend) -> bool {
    let is_name = |host: &StaticHost| host.host.parse::<IpAddr>().is_err();
    match &backend.source {
        BackendSource::ServiceEntry { object, .. } => object.spec.resolution.starts_with("DNS"),
        BackendSource::Backend { groups, .. } => {
            let mut members = groups.iter().flatten();
            members.any(|member| match &member.spec.backend_type {
                BackendType::Static { hosts, .. } => hosts.iter().any(is_name),
                _ => false,
            })
        }
        BackendSource::Service { .. } => false,
    }
}

struct Row {
    unit: Unit,
    leaf: &'static str,
    value: &'static str,
    origin: &'static str,
}

const fn row(unit: Unit, leaf: &'static str, value: &'static str, origin: &'static str) -> Row {
    Row {
        unit,
        leaf,
        value,
        origin,
    }
}

const API: &str = "API default";
const ENVOY: &str = "Envoy default";
const KGATEWAY: &str = "kgateway default";
/// A row without a leaf holds while the whole unit is not set.
const ROWS: &[Row] = &[
    row(Unit::ConnectTimeout, "", "5s", KGATEWAY),
    row(Unit::PerConnectionBufferLimitBytes, "", "1048576", ENVOY),
    row(Unit::TcpKeepalive, "", "off", ENVOY),
    row(Unit::CommonHttpProtocolOptions, "idleTimeout", "1h", ENVOY),
    row(
        Unit::CommonHttpProtocolOptions,
        "maxHeadersCount",
        "100",
        ENVOY,
    ),
    row(
        Unit::CommonHttpProtocolOptions,
        "maxStreamDuration",
        "no limit",
        ENVOY,
    ),
    row(
        Unit::CommonHttpProtocolOptions,
        "maxRequestsPerConnection",
        "no limit",
        ENVOY,
    ),
    row(
        Unit::CommonHttpProtocolOptions,
        "headersWithUnderscoresAction",
        "Allow",
        ENVOY,
    ),
    row(Unit::Http1ProtocolOptions, "enableTrailers", "false", ENVOY),
    row(
        Unit::Http1ProtocolOptions,
        "preserveHttp1HeaderCase",
        "false",
        ENVOY,
    ),
    row(
        Unit::Http2ProtocolOptions,
        "initialStreamWindowSize",
        "16Mi",
        ENVOY,
    ),
    row(
        Unit::Http2ProtocolOptions,
        "initialConnectionWindowSize",
        "24Mi",
        ENVOY,
    ),
    row(
        Unit::Http2ProtocolOptions,
        "maxConcurrentStreams",
        "1024",
        ENVOY,
    ),
    row(Unit::Tls, "", "none: plain text", ENVOY),
    row(Unit::LoadBalancer, "", "round robin", ENVOY),
    row(Unit::LoadBalancer, "healthyPanicThreshold", "50", ENVOY),
    row(Unit::HealthCheck, "", "none", ENVOY),
    row(Unit::OutlierDetection, "", "none", ENVOY),
    row(Unit::CircuitBreakers, "maxConnections", "1024", ENVOY),
    row(Unit::CircuitBreakers, "maxPendingRequests", "1024", ENVOY),
    row(Unit::CircuitBreakers, "maxRequests", "1024", ENVOY),
    row(Unit::CircuitBreakers, "maxRetries", "3", ENVOY),
    row(Unit::DnsRefreshRate, "", "60s", ENVOY),
    row(Unit::DnsRespectTtl, "", "false", ENVOY),
    row(Unit::UpstreamProxyProtocol, "", "none", ENVOY),
];
