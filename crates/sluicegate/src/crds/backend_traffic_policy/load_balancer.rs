// SPDX-License-Identifier: Apache-2.0
//! Load balancing.
//!
//! In: nothing. Out: the schema of `loadBalancer` in both dialects.

use crate::crds::schema::{
    I32_MAX, Schema, U32_MAX, boolean, duration, header_name, integer, list, map, object, open,
    percent, positive_duration, string, text, word,
};

const TYPES: [&str; 7] = [
    "RoundRobin",
    "LeastRequest",
    "Random",
    "Maglev",
    "ConsistentHash",
    "BackendUtilization",
    "DynamicModule",
];

pub(super) fn load_balancer() -> Schema {
    let slow_start = object([("window", duration().says("How long a new host warms up."))])
        .required(&["window"]);
    let extract = object([("header", header_name())]).required(&["header"]);
    let endpoint_override =
        object([("extractFrom", list(extract, 1, 10))]).required(&["extractFrom"]);
    let block = object([
        ("type", word(&TYPES)),
        ("consistentHash", consistent_hash()),
        ("backendUtilization", backend_utilization()),
        (
            "slowStart",
            slow_start.says("New hosts get their share little by little."),
        ),
        ("zoneAware", zone_aware()),
        (
            "endpointOverride",
            endpoint_override.says("A header of the request names its host."),
        ),
        ("dynamicModule", open().says("Not implemented.")),
    ])
    .says("Which host gets a request.")
    .required(&["type"]);
    rules(block)
}

fn rules(block: Schema) -> Schema {
    block
        .needs("consistentHash", "ConsistentHash")
        .rule(
            "!has(self.consistentHash) || self.type in ['ConsistentHash', 'Maglev']",
            "consistentHash may only be set when type is ConsistentHash or Maglev: change type, or \
             remove consistentHash",
        )
        .needs("backendUtilization", "BackendUtilization")
        .belongs("backendUtilization", "BackendUtilization")
        .belongs("dynamicModule", "DynamicModule")
        .rule(
            "!has(self.slowStart) || self.type in ['RoundRobin', 'LeastRequest', \
             'BackendUtilization']",
            "slowStart may only be set when type is RoundRobin, LeastRequest or \
             BackendUtilization: remove slowStart",
        )
        .rule(
            "!has(self.zoneAware) || !has(self.zoneAware.preferLocal) || self.type in \
             ['RoundRobin', 'LeastRequest', 'Random']",
            "preferLocal may only be used when type is RoundRobin, LeastRequest or Random: remove \
             preferLocal",
        )
        .rule(
            "!has(self.zoneAware) || !has(self.zoneAware.weightedZones) || \
             self.type != 'DynamicModule'",
            "weightedZones may not be used when type is DynamicModule: remove weightedZones",
        )
        .rule(
            "!has(self.endpointOverride) || self.type != 'DynamicModule'",
            "endpointOverride may not be used when type is DynamicModule: remove endpointOverride",
        )
}

fn consistent_hash() -> Schema {
    let header = || object([("name", header_name())]).required(&["name"]);
    let parameter = object([("name", text(1, 4096))]).required(&["name"]);
    let cookie = object([
        ("name", text(1, 4096)),
        ("ttl", duration()
            .says("Life of a cookie that the gateway makes; 0s is the session. Absent: it makes none.")),
        ("path", string()),
        ("attributes", map(string())),
    ])
    .required(&["name"]);
    let mut block = object([
        (
            "type",
            word(&["SourceIP", "Header", "Headers", "Cookie", "QueryParams"]),
        ),
        ("header", header().says("Older form of headers.")),
        ("headers", list(header(), 1, u32::MAX)),
        ("cookie", cookie),
        ("queryParams", list(parameter, 1, u32::MAX)),
        (
            "tableSize",
            integer(2, 5_000_011).says("A prime number. Absent: 65537."),
        ),
    ])
    .says("What of a request is hashed.")
    .required(&["type"]);
    let members = [
        ("header", "Header"),
        ("headers", "Headers"),
        ("cookie", "Cookie"),
        ("queryParams", "QueryParams"),
    ];
    for (member, kind) in members {
        block = block.needs(member, kind).belongs(member, kind);
    }
    block
}

fn backend_utilization() -> Schema {
    let out_of_band = object([
        ("reportingPeriod", positive_duration().says("Absent: 10s.")),
        ("port", integer(1, 65_535).says("Absent: the serving port.")),
        ("authority", text(1, 259)),
    ]);
    object([
        (
            "blackoutPeriod",
            duration().says("Reports of a new host are ignored for so long. Absent: 10s."),
        ),
        (
            "weightExpirationPeriod",
            duration().says("A silent host loses its weight. Absent: 3m."),
        ),
        (
            "weightUpdatePeriod",
            duration().says("Time between two new weights. Absent: 1s."),
        ),
        ("errorUtilizationPenaltyPercent", integer(0, I32_MAX)),
        (
            "metricNamesForComputingUtilization",
            list(string(), 0, u32::MAX),
        ),
        ("keepResponseHeaders", boolean()),
        (
            "outOfBand",
            out_of_band.says("Reports on a connection of their own."),
        ),
    ])
    .says("Weights from what hosts report about their load.")
}

fn zone_aware() -> Schema {
    let least = "minEndpointsInZoneThreshold";
    let prefer_local = object([
        (
            "force",
            object([(least, integer(0, U32_MAX).says("Absent: 1."))])
                .says("Requests stay in the zone while it has so many hosts."),
        ),
        (
            "minEndpointsThreshold",
            integer(0, i64::MAX).says("With fewer hosts, zones are ignored. Absent: 6."),
        ),
        (
            "percentageEnabled",
            percent().says("Share of requests it applies to. Absent: 100."),
        ),
    ]);
    let zone = object([("zone", text(1, 253)), ("weight", integer(0, U32_MAX))])
        .required(&["zone", "weight"]);
    object([
        (
            "preferLocal",
            prefer_local.says("Requests stay in their zone as far as that is fair."),
        ),
        (
            "weightedZones",
            list(zone, 0, u32::MAX)
                .keyed(&["zone"])
                .says("Zones get requests by weight; one that is not named has 1."),
        ),
    ])
    .rule(
        "!has(self.preferLocal) || !has(self.weightedZones) || size(self.weightedZones) == 0",
        "preferLocal and weightedZones may not be set together: remove one of them",
    )
}
