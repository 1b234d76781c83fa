// SPDX-License-Identifier: Apache-2.0
//! Health of hosts.
//!
//! In: nothing. Out: the schema of `healthCheck` in both dialects.

use crate::crds::schema::{
    Schema, U32_MAX, boolean, duration, integer, list, object, percent, positive_duration, string,
    text, word,
};

pub(super) fn health_check() -> Schema {
    object([
        (
            "panicThreshold",
            percent().says(
                "With fewer healthy hosts than this, health is ignored; 0 is never. Absent: 50.",
            ),
        ),
        ("active", active()),
        ("passive", passive()),
    ])
    .says("Which hosts are well enough for requests.")
}

fn active() -> Schema {
    let threshold = || integer(1, U32_MAX);
    let tcp = object([("send", payload()), ("receive", payload())]);
    object([
        (
            "type",
            word(&["HTTP", "TCP", "GRPC"])
                .says("Says again which of the blocks below is set; it can be left out."),
        ),
        (
            "timeout",
            positive_duration().says("How long an answer may take. Absent: 1s."),
        ),
        (
            "interval",
            positive_duration().says("Time between two checks. Absent: 3s."),
        ),
        (
            "initialJitter",
            duration().says("Random time before the first check."),
        ),
        (
            "unhealthyThreshold",
            threshold().says("Failures in a row. Absent: 3."),
        ),
        (
            "healthyThreshold",
            threshold().says("Successes in a row. Absent: 1."),
        ),
        ("http", http()),
        (
            "tcp",
            tcp.says("A connection; what is sent and what must come back."),
        ),
        (
            "grpc",
            object([("service", string())]).says("gRPC's health protocol, over HTTP/2."),
        ),
        ("overrides", object([("port", integer(1, 65_535))])),
        ("healthCheckLog", log()),
    ])
    .says("Hosts are asked for their health.")
    .rule(
        "has(self.type) || has(self.http) || has(self.tcp) || has(self.grpc)",
        "set one of http, tcp, grpc: say how hosts are asked",
    )
    .at_most_one(&["http", "tcp", "grpc"])
    .belongs("http", "HTTP")
    .needs("http", "HTTP")
    .belongs("tcp", "TCP")
    .needs("tcp", "TCP")
    .belongs("grpc", "GRPC")
}

fn http() -> Schema {
    let method = text(1, 16).rule(
        "self.upperAscii() in ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH']",
        "method must be one of GET, HEAD, POST, PUT, DELETE, OPTIONS, TRACE, PATCH",
    );
    let statuses = || list(integer(100, 599), 0, u32::MAX);
    object([
        ("path", text(1, 1024).says("Path that is asked for.")),
        ("hostname", text(1, 253).says("Host header. Absent: that of the host, or of the route.")),
        ("method", method.says("Absent: GET.")),
        ("expectedStatuses", statuses().says("Statuses of success. Absent: 200.")),
        ("retriableStatuses", statuses()
            .says("Statuses that count towards unhealthyThreshold; others fail at once.")),
        ("expectedResponse", payload().says("What the body must contain.")),
        ("requestBody", payload().says("What is sent, with POST and PUT.")),
    ])
    .says("A request.")
    .required(&["path"])
    .rule(
        "!has(self.requestBody) || (has(self.method) && self.method.upperAscii() in ['POST', 'PUT'])",
        "requestBody may only be set when method is POST or PUT: change method, or remove \
         requestBody",
    )
}

fn payload() -> Schema {
    object([
        (
            "type",
            word(&["Text", "Binary"])
                .says("Says again which of the fields is set; it can be left out."),
        ),
        ("text", text(1, 65_536)),
        (
            "binary",
            text(1, 65_536).with("format", "byte").says("In base64."),
        ),
    ])
    .exactly_one(&["text", "binary"])
    .belongs("text", "Text")
    .belongs("binary", "Binary")
}

fn log() -> Schema {
    let kinds = [
        "Failure",
        "FailureSeriesStart",
        "Success",
        "HealthyTransition",
    ];
    let sink = object([
        ("type", word(&["File"])),
        (
            "file",
            object([("path", text(1, 4096))]).required(&["path"]),
        ),
    ])
    .required(&["type", "file"]);
    object([
        (
            "matches",
            list(word(&kinds), 0, 4).says("What is logged. Absent: every check."),
        ),
        (
            "sinks",
            list(sink, 0, 1).says("Where to. Absent: standard output."),
        ),
    ])
    .says("Checks are logged.")
    .rule(
        "!has(self.matches) || \
         !self.matches.exists(kind, kind in ['Failure', 'FailureSeriesStart']) || \
         self.matches.exists(kind, kind in ['Success', 'HealthyTransition'])",
        "a failure kind in matches needs a success kind beside it: add HealthyTransition",
    )
}

fn passive() -> Schema {
    let number = || integer(0, U32_MAX);
    object([
        (
            "consecutive5XxErrors",
            number().says("Answers of 500 and more in a row that eject a host. Absent: 5."),
        ),
        (
            "consecutive5xxErrors",
            number().says("Other name of consecutive5XxErrors."),
        ),
        (
            "consecutive5XXErrors",
            number().says("Other name of consecutive5XxErrors."),
        ),
        (
            "interval",
            positive_duration().says("Time between two looks. Absent: 3s."),
        ),
        (
            "baseEjectionTime",
            positive_duration()
                .says("How long the first ejection lasts; later ones last longer. Absent: 30s."),
        ),
        (
            "maxEjectionPercent",
            percent().says("Share of hosts that may be ejected. Absent: 10."),
        ),
        (
            "splitExternalLocalOriginErrors",
            boolean().says("Failures to connect are counted apart from answers."),
        ),
        (
            "consecutiveLocalOriginFailures",
            number().says("Failures to connect in a row, where they are split. Absent: 5."),
        ),
        (
            "consecutiveGatewayErrors",
            number().says("Answers 502, 503 and 504 in a row."),
        ),
        (
            "failurePercentageThreshold",
            percent().says("Share of failures that ejects a host."),
        ),
        (
            "alwaysEjectOneEndpoint",
            boolean().says("One host may go whatever the percentage."),
        ),
    ])
    .says("Hosts whose answers are bad get no requests for a while.")
    .same("consecutive5XxErrors", "consecutive5xxErrors")
    .same("consecutive5XxErrors", "consecutive5XXErrors")
    .same("consecutive5xxErrors", "consecutive5XXErrors")
}
