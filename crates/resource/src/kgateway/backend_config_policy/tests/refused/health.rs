// SPDX-License-Identifier: Apache-2.0
//! Health checks, outlier detection and circuit breakers.

use super::refuses;

#[test]
fn rules() {
    const OK: &str = "timeout: 1s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1";
    let check = |fields: &str| format!("healthCheck: {{{fields}}}");
    let cases = [
        (
            "timeout: 0s, interval: 1s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {}"
                .to_owned(),
            (
                "invalid-value",
                "spec.healthCheck.timeout",
                "greater than 0s",
            ),
        ),
        (
            "timeout: 1s, interval: 0s, unhealthyThreshold: 1, healthyThreshold: 1, grpc: {}"
                .to_owned(),
            (
                "invalid-value",
                "spec.healthCheck.interval",
                "greater than 0s",
            ),
        ),
        (
            "timeout: 1s, interval: 1s, healthyThreshold: 1, grpc: {}".to_owned(),
            (
                "required-value",
                "spec.healthCheck.unhealthyThreshold",
                "Required value",
            ),
        ),
        (
            OK.to_owned(),
            (
                "invalid-value",
                "spec.healthCheck",
                "exactly one of the fields in [http",
            ),
        ),
        (
            format!("{OK}, http: {{path: /}}, grpc: {{}}"),
            (
                "invalid-value",
                "spec.healthCheck",
                "exactly one of the fields",
            ),
        ),
        (
            format!("{OK}, http: {{}}"),
            (
                "required-value",
                "spec.healthCheck.http.path",
                "Required value",
            ),
        ),
        (
            format!("{OK}, http: {{path: ''}}"),
            (
                "invalid-value",
                "spec.healthCheck.http.path",
                "must not be empty",
            ),
        ),
        (
            format!("{OK}, http: {{path: /, host: \"a\\r\\nb\"}}"),
            (
                "invalid-value",
                "spec.healthCheck.http.host",
                "control characters",
            ),
        ),
        (
            format!("{OK}, http: {{path: /, method: CONNECT}}"),
            (
                "unsupported-value",
                "spec.healthCheck.http.method",
                "\"GET\", \"HEAD\", \"POST\"",
            ),
        ),
        (
            format!("{OK}, grpc: {{authority: \"a\\0b\"}}"),
            (
                "invalid-value",
                "spec.healthCheck.grpc.authority",
                "control characters",
            ),
        ),
    ];
    for (fields, expected) in &cases {
        refuses(&[(&check(fields), *expected)]);
    }
    refuses(&[
        (
            "outlierDetection: {interval: 0s}",
            (
                "invalid-value",
                "spec.outlierDetection.interval",
                "at least 1ms",
            ),
        ),
        (
            "outlierDetection: {baseEjectionTime: 0s}",
            (
                "invalid-value",
                "spec.outlierDetection.baseEjectionTime",
                "at least 1ms",
            ),
        ),
        (
            "outlierDetection: {maxEjectionPercent: 101}",
            (
                "invalid-value",
                "spec.outlierDetection.maxEjectionPercent",
                "equal to 100",
            ),
        ),
        (
            "outlierDetection: {consecutive5xx: -1}",
            (
                "invalid-value",
                "spec.outlierDetection.consecutive5xx",
                "equal to 0",
            ),
        ),
        (
            "circuitBreakers: {trackRemaining: true}",
            (
                "invalid-value",
                "spec.circuitBreakers",
                "at least one of [maxConnections",
            ),
        ),
        (
            "circuitBreakers: {maxConnections: 0}",
            (
                "invalid-value",
                "spec.circuitBreakers.maxConnections",
                "equal to 1",
            ),
        ),
        (
            "circuitBreakers: {maxRetries: -1}",
            (
                "invalid-value",
                "spec.circuitBreakers.maxRetries",
                "equal to 0",
            ),
        ),
    ]);
}
