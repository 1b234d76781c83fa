// SPDX-License-Identifier: Apache-2.0
//! Endpoints that outlier detection has ejected.
//!
//! In: what the data plane says. Out: rows.

use serde::Serialize;
use sluicegate_dataplane::Ejected;

use super::backends::Ejection;

/// One endpoint.
#[derive(Debug, Clone, Serialize)]
pub struct EjectionRow {
    /// Name of the Envoy cluster.
    pub cluster: String,
    /// `address:port`.
    pub endpoint: String,
    /// Why, and until when.
    #[serde(flatten)]
    pub ejection: Ejection,
}

/// A row per endpoint.
pub fn rows(ejected: &[Ejected]) -> Vec<EjectionRow> {
    let rows = ejected.iter().map(|one| EjectionRow {
        cluster: one.cluster.to_string(),
        endpoint: one.address.to_string(),
        ejection: Ejection::of(one),
    });
    rows.collect()
}
