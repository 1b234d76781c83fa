// SPDX-License-Identifier: Apache-2.0
//! What one look at a process shows.
//!
//! In: rows with their numbers. Out: values for the screen, the table and JSON.

use std::borrow::Cow;

use serde::Serialize;

use crate::operator::backends::{BackendRow, Breaker, EndpointRow, State};

/// A process and its backends.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Where its admin API is.
    pub admin: String,
    /// Whether nothing is known of manifests, as of a real Envoy.
    pub is_envoy: bool,
    /// Envoy's word for the state of the process.
    pub server: String,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Requests of clients per second; `None` at the first look.
    pub requests_per_second: Option<f64>,
    /// Those of them with a status from 500 on.
    pub errors_per_second: Option<f64>,
    /// Requests of clients now.
    pub active: u64,
    /// Connections of clients now.
    pub connections: u64,
    /// Worst first.
    pub backends: Vec<Row>,
}

/// One backend.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `namespace/name:port`, or the cluster where nothing is known of manifests.
    pub name: String,
    /// Name of the Envoy cluster.
    pub cluster: String,
    /// How it is.
    pub state: State,
    /// Why; empty when there is nothing to say.
    pub why: String,
    /// Endpoints that are sent requests.
    pub usable: usize,
    /// Its endpoints.
    pub endpoints: Vec<EndpointRow>,
    /// Answers to clients per second; `None` at the first look.
    pub requests_per_second: Option<f64>,
    /// Those of them with a status from 500 on.
    pub errors_per_second: Option<f64>,
    /// Milliseconds that half of the last seconds' requests took at most; `None` without any.
    pub p50_ms: Option<f64>,
    /// The same of 99 in 100.
    pub p99_ms: Option<f64>,
    /// Times that an endpoint was ejected, since the start.
    pub ejections: u64,
    /// Requests now.
    pub active: u64,
    /// Requests that wait for a connection now.
    pub pending: u64,
    /// The circuit breaker nearest to its limit.
    pub headroom: Option<Headroom>,
}

/// How much is left below a limit.
#[derive(Debug, Clone, Serialize)]
pub struct Headroom {
    /// Envoy's name of the limit.
    pub limit: Cow<'static, str>,
    /// What is left of it, in percent.
    pub percent: u8,
    /// Used now.
    pub used: u64,
    /// The limit.
    pub of: u32,
}

impl Row {
    /// A row; `rates` are requests and errors per second.
    pub(super) fn of(row: BackendRow, rates: [Option<f64>; 2]) -> Self {
        Self {
            headroom: headroom(&row.breakers),
            name: row.name,
            cluster: row.cluster,
            state: row.state,
            why: row.why,
            usable: row.usable,
            endpoints: row.endpoints,
            requests_per_second: rates[0],
            errors_per_second: rates[1],
            p50_ms: row.p50_ms,
            p99_ms: row.p99_ms,
            ejections: row.ejections,
            active: row.active,
            pending: row.pending,
        }
    }
}

/// Of the breaker with the least left, of those that have a limit.
fn headroom(breakers: &[Breaker]) -> Option<Headroom> {
    let left = |breaker: &Breaker| {
        let limit = u64::from(breaker.limit).max(1);
        let left = limit.saturating_sub(breaker.used) * 100 / limit;
        // An open breaker has nothing left, whatever was counted a moment before.
        u8::try_from(left).unwrap_or(100) * u8::from(!breaker.open)
    };
    let limited = breakers.iter().filter(|breaker| breaker.limit != u32::MAX);
    let nearest = limited.min_by_key(|breaker| left(breaker))?;
    Some(Headroom {
        limit: nearest.name.clone(),
        percent: left(nearest),
        used: nearest.used,
        of: nearest.limit,
    })
}
