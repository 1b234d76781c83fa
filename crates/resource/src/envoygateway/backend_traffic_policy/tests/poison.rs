// SPDX-License-Identifier: Apache-2.0
//! Values that upstream's schema lets pass and that make Envoy refuse a whole update: the table of
//! the specification, row by row. The row about gRPC probes of an HTTP/1 backend is attachment's.

use super::{Row, accepts, refuses};

const INVALID: &str = "invalid-value";

#[test]
fn is_refused_at_its_field() {
    let zero = "must be greater than 0s";
    let rows: &[Row<'_>] = &[
        (
            "connectTimeout",
            "timeout: {tcp: {connectTimeout: 0s}}",
            &[(INVALID, "spec.timeout.tcp.connectTimeout", zero)],
        ),
        (
            "active timeout",
            "healthCheck: {active: {tcp: {}, timeout: 0s}}",
            &[(INVALID, "spec.healthCheck.active.timeout", zero)],
        ),
        (
            "active interval",
            "healthCheck: {active: {tcp: {}, interval: 0ms}}",
            &[(INVALID, "spec.healthCheck.active.interval", zero)],
        ),
        (
            "passive interval",
            "healthCheck: {passive: {interval: 0s}}",
            &[(INVALID, "spec.healthCheck.passive.interval", zero)],
        ),
        (
            "baseEjectionTime",
            "healthCheck: {passive: {baseEjectionTime: 0s}}",
            &[(INVALID, "spec.healthCheck.passive.baseEjectionTime", zero)],
        ),
        (
            "method CONNECT",
            "healthCheck: {active: {http: {path: /, method: CONNECT}}}",
            &[(
                "unsupported-value",
                "spec.healthCheck.active.http.method",
                "\"GET\", \"HEAD\"",
            )],
        ),
        (
            "maxInterval alone",
            "retry: {perRetry: {backOff: {maxInterval: 20ms}}}",
            &[(
                INVALID,
                "spec.retry.perRetry.backOff.maxInterval",
                "at least 25ms, the base interval",
            )],
        ),
        (
            "baseInterval of zero",
            "retry: {perRetry: {backOff: {baseInterval: 0s}}}",
            &[(INVALID, "spec.retry.perRetry.backOff.baseInterval", zero)],
        ),
        (
            "maxInterval below the base",
            "retry: {backoff: {baseInterval: 100ms, maxInterval: 99ms}}",
            &[(
                INVALID,
                "spec.retry.backoff.maxInterval",
                "must be greater than or equal to `spec.retry.backoff.baseInterval`",
            )],
        ),
        (
            "dnsRefreshRate of zero",
            "dns: {dnsRefreshRate: 0s}",
            &[(INVALID, "spec.dns.dnsRefreshRate", "at least 2ms")],
        ),
        (
            "dnsRefreshRate of 1ms",
            "dns: {dnsRefreshRate: 1ms}",
            &[(INVALID, "spec.dns.dnsRefreshRate", "at least 2ms")],
        ),
        (
            "predictivePercent",
            "loadBalancer: {type: Random}\nconnection: {preconnect: {predictivePercent: 301}}",
            &[(
                INVALID,
                "spec.connection.preconnect.predictivePercent",
                "less than or equal to 300",
            )],
        ),
        (
            "keepalive without timeout",
            "http2: {connectionKeepalive: {interval: 10s}}",
            &[(
                "required-value",
                "spec.http2.connectionKeepalive.timeout",
                "Required value",
            )],
        ),
        (
            "keepalive with zeros",
            "http2: {connectionKeepalive: {timeout: 0s, interval: 0s, idleInterval: 0s}}",
            &[
                (INVALID, "spec.http2.connectionKeepalive.timeout", zero),
                (INVALID, "spec.http2.connectionKeepalive.interval", zero),
                (INVALID, "spec.http2.connectionKeepalive.idleInterval", zero),
            ],
        ),
        (
            "empty header name",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: Header, header: {name: ''}}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.header.name",
                "at least 1 chars",
            )],
        ),
        (
            "empty name in headers",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: Headers, headers: [{name: ''}]}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.headers[0].name",
                "at least 1 chars",
            )],
        ),
        (
            "empty cookie name",
            "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: ''}}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.cookie.name",
                "at least 1 chars",
            )],
        ),
        (
            "empty upgrade",
            "httpUpgrade: [{type: ''}]",
            &[(INVALID, "spec.httpUpgrade[0].type", "at least 1 chars")],
        ),
        (
            "httpStatus 600",
            "faultInjection: {abort: {httpStatus: 600}}",
            &[(
                INVALID,
                "spec.faultInjection.abort.httpStatus",
                "less than or equal to 599",
            )],
        ),
        (
            "local limit of 0 requests",
            "rateLimit: {local: {rules: [{limit: {requests: 0, unit: Second}}]}}",
            &[(
                INVALID,
                "spec.rateLimit.local.rules[0]",
                "at least 1 request",
            )],
        ),
        (
            "buffer of 0 bytes",
            "requestBuffer: {limit: 0}",
            &[(
                INVALID,
                "spec.requestBuffer.limit",
                "between 1 and 4294967295 bytes",
            )],
        ),
        (
            "tableSize",
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP, tableSize: 65536}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.tableSize",
                "the next prime is 65537",
            )],
        ),
        (
            "an empty text in a probe",
            "healthCheck: {active: {tcp: {send: {text: ''}}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.tcp.send.text",
                "at least 1 chars",
            )],
        ),
        (
            "NUL in an attribute of a cookie",
            "loadBalancer: {type: Maglev, consistentHash: {type: Cookie, cookie: {name: a, attributes: {A: \"\\0\"}}}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.cookie.attributes.A",
                "control characters",
            )],
        ),
    ];
    refuses(rows);
}

/// Odd, and harmless to Envoy.
#[test]
fn zeros_that_envoy_takes_are_taken() {
    accepts(&[
        (
            "breakers",
            "circuitBreaker: {maxConnections: 0, maxParallelRequests: 0, maxParallelRetries: 0}",
            &[],
        ),
        (
            "maxPendingRequests, with a word about it",
            "circuitBreaker: {maxPendingRequests: 0}",
            &[(
                "doubtful-value",
                "spec.circuitBreaker.maxPendingRequests",
                "the very first one included",
            )],
        ),
        (
            "keepalive",
            "tcpKeepalive: {probes: 0, idleTime: 0s, interval: 0s}",
            &[],
        ),
        (
            "outliers",
            "healthCheck: {passive: {consecutive5XxErrors: 0, maxEjectionPercent: 0}}",
            &[],
        ),
        (
            "slow start",
            "loadBalancer: {type: RoundRobin, slowStart: {window: 0s}}",
            &[],
        ),
        ("per try", "retry: {perRetry: {timeout: 0s}}", &[]),
        (
            "request timeout",
            "timeout: {http: {requestTimeout: 0s}}",
            &[],
        ),
        (
            "global limit",
            "rateLimit: {global: {rules: [{limit: {requests: 0, unit: Day}}]}}",
            &[],
        ),
        (
            "maxInterval alone",
            "retry: {perRetry: {backOff: {maxInterval: 25ms}}}",
            &[],
        ),
    ]);
}
