// SPDX-License-Identifier: Apache-2.0
//! Connections and their limits.
//!
//! In: nothing. Out: schemas of `circuitBreaker`, `tcpKeepalive`, `connection` and `http2`.

use crate::crds::{
    http2,
    schema::{
        Schema, U32_MAX, any, bytes, duration, integer, object, percent, positive_duration, word,
    },
};

pub(super) fn circuit_breaker() -> Schema {
    let limit = || integer(0, U32_MAX);
    let per_endpoint = object([("maxConnections", limit().says("Absent: 1024."))]);
    let budget = object([
        (
            "percent",
            any().says("Share of requests in percent, or {numerator, denominator}."),
        ),
        (
            "minRetryConcurrency",
            limit().says("Allowed whatever the share. Absent: 3."),
        ),
    ])
    .required(&["percent"]);
    object([
        (
            "maxConnections",
            limit().says("Connections at once. Absent: 1024."),
        ),
        (
            "maxPendingRequests",
            limit().says("Requests that wait for a connection. Absent: 1024."),
        ),
        (
            "maxParallelRequests",
            limit().says("Requests at once. Absent: 1024."),
        ),
        (
            "maxRequests",
            limit().says("Other name of maxParallelRequests."),
        ),
        (
            "maxParallelRetries",
            limit().says("Retries at once. Absent: 1024."),
        ),
        (
            "maxRetries",
            limit().says("Other name of maxParallelRetries."),
        ),
        (
            "maxConnectionPools",
            limit().says("Connection pools at once."),
        ),
        (
            "maxRequestsPerConnection",
            limit().says("Requests after which a connection is closed; 0 is never."),
        ),
        ("perEndpoint", per_endpoint.says("Limits of each host.")),
        (
            "retryBudget",
            budget.says("Retries as a share of requests, instead of their number."),
        ),
    ])
    .says("Limits of what goes to a backend at once, from one gateway.")
    .same("maxParallelRequests", "maxRequests")
    .same("maxParallelRetries", "maxRetries")
}

pub(super) fn tcp_keepalive() -> Schema {
    object([
        (
            "probes",
            integer(0, U32_MAX)
                .says("Probes without an answer after which the connection is given up."),
        ),
        (
            "idleTime",
            duration().says("Idle time before the first probe."),
        ),
        ("interval", duration().says("Time between probes.")),
    ])
    .says("TCP keep-alive; an empty block turns it on with the system's values.")
}

pub(super) fn connection() -> Schema {
    let preconnect = object([
        (
            "perEndpointPercent",
            integer(100, 300).says("Connections of a host, in percent of those in use."),
        ),
        (
            "predictivePercent",
            integer(100, 300).says("Connections of all hosts, in percent of those in use."),
        ),
    ]);
    let limit = object([
        (
            "value",
            integer(1, U32_MAX).says("Connections at once, from one gateway."),
        ),
        (
            "closeDelay",
            duration().says("How long a TCP connection too many stays open."),
        ),
    ])
    .required(&["value"]);
    object([
        (
            "bufferLimit",
            bytes(0, U32_MAX)
                .says("Bytes that are buffered for a connection before its sender has to wait."),
        ),
        (
            "socketBufferLimit",
            bytes(0, U32_MAX)
                .says("Bytes of the kernel's buffers of a connection, in each direction."),
        ),
        (
            "preconnect",
            preconnect.says("Connections ahead of demand."),
        ),
        (
            "connectionLimit",
            limit.says("A limit of connections to the backend."),
        ),
    ])
    .says("Connections to the backend.")
}

pub(super) fn http2() -> Schema {
    let keepalive = object([
        (
            "timeout",
            positive_duration().says("How long the answer to a PING may take."),
        ),
        ("interval", positive_duration().says("Time between PINGs.")),
        (
            "intervalJitter",
            percent().says("Random addition to interval. Absent: 15."),
        ),
        (
            "idleInterval",
            positive_duration().says("A connection idle for so long is tried before it is used."),
        ),
    ])
    .says("PINGs that find dead connections.")
    .required(&["timeout"])
    .rule(
        "!has(self.interval) || duration(self.timeout) < duration(self.interval)",
        "timeout must be less than interval: lower timeout",
    );
    http2::options()
        .fields([
            (
                "onInvalidMessage",
                word(&["TerminateConnection", "TerminateStream"])
                    .says("What an invalid message ends."),
            ),
            ("connectionKeepalive", keepalive),
        ])
        .says("HTTP/2, for a backend that speaks it.")
}
