// SPDX-License-Identifier: Apache-2.0
//! `admissionControl`.
//!
//! In: the block. Out: when requests are turned away because too many have failed.

use std::time::Duration;

use super::reader;
use crate::admission::{Block, Field};

/// Turns a share of requests away while the success rate is low.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AdmissionControl {
    /// `samplingWindow`, at least 1 s. Absent: 30 s (Envoy default).
    pub sampling_window: Option<Duration>,
    /// `minSuccessRate`, percent 1..100. Absent: 95 (Envoy default).
    pub min_success_rate: Option<f64>,
    /// `rejectionAggression`, at least 1; 1 rejects in proportion. Absent: 1 (Envoy default).
    pub rejection_aggression: Option<f64>,
    /// `minRequestRate` in requests per second. Absent: 0 (Envoy default).
    pub min_request_rate: Option<u32>,
    /// `maxRejectionPercent`, 0..100. Absent: 80 (Envoy default).
    pub max_rejection_percent: Option<f64>,
    /// `successCriteria.http.statusCodes`, 100..599. Absent: below 500 (Envoy default).
    pub http_success: Option<Vec<u16>>,
    /// `successCriteria.grpc.statusCodes`, 0..16. Absent: Envoy's list.
    pub grpc_success: Option<Vec<u8>>,
}

/// The names of gRPC's statuses, by number.
const GRPC: [&str; 17] = [
    "Ok",
    "Cancelled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

impl AdmissionControl {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let number = |name, least, most| {
            let field = block.optional(name)?;
            reader::number(&field, least..=most)
        };
        let criteria = block.object("successCriteria", |block| {
            let http = block.object("http", |block| {
                block.optional("statusCodes")?;
                Some(reader::statuses(block, "statusCodes"))
            });
            let grpc = block.object("grpc", |block| {
                let field = block.optional("statusCodes")?;
                let items = field.items(0..=usize::MAX);
                Some(items.iter().filter_map(grpc_status).collect())
            });
            (http.flatten(), grpc.flatten())
        });
        let (http_success, grpc_success) = criteria.unwrap_or_default();
        Self {
            sampling_window: block.duration_from("samplingWindow", Duration::from_secs(1)),
            min_success_rate: number("minSuccessRate", 1.0, 100.0),
            rejection_aggression: number("rejectionAggression", 1.0, f64::INFINITY),
            min_request_rate: block.u32("minRequestRate", 0..=u32::MAX),
            max_rejection_percent: number("maxRejectionPercent", 0.0, 100.0),
            http_success,
            grpc_success,
        }
    }
}

/// A status by its name, in camel case or in gRPC's own `UPPER_SNAKE_CASE`.
fn grpc_status(field: &Field<'_>) -> Option<u8> {
    let plain = field.string()?.replace('_', "");
    let found = GRPC
        .iter()
        .position(|name| name.eq_ignore_ascii_case(&plain));
    if found.is_none() {
        field.word(&GRPC);
    }
    u8::try_from(found?).ok()
}
