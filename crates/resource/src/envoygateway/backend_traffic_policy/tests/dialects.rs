// SPDX-License-Identifier: Apache-2.0
//! Two dialects, one meaning: every difference, and what happens where both are written.

use super::{Row, accepts, model, refuses};
use crate::envoygateway::BackendTrafficPolicy;

/// The model without the paths, which are the author's.
fn meaning(spec: &str) -> String {
    let policy = model(spec);
    let text = format!("{policy:#?}");
    // The path of a value stands behind it.
    let mut lines = Vec::new();
    let mut inside_path = 0;
    for line in text.lines() {
        let indentation = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("path: FieldPath") {
            inside_path = indentation + 1;
            continue;
        }
        if inside_path > 0 && indentation + 1 > inside_path {
            continue;
        }
        if inside_path > 0 && indentation + 1 == inside_path && line.trim() == "}," {
            inside_path = 0;
            continue;
        }
        inside_path = 0;
        lines.push(line);
    }
    lines.join("\n")
}

/// Each row: the seed's words, upstream's words.
const PAIRS: &[(&str, &str, &str)] = &[
    (
        "targetRef",
        "targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}",
        "targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]",
    ),
    (
        "type: Maglev",
        "loadBalancer: {type: Maglev, consistentHash: {type: SourceIP}}",
        "loadBalancer: {type: ConsistentHash, consistentHash: {type: SourceIP}}",
    ),
    (
        "cookie.path",
        "loadBalancer: {type: Maglev, consistentHash: {type: Cookie, cookie: {name: c, path: /}}}",
        "loadBalancer: {type: Maglev, consistentHash: {type: Cookie, cookie: {name: c, attributes: {Path: /}}}}",
    ),
    (
        "maxRequests",
        "circuitBreaker: {maxRequests: 7}",
        "circuitBreaker: {maxParallelRequests: 7}",
    ),
    (
        "maxRetries",
        "circuitBreaker: {maxRetries: 7}",
        "circuitBreaker: {maxParallelRetries: 7}",
    ),
    (
        "active without type",
        "healthCheck: {active: {http: {path: /}}}",
        "healthCheck: {active: {type: HTTP, http: {path: /}}}",
    ),
    (
        "expectedResponse without type",
        "healthCheck: {active: {http: {path: /, expectedResponse: {text: ok}}}}",
        "healthCheck: {active: {http: {path: /, expectedResponse: {type: Text, text: ok}}}}",
    ),
    (
        "binary without type",
        "healthCheck: {active: {http: {path: /, expectedResponse: {binary: b2s=}}}}",
        "healthCheck: {active: {http: {path: /, expectedResponse: {type: Text, text: ok}}}}",
    ),
    (
        "consecutive5xxErrors",
        "healthCheck: {passive: {consecutive5xxErrors: 7}}",
        "healthCheck: {passive: {consecutive5XxErrors: 7}}",
    ),
    (
        "consecutive5XXErrors",
        "healthCheck: {passive: {consecutive5XXErrors: 7}}",
        "healthCheck: {passive: {consecutive5XxErrors: 7}}",
    ),
    (
        "perRetryTimeout",
        "retry: {perRetryTimeout: 5s}",
        "retry: {perRetry: {timeout: 5s}}",
    ),
    (
        "backoff",
        "retry: {backoff: {baseInterval: 100ms, maxInterval: 10s}}",
        "retry: {perRetry: {backOff: {baseInterval: 100ms, maxInterval: 10s}}}",
    ),
    (
        "perRetry.backoff",
        "retry: {perRetry: {backoff: {baseInterval: 100ms, maxInterval: 10s}}}",
        "retry: {perRetry: {backOff: {baseInterval: 100ms, maxInterval: 10s}}}",
    ),
    (
        "the older Header",
        "loadBalancer: {type: Maglev, consistentHash: {type: Header, header: {name: a}}}",
        "loadBalancer: {type: Maglev, consistentHash: {type: Headers, headers: [{name: a}]}}",
    ),
];

