// SPDX-License-Identifier: Apache-2.0
//! Scalar types: durations, bytes, statuses, closed sets of words, ranges.

use super::{Row, model, refuses};

const INVALID: &str = "invalid-value";

#[test]
fn bytes() {
    for (text, expected) in [
        ("32768", 32_768),
        ("0", 0),
        ("\"32Ki\"", 32_768),
        ("1Mi", 1 << 20),
        ("64k", 64_000),
        ("2M", 2_000_000),
    ] {
        let policy = model(&format!("connection: {{bufferLimit: {text}}}"));
        let limit = policy.connection.expect("a block").value.buffer_limit;
        assert_eq!(limit, Some(expected), "{text}");
    }
    let rule = "whole number of bytes";
    for (text, help) in [
        ("100m", rule),
        ("32K", "write \"32Ki\""),
        ("64KB", "write \"64Ki\""),
        ("1MB", "write \"1Mi\""),
        ("1.5Mi", rule),
        ("\"1e3\"", rule),
        ("\"0\"", rule),
        ("\"-1\"", rule),
        ("\"\"", rule),
        ("5Gi", "between 0 and 4294967295 bytes"),
    ] {
        let spec = format!("connection: {{bufferLimit: {text}}}");
        refuses(&[(
            "bytes",
            &spec,
            &[(INVALID, "spec.connection.bufferLimit", help)],
        )]);
    }
}

#[test]
fn durations() {
    for text in ["1h", "100ms", "1m30s", "0s"] {
        model(&format!("timeout: {{http: {{requestTimeout: {text}}}}}"));
    }
    let rows: &[(&str, &str, &str)] = &[
        ("5", "invalid-type", "write \"5s\""),
        ("1.5s", INVALID, "write \"1500ms\""),
        ("-1s", INVALID, "invalid duration"),
        ("1us", INVALID, "write numbers with units"),
        ("100000s", INVALID, "write it in hours"),
    ];
    for (text, code, help) in rows {
        let spec = format!("timeout: {{http: {{requestTimeout: {text}}}}}");
        let path = "spec.timeout.http.requestTimeout";
        refuses(&[("durations", &spec, &[(code, path, help)])]);
    }
}

/// Words that upstream's schema does not check (decision D4), and those that it does.
#[test]
fn closed_sets() {
    let rows: &[(&str, &str, &str)] = &[
        (
            "mergeType: Merge",
            "spec.mergeType",
            "\"StrategicMerge\", \"JSONMerge\"",
        ),
        (
            "routingType: service",
            "spec.routingType",
            "did you mean `Service`?",
        ),
        (
            "http2: {onInvalidMessage: TerminateStreams}",
            "spec.http2.onInvalidMessage",
            "did you mean `TerminateStream`?",
        ),
        (
            "loadBalancer: {type: RingHash}",
            "spec.loadBalancer.type",
            "\"Maglev\"",
        ),
        (
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIp}}",
            "spec.loadBalancer.consistentHash.type",
            "did you mean `SourceIP`?",
        ),
        (
            "retry: {retryOn: {triggers: [5xx, conect-failure]}}",
            "spec.retry.retryOn.triggers[1]",
            "did you mean `connect-failure`?",
        ),
        (
            "proxyProtocol: {version: V3}",
            "spec.proxyProtocol.version",
            "\"V1\", \"V2\"",
        ),
        (
            "dns: {lookupFamily: IPv5}",
            "spec.dns.lookupFamily",
            "\"IPv4Preferred\"",
        ),
        (
            "healthCheck: {active: {type: Http, http: {path: /}}}",
            "spec.healthCheck.active.type",
            "did you mean `HTTP`?",
        ),
        (
            "healthCheck: {active: {http: {path: /, method: FETCH}}}",
            "spec.healthCheck.active.http.method",
            "\"GET\"",
        ),
        (
            "compressor: [{type: Deflate}]",
            "spec.compressor[0].type",
            "\"Gzip\"",
        ),
        (
            "admissionControl: {successCriteria: {grpc: {statusCodes: [Fine]}}}",
            "spec.admissionControl.successCriteria.grpc.statusCodes[0]",
            "\"Unauthenticated\"",
        ),
        (
            "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Fortnight}}]}}",
            "spec.rateLimit.global.rules[0].limit.unit",
            "\"Week\"",
        ),
    ];
    for (spec, path, fragment) in rows {
        refuses(&[("closed set", spec, &[("unsupported-value", path, fragment)])]);
    }
}

