// SPDX-License-Identifier: Apache-2.0
//! Health of hosts.
//!
//! In: nothing. Out: schemas of `healthCheck` and `outlierDetection`.

use crate::crds::schema::{
    I32_MAX, Schema, boolean, duration_from, integer, object, percent, positive_duration, string,
    text, word,
};

pub(super) fn active() -> Schema {
    let methods = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH",
    ];
    let http = object([
        ("path", text(1, 4096).says("Path that is asked for.")),
        (
            "host",
            string().says("Host header. Absent: the host's own name."),
        ),
        ("method", word(&methods).says("Absent: GET.")),
    ])
    .required(&["path"]);
    let grpc = object([
        (
            "serviceName",
            string().says("Service that is asked about. Absent: the whole server."),
        ),
        (
            "authority",
            string().says("Authority header. Absent: the host's own name."),
        ),
    ]);
    object([
        (
            "timeout",
            positive_duration().says("How long an answer may take."),
        ),
        (
            "interval",
            positive_duration().says("Time between two checks."),
        ),
        (
            "unhealthyThreshold",
            integer(0, I32_MAX).says("Failures in a row that make a host unhealthy."),
        ),
        (
            "healthyThreshold",
            integer(0, I32_MAX).says("Successes in a row that make it healthy again."),
        ),
        ("http", http.says("A request; 200 is a success.")),
        (
            "grpc",
            grpc.says("gRPC's health protocol, for a backend that speaks HTTP/2."),
        ),
    ])
    .says("Hosts are asked for their health.")
    .required(&[
        "timeout",
        "interval",
        "unhealthyThreshold",
        "healthyThreshold",
    ])
    .exactly_one(&["http", "grpc"])
}

pub(super) fn passive() -> Schema {
    object([
        (
            "consecutive5xx",
            integer(0, I32_MAX)
                .says("Answers of 500 and more in a row that eject a host; 0 is never. Absent: 5."),
        ),
        (
            "enforcingConsecutive5xx",
            percent().says("Chance that it is ejected then. Absent: 100."),
        ),
        (
            "splitExternalLocalOriginErrors",
            boolean().says("Failures to connect are counted apart from answers."),
        ),
        (
            "consecutiveLocalOriginFailure",
            integer(0, I32_MAX)
                .says("Failures to connect in a row that eject a host, where they are split."),
        ),
        (
            "enforcingConsecutiveLocalOriginFailure",
            percent().says("Chance that it is ejected then."),
        ),
        (
            "interval",
            duration_from("1ms").says("Time between two looks. Absent: 10s."),
        ),
        (
            "baseEjectionTime",
            duration_from("1ms")
                .says("How long the first ejection lasts; later ones last longer. Absent: 30s."),
        ),
        (
            "maxEjectionPercent",
            percent().says("Share of hosts that may be ejected. Absent: 10."),
        ),
    ])
    .says("Hosts whose answers are bad get no requests for a while; an empty block turns it on.")
}