#[test]
fn both_decode_to_one_model_without_a_word() {
    let nothing = format!("{:#?}", BackendTrafficPolicy::default());
    for (what, seed, upstream) in PAIRS {
        let meaning_of_seed = meaning(seed);
        assert_eq!(meaning_of_seed, meaning(upstream), "{what}");
        assert_ne!(meaning_of_seed, nothing, "{what}");
    }
}

#[test]
fn what_only_the_seed_has_decodes() {
    let policy = model(
        "circuitBreaker: {maxConnectionPools: 512}\nconnection: {connectionLimit: {value: 100, closeDelay: 5s}}",
    );
    let breaker = policy.circuit_breaker.expect("a block").value;
    assert_eq!(breaker.max_connection_pools, Some(512));
    let limit = policy.connection.expect("a block").value.connection_limit;
    let limit = limit.expect("a limit");
    assert_eq!(
        (limit.value, limit.close_delay.map(|it| it.as_secs())),
        (100, Some(5))
    );
}

/// Equal after units are read, so both may stand.
#[test]
fn equal_values_under_both_spellings_agree() {
    accepts(&[
        (
            "G2",
            "circuitBreaker: {maxRequests: 5, maxParallelRequests: 5}",
            &[],
        ),
        (
            "G2",
            "circuitBreaker: {maxRetries: 5, maxParallelRetries: 5}",
            &[],
        ),
        (
            "G2",
            "healthCheck: {passive: {consecutive5xxErrors: 5, consecutive5XxErrors: 5, consecutive5XXErrors: 5}}",
            &[],
        ),
        (
            "G2",
            "retry: {perRetryTimeout: 5s, perRetry: {timeout: 5000ms}}",
            &[],
        ),
        (
            "G2",
            "retry: {backoff: {baseInterval: 1s, maxInterval: 60s}, perRetry: {backOff: {baseInterval: 1000ms, maxInterval: 1m}}}",
            &[],
        ),
        (
            "G2",
            "loadBalancer: {type: Maglev, consistentHash: {type: Cookie, cookie: {name: c, path: /, attributes: {path: /}}}}",
            &[],
        ),
    ]);
}

#[test]
fn different_values_under_both_spellings_are_an_error_at_both() {
    const CONFLICT: &str = "conflicting-spellings";
    let rows: &[Row<'_>] = &[
        (
            "maxRequests",
            "circuitBreaker: {maxRequests: 5, maxParallelRequests: 6}",
            &[(
                CONFLICT,
                "spec.circuitBreaker.maxRequests",
                "`spec.circuitBreaker.maxParallelRequests` and `spec.circuitBreaker.maxRequests`",
            )],
        ),
        (
            "maxRetries",
            "circuitBreaker: {maxRetries: 5, maxParallelRetries: 6}",
            &[(
                CONFLICT,
                "spec.circuitBreaker.maxRetries",
                "`spec.circuitBreaker.maxParallelRetries` and",
            )],
        ),
        (
            "consecutive5xxErrors",
            "healthCheck: {passive: {consecutive5xxErrors: 5, consecutive5XxErrors: 6}}",
            &[(
                CONFLICT,
                "spec.healthCheck.passive.consecutive5xxErrors",
                "`spec.healthCheck.passive.consecutive5XxErrors` and",
            )],
        ),
        (
            "perRetryTimeout",
            "retry: {perRetryTimeout: 5s, perRetry: {timeout: 6s}}",
            &[(
                CONFLICT,
                "spec.retry.perRetryTimeout",
                "`spec.retry.perRetry.timeout` and `spec.retry.perRetryTimeout`",
            )],
        ),
        (
            "backoff",
            "retry: {backoff: {baseInterval: 1s, maxInterval: 8s}, perRetry: {backOff: {baseInterval: 2s, maxInterval: 9s}}}",
            &[
                (
                    CONFLICT,
                    "spec.retry.backoff.baseInterval",
                    "`spec.retry.perRetry.backOff.baseInterval` and",
                ),
                (
                    CONFLICT,
                    "spec.retry.backoff.maxInterval",
                    "`spec.retry.perRetry.backOff.maxInterval` and",
                ),
            ],
        ),
        (
            "cookie path",
            "loadBalancer: {type: Maglev, consistentHash: {type: Cookie, cookie: {name: c, path: /, attributes: {PATH: /a}}}}",
            &[(
                CONFLICT,
                "spec.loadBalancer.consistentHash.cookie.attributes.PATH",
                "`spec.loadBalancer.consistentHash.cookie.path` and",
            )],
        ),
    ];
    refuses(rows);
}