#[test]
fn ranges() {
    let rows: &[Row<'_>] = &[
        (
            "C1",
            "circuitBreaker: {maxConnections: 4294967296}",
            &[(
                INVALID,
                "spec.circuitBreaker.maxConnections",
                "equal to 4294967295",
            )],
        ),
        (
            "C8",
            "circuitBreaker: {retryBudget: {percent: 101}}",
            &[(
                INVALID,
                "spec.circuitBreaker.retryBudget.percent",
                "between 0 and 100",
            )],
        ),
        (
            "H0",
            "healthCheck: {panicThreshold: 101}",
            &[(INVALID, "spec.healthCheck.panicThreshold", "equal to 100")],
        ),
        (
            "H5, H6",
            "healthCheck: {active: {tcp: {}, unhealthyThreshold: 0, healthyThreshold: 0}}",
            &[
                (
                    INVALID,
                    "spec.healthCheck.active.unhealthyThreshold",
                    "equal to 1",
                ),
                (
                    INVALID,
                    "spec.healthCheck.active.healthyThreshold",
                    "equal to 1",
                ),
            ],
        ),
        (
            "H7",
            "healthCheck: {active: {http: {path: ''}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.http.path",
                "at least 1 chars",
            )],
        ),
        (
            "H8",
            "healthCheck: {active: {http: {path: /, hostname: '*.a'}}}",
            &[(INVALID, "spec.healthCheck.active.http.hostname", "DNS name")],
        ),
        (
            "H10",
            "healthCheck: {active: {http: {path: /, expectedStatuses: [99, 600]}}}",
            &[
                (
                    INVALID,
                    "spec.healthCheck.active.http.expectedStatuses[0]",
                    "equal to 100",
                ),
                (
                    INVALID,
                    "spec.healthCheck.active.http.expectedStatuses[1]",
                    "equal to 599",
                ),
            ],
        ),
        (
            "H13",
            "healthCheck: {active: {tcp: {send: {binary: '?'}}}}",
            &[(INVALID, "spec.healthCheck.active.tcp.send.binary", "base64")],
        ),
        (
            "H16",
            "healthCheck: {active: {tcp: {}, overrides: {port: 0}}}",
            &[(
                INVALID,
                "spec.healthCheck.active.overrides.port",
                "equal to 1",
            )],
        ),
        (
            "H17",
            "healthCheck: {active: {tcp: {}, healthCheckLog: {sinks: [{type: File, file: {path: /a}}, {type: File, file: {path: /b}}]}}}",
            &[(
                "too-many",
                "spec.healthCheck.active.healthCheckLog.sinks",
                "at most 1",
            )],
        ),
        (
            "P4, P8",
            "healthCheck: {passive: {maxEjectionPercent: 101, failurePercentageThreshold: 101}}",
            &[
                (
                    INVALID,
                    "spec.healthCheck.passive.maxEjectionPercent",
                    "equal to 100",
                ),
                (
                    INVALID,
                    "spec.healthCheck.passive.failurePercentageThreshold",
                    "equal to 100",
                ),
            ],
        ),
        (
            "N3, N5",
            "connection: {preconnect: {perEndpointPercent: 99}, connectionLimit: {value: 0}}",
            &[
                (
                    INVALID,
                    "spec.connection.preconnect.perEndpointPercent",
                    "equal to 100",
                ),
                (
                    INVALID,
                    "spec.connection.connectionLimit.value",
                    "equal to 1",
                ),
            ],
        ),
        (
            "N5",
            "connection: {connectionLimit: {}}",
            &[(
                "required-value",
                "spec.connection.connectionLimit.value",
                "Required",
            )],
        ),
        (
            "W1, W2, W3",
            "http2: {initialStreamWindowSize: 65534, initialConnectionWindowSize: 2Gi, maxConcurrentStreams: 0}",
            &[
                (
                    INVALID,
                    "spec.http2.initialStreamWindowSize",
                    "between 65535 and 2147483647",
                ),
                (
                    INVALID,
                    "spec.http2.initialConnectionWindowSize",
                    "between 65535",
                ),
                (INVALID, "spec.http2.maxConcurrentStreams", "equal to 1"),
            ],
        ),
        (
            "L10",
            "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP, tableSize: 5000012}}",
            &[(
                INVALID,
                "spec.loadBalancer.consistentHash.tableSize",
                "equal to 5000011",
            )],
        ),
        (
            "L14",
            "loadBalancer: {type: Random, endpointOverride: {extractFrom: []}}",
            &[(
                INVALID,
                "spec.loadBalancer.endpointOverride.extractFrom",
                "at least 1 items",
            )],
        ),
        (
            "L16",
            "loadBalancer: {type: BackendUtilization, backendUtilization: {outOfBand: {reportingPeriod: 0s, port: 0, authority: ''}}}",
            &[
                (
                    INVALID,
                    "spec.loadBalancer.backendUtilization.outOfBand.reportingPeriod",
                    "0s",
                ),
                (
                    INVALID,
                    "spec.loadBalancer.backendUtilization.outOfBand.port",
                    "equal to 1",
                ),
                (
                    INVALID,
                    "spec.loadBalancer.backendUtilization.outOfBand.authority",
                    "at least",
                ),
            ],
        ),
        (
            "R1, R4",
            "retry: {numRetries: -1, retryOn: {httpStatusCodes: [700]}}",
            &[
                (INVALID, "spec.retry.numRetries", "equal to 0"),
                (
                    INVALID,
                    "spec.retry.retryOn.httpStatusCodes[0]",
                    "equal to 599",
                ),
            ],
        ),
        (
            "U9",
            "faultInjection: {delay: {fixedDelay: 1s, percentage: 100.5}, abort: {grpcStatus: 17}}",
            &[
                (
                    INVALID,
                    "spec.faultInjection.delay.percentage",
                    "between 0 and 100",
                ),
                (
                    INVALID,
                    "spec.faultInjection.abort.grpcStatus",
                    "equal to 16",
                ),
            ],
        ),
        (
            "U10",
            "admissionControl: {samplingWindow: 500ms, minSuccessRate: 0, rejectionAggression: 0.5, maxRejectionPercent: 101}",
            &[
                (
                    INVALID,
                    "spec.admissionControl.samplingWindow",
                    "at least 1s",
                ),
                (
                    INVALID,
                    "spec.admissionControl.minSuccessRate",
                    "between 1 and 100",
                ),
                (
                    INVALID,
                    "spec.admissionControl.rejectionAggression",
                    "greater than or equal to 1",
                ),
                (
                    INVALID,
                    "spec.admissionControl.maxRejectionPercent",
                    "between 0 and 100",
                ),
            ],
        ),
        (
            "U11",
            "compressor: [{type: Gzip}]\ncompression: null",
            &[("required-value", "spec.compressor[0]", "write `gzip: {}`")],
        ),
        (
            "U13",
            "httpUpgrade: [{type: websocket, connect: {terminate: true}}, {type: WebSocket}]",
            &[
                (
                    INVALID,
                    "spec.httpUpgrade[0].connect",
                    "when type is CONNECT",
                ),
                ("duplicate-value", "spec.httpUpgrade[1]", "WebSocket"),
            ],
        ),
        (
            "U16",
            "telemetry: {metrics: {routeStatName: 'a/%REQ(:path)%'}}",
            &[(
                INVALID,
                "spec.telemetry.metrics.routeStatName",
                "%ROUTE_NAME%",
            )],
        ),
    ];
    refuses(rows);
}
