// SPDX-License-Identifier: Apache-2.0
//! `loadBalancer.zoneAware`.
//!
//! In: the block. Out: staying in the zone, or shares of zones.

use crate::admission::Block;

/// Zones; at most one of the two is set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ZoneAware {
    /// `preferLocal`.
    pub prefer_local: Option<PreferLocal>,
    /// `weightedZones`; empty: none.
    pub weighted_zones: Vec<WeightedZone>,
}

/// Stay in the gateway's own zone while that is fair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PreferLocal {
    /// `force.minEndpointsInZoneThreshold`; `Some(None)` where `force` is there without it, which
    /// means 1 (Envoy Gateway default). Absent: not forced.
    pub force: Option<Option<u32>>,
    /// `minEndpointsThreshold`. Absent: 6 (Envoy default).
    pub min_endpoints_threshold: Option<u64>,
    /// `percentageEnabled`, 0..100. Absent: 100 (Envoy default).
    pub percentage_enabled: Option<u32>,
}

/// The weight of a zone. Zones that are not listed weigh 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightedZone {
    /// `zone`.
    pub zone: String,
    /// `weight`.
    pub weight: u32,
}

impl ZoneAware {
    pub(super) fn decode(block: &Block<'_>) -> Self {
        let prefer_local = block.object("preferLocal", PreferLocal::decode);
        let items = block.list("weightedZones", 0..=usize::MAX);
        let mut weighted_zones: Vec<WeightedZone> = Vec::new();
        for item in &items {
            let Some(zone) = item.object(WeightedZone::decode).flatten() else {
                continue;
            };
            if weighted_zones.iter().any(|other| other.zone == zone.zone) {
                item.duplicate(&zone.zone);
            }
            weighted_zones.push(zone);
        }
        if prefer_local.is_some() && !weighted_zones.is_empty() {
            block
                .field
                .reject("preferLocal and weightedZones may not be set together");
        }
        Self {
            prefer_local,
            weighted_zones,
        }
    }
}

impl PreferLocal {
    fn decode(block: &Block<'_>) -> Self {
        let threshold = block.optional("minEndpointsThreshold");
        Self {
            force: block.object("force", |block| {
                block.u32("minEndpointsInZoneThreshold", 0..=u32::MAX)
            }),
            min_endpoints_threshold: threshold.and_then(|field| field.u64(0)),
            percentage_enabled: block.percent("percentageEnabled"),
        }
    }
}

impl WeightedZone {
    fn decode(block: &Block<'_>) -> Option<Self> {
        let zone = block.required("zone").and_then(|field| field.text(253));
        let weight = block.required("weight");
        let weight = weight.and_then(|field| field.u32(0..=u32::MAX));
        Some(Self {
            zone: zone?.to_owned(),
            weight: weight?,
        })
    }
}