/// The path of a setting is the author's.
#[test]
fn paths_are_as_written() {
    let policy = model("retry: {backoff: {baseInterval: 1s}}\ncircuitBreaker: {maxRequests: 1}");
    let base = policy.retry.expect("a block").value.base_interval;
    let path = base.expect("an interval").path.to_string();
    assert_eq!(path, "spec.retry.backoff.baseInterval");
    let breaker = policy.circuit_breaker.expect("a block").value;
    let path = breaker.max_parallel_requests.expect("a limit").path;
    assert_eq!(path.to_string(), "spec.circuitBreaker.maxRequests");
}

/// A relaxation of the seed's ends where nothing can be inferred.
#[test]
fn a_type_that_cannot_be_inferred_is_asked_for() {
    refuses(&[(
        "H1",
        "healthCheck: {active: {interval: 5s}}",
        &[(
            "invalid-value",
            "spec.healthCheck.active",
            "say how hosts are asked, such as `http: {path: /healthz}`",
        )],
    )]);
}

#[test]
fn doubts() {
    accepts(&[
        (
            "L1",
            "loadBalancer: {type: Maglev}",
            &[(
                "hash-without-input",
                "spec.loadBalancer.type",
                "random host",
            )],
        ),
        (
            "H12",
            "healthCheck: {active: {http: {path: /, expectedStatuses: [200, 204], expectedResponse: {text: ok}}}}",
            &[(
                "doubtful-value",
                "spec.healthCheck.active.http.expectedStatuses",
                "204 has no body",
            )],
        ),
        (
            "H12 HEAD",
            "healthCheck: {active: {http: {path: /, method: HEAD, expectedResponse: {text: ok}}}}",
            &[(
                "doubtful-value",
                "spec.healthCheck.active.http.expectedResponse",
                "an answer to HEAD has no body",
            )],
        ),
        (
            "P6",
            "healthCheck: {passive: {consecutiveLocalOriginFailures: 5}}",
            &[(
                "no-effect",
                "spec.healthCheck.passive.consecutiveLocalOriginFailures",
                "splitExternalLocalOriginErrors: true",
            )],
        ),
        (
            "R4",
            "retry: {retryOn: {triggers: [5xx], httpStatusCodes: [503]}}",
            &[(
                "no-effect",
                "spec.retry.retryOn.httpStatusCodes",
                "retriable-status-codes",
            )],
        ),
        (
            "R4 the other way round",
            "retry: {retryOn: {triggers: [retriable-status-codes]}}",
            &[(
                "no-effect",
                "spec.retry.retryOn.triggers",
                "without `httpStatusCodes`",
            )],
        ),
        (
            "T6",
            "routingType: Service\nloadBalancer: {type: Random}\nhealthCheck: {}",
            &[
                ("doubtful-value", "spec.loadBalancer", "sees one address"),
                ("doubtful-value", "spec.healthCheck", "sees one address"),
            ],
        ),
        (
            "U2",
            "rateLimit: {type: Local, local: {rules: []}, global: {rules: []}}",
            &[(
                "no-effect",
                "spec.rateLimit.global",
                "no effect with `type: Local`",
            )],
        ),
    ]);
}
