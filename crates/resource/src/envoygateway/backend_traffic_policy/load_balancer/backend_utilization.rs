// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer.backendUtilization`: weights from what hosts report about their load.
//!
//! In: the block. Out: times, metrics and how reports come.

use std::time::Duration;

use super::super::reader;
use crate::admission::{Block, I32_MAX};

/// Weights from load reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackendUtilization {
    /// `blackoutPeriod`: reports of a new host are ignored for so long. Absent: 10 s (Envoy default).
    pub blackout_period: Option<Duration>,
    /// `weightExpirationPeriod`: a silent host loses its weight. Absent: 3 min (Envoy default).
    pub weight_expiration_period: Option<Duration>,
    /// `weightUpdatePeriod`. Absent: 1 s (Envoy default).
    pub weight_update_period: Option<Duration>,
    /// `errorUtilizationPenaltyPercent`; 100 is a factor of 1. Absent: none.
    pub error_utilization_penalty_percent: Option<u32>,
    /// `metricNamesForComputingUtilization`; empty: CPU utilization (Envoy default).
    pub metric_names_for_computing_utilization: Vec<String>,
    /// `keepResponseHeaders`: clients see the reports. Absent: false.
    pub keep_response_headers: Option<bool>,
    /// `outOfBand`. Absent: reports come with responses.
    pub out_of_band: Option<OutOfBand>,
}

/// Load reports on a connection of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutOfBand {
    /// `reportingPeriod`, more than zero. Absent: 10 s (Envoy default).
    pub reporting_period: Option<Duration>,
    /// `port`. Absent: the serving port.
    pub port: Option<u16>,
    /// `authority`, 1..259 characters.
    pub authority: Option<String>,
}

impl BackendUtilization {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let names = block.optional("metricNamesForComputingUtilization");
        Self {
            blackout_period: block.duration("blackoutPeriod"),
            weight_expiration_period: block.duration("weightExpirationPeriod"),
            weight_update_period: block.duration("weightUpdatePeriod"),
            error_utilization_penalty_percent: block
                .u32("errorUtilizationPenaltyPercent", 0..=I32_MAX),
            metric_names_for_computing_utilization: names
                .map(|field| field.strings(0..=usize::MAX))
                .unwrap_or_default(),
            keep_response_headers: block.boolean("keepResponseHeaders"),
            out_of_band: block.object("outOfBand", OutOfBand::decode),
        }
    }
}

impl OutOfBand {
    fn decode(block: &Block<'_>) -> Self {
        let authority = block.optional("authority");
        Self {
            reporting_period: block.positive_duration("reportingPeriod"),
            port: block.optional("port").and_then(|field| field.port()),
            authority: authority.and_then(|field| reader::name(&field, 259)),
        }
    }
}
