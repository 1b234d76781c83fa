// SPDX-License-Identifier: Apache-2.0
//! `mergeType`, case by case.

use super::traffic_policy;
use crate::envoygateway::{BackendTrafficPolicy, backend_traffic_policy::merged};

/// A parent, a child, the kind of merge, and what they come to: a spec that decodes to the same.
const ROWS: [(&str, &str, &str, &str, &str); 11] = [
    (
        "a value of the child wins",
        "JSONMerge",
        "circuitBreaker: {maxConnections: 1, maxPendingRequests: 2}",
        "circuitBreaker: {maxConnections: 3}",
        "circuitBreaker: {maxConnections: 3, maxPendingRequests: 2}",
    ),
    (
        "other spellings are one setting",
        "StrategicMerge",
        "circuitBreaker: {maxRequests: 1}\nretry: {perRetryTimeout: 1s, backoff: {baseInterval: 1s}}",
        "circuitBreaker: {maxParallelRequests: 2}\nretry: {perRetry: {timeout: 2s}}",
        "circuitBreaker: {maxParallelRequests: 2}\n\
         retry: {perRetry: {timeout: 2s, backOff: {baseInterval: 1s}}}",
    ),
    (
        "the founding document on top of upstream's names",
        "JSONMerge",
        "healthCheck: {passive: {consecutive5XxErrors: 1}}\n\
         retry: {perRetry: {backOff: {baseInterval: 1s, maxInterval: 3s}}}",
        "healthCheck: {passive: {consecutive5xxErrors: 2}}\nretry: {backoff: {maxInterval: 2s}}",
        "healthCheck: {passive: {consecutive5XxErrors: 2}}\n\
         retry: {perRetry: {backOff: {baseInterval: 1s, maxInterval: 2s}}}",
    ),
    (
        "defaults of the child do not win",
        "StrategicMerge",
        "retry: {numRetries: 7}\ncircuitBreaker: {maxRetries: 9}",
        "retry: {perRetryTimeout: 1s}\ncircuitBreaker: {maxConnections: 1}",
        "retry: {numRetries: 7, perRetryTimeout: 1s}\n\
         circuitBreaker: {maxRetries: 9, maxConnections: 1}",
    ),
    (
        "null takes a setting away",
        "JSONMerge",
        "retry: {numRetries: 7}\ntimeout: {http: {requestTimeout: 1s, streamIdleTimeout: 2s}}",
        "retry: null\ntimeout: {http: {requestTimeout: null}}",
        "timeout: {http: {streamIdleTimeout: 2s}}",
    ),
    (
        "null of another spelling takes it away as well",
        "JSONMerge",
        "circuitBreaker: {maxParallelRetries: 1, maxConnections: 2}",
        "circuitBreaker: {maxRetries: null}",
        "circuitBreaker: {maxConnections: 2}",
    ),
    (
        "lists are replaced",
        "StrategicMerge",
        "retry: {retryOn: {triggers: [5xx, reset]}}",
        "retry: {retryOn: {triggers: [cancelled]}}",
        "retry: {retryOn: {triggers: [cancelled]}}",
    ),
    (
        "lists by type are merged strategically",
        "StrategicMerge",
        "compressor: [{type: Gzip, gzip: {}}, {type: Brotli, brotli: {}}]",
        "compressor: [{type: Gzip, gzip: {}, minContentLength: 99}]",
        "compressor: [{type: Gzip, gzip: {}, minContentLength: 99}, {type: Brotli, brotli: {}}]",
    ),
    (
        "and replaced otherwise",
        "JSONMerge",
        "compressor: [{type: Gzip, gzip: {}}, {type: Brotli, brotli: {}}]",
        "compressor: [{type: Brotli, brotli: {}}]",
        "compressor: [{type: Brotli, brotli: {}}]",
    ),
    (
        "rules of rate limits are all kept",
        "StrategicMerge",
        "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}}]}}",
        "rateLimit: {global: {rules: [{limit: {requests: 2, unit: Hour}}]}}",
        "rateLimit: {global: {rules: \
         [{limit: {requests: 1, unit: Hour}}, {limit: {requests: 2, unit: Hour}}]}}",
    ),
    (
        "targets are the child's",
        "JSONMerge",
        "targetRefs: [{kind: Gateway, name: g}]\nretry: {}",
        "targetRefs: [{kind: GRPCRoute, name: r}]",
        "targetRefs: [{kind: GRPCRoute, name: r}]\nretry: {}",
    ),
];

#[test]
fn every_row() {
    for (what, kind, parent, child, expected) in ROWS {
        let child = format!("mergeType: {kind}\n{child}");
        let expected = format!("mergeType: {kind}\n{expected}");
        let found = merged(&traffic_policy(parent), &traffic_policy(&child));
        let found = found.unwrap_or_else(|errors| panic!("{what}: {errors:#?}"));
        assert_eq!(
            plain(&found),
            plain(&traffic_policy(&expected).spec),
            "{what}"
        );
    }
}

/// Without paths: those of a merged policy are upstream's.
fn plain(policy: &BackendTrafficPolicy) -> String {
    let text = format!("{policy:#?}");
    let mut depth = None;
    let lines = text.lines().filter(|line| {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("path: FieldPath(") {
            depth = Some(indent);
        }
        let hidden = depth.is_some_and(|depth| indent >= depth);
        if hidden && depth == Some(indent) && line.trim_start().starts_with(')') {
            depth = None;
        }
        !hidden
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_does_not_fit_together_is_told() {
    let parent = traffic_policy("healthCheck: {active: {http: {path: /}}}");
    let child = traffic_policy("mergeType: JSONMerge\nhealthCheck: {active: {tcp: {}}}");
    let errors = merged(&parent, &child).unwrap_err();
    assert_eq!(
        errors,
        [
            "spec.healthCheck.active: Invalid value: \"object\": at most one of the fields in \
          [http tcp grpc] may be set"
        ]
    );
}

#[test]
fn a_setting_is_found_under_its_own_spelling() {
    let policy = traffic_policy("retry: {backoff: {baseInterval: 1s}}\ntimeout: {tcp: null}");
    let found = policy.written("retry.perRetry.backOff.baseInterval");
    assert_eq!(
        found.map(|path| path.to_string()).as_deref(),
        Some("spec.retry.backoff.baseInterval")
    );
    assert_eq!(policy.written("retry.numRetries"), None);
    assert_eq!(policy.written("timeout.tcp"), None);
}
