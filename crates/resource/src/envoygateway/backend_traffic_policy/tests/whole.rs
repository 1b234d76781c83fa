// SPDX-License-Identifier: Apache-2.0
//! The policy as a whole: what stays of an Invalid one, unknown fields, what is said of every one.

use super::{found, refuses};
use crate::{
    envoygateway::BackendTrafficPolicy,
    testing::{assert_verdicts, store, traffic_policy},
};

#[test]
fn a_setting_that_changes_nothing_yet_is_told_so() {
    let policy = traffic_policy(concat!(
        "connection: {preconnect: {perEndpointPercent: 150, predictivePercent: 150}}\n",
        "loadBalancer: {type: Random}\n",
        "rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}}]}}\n",
        "timeout: {tcp: {connectTimeout: 1s}}",
    ));
    assert!(policy.is_valid());
    let told = |path| ("not-enforced", path, "changes no traffic yet");
    assert_verdicts(
        "a valid policy",
        &policy.diagnostics,
        &[
            told("spec.connection.preconnect.predictivePercent"),
            (
                "not-enforced",
                "spec.rateLimit.global",
                "`rateLimit.local` limits in each process",
            ),
        ],
    );
}

#[test]
fn an_invalid_policy_keeps_its_targets_and_nothing_else() {
    let policy = traffic_policy(concat!(
        "targetRefs: [{kind: HTTPRoute, name: a}, {kind: Pod, name: b}]\n",
        "targetSelectors: [{kind: Gateway}]\n",
        "retry: {numRetries: 5}\n",
        "timeout: {tcp: {connectTimeout: 0s}}\n",
        "proxyProtocol: {version: V1}",
    ));
    assert!(!policy.is_valid());
    assert_eq!(found(&policy).len(), 2, "{:#?}", policy.diagnostics);
    let kept = BackendTrafficPolicy {
        targets: policy.spec.targets.clone(),
        target_selectors: policy.spec.target_selectors.clone(),
        secures_connection: true,
        ..BackendTrafficPolicy::default()
    };
    assert_eq!(policy.spec, kept);
    assert_eq!(policy.spec.targets.len(), 1);
    assert_eq!(policy.spec.target_selectors.len(), 1);
}

#[test]
fn whatever_looks_like_a_proxy_header_counts() {
    for (spec, expected) in [
        ("proxyProtocol: 5", true),
        ("proxyProtocl: {version: V1}", true),
        ("timeout: 5", false),
    ] {
        let policy = traffic_policy(spec);
        assert!(!policy.is_valid(), "{spec}");
        assert_eq!(policy.spec.secures_connection, expected, "{spec}");
    }
}

/// One misspelling in every block.
#[test]
fn unknown_fields_come_with_a_suggestion() {
    let cases = [
        (
            "circuitBreakers: {}",
            "spec.circuitBreakers",
            "`circuitBreaker`",
        ),
        (
            "circuitBreaker: {maxRequest: 1}",
            "spec.circuitBreaker.maxRequest",
            "`maxRequests`",
        ),
        (
            "retry: {perRetryTimout: 1s}",
            "spec.retry.perRetryTimout",
            "`perRetryTimeout`",
        ),
        (
            "retry: {retryOn: {trigger: []}}",
            "spec.retry.retryOn.trigger",
            "`triggers`",
        ),
        (
            "retry: {backoff: {base: 1s}}",
            "spec.retry.backoff.base",
            "unknown field",
        ),
        (
            "timeout: {http: {request: 1s}}",
            "spec.timeout.http.request",
            "unknown field",
        ),
        (
            "timeout: {tcp: {conectTimeout: 1s}}",
            "spec.timeout.tcp.conectTimeout",
            "`connectTimeout`",
        ),
        (
            "tcpKeepalive: {idletime: 1s}",
            "spec.tcpKeepalive.idletime",
            "`idleTime`",
        ),
        (
            "connection: {buferLimit: 1}",
            "spec.connection.buferLimit",
            "`bufferLimit`",
        ),
        (
            "http2: {maxConcurrentStream: 1}",
            "spec.http2.maxConcurrentStream",
            "`maxConcurrentStreams`",
        ),
        (
            "dns: {dnsRefreshrate: 1s}",
            "spec.dns.dnsRefreshrate",
            "`dnsRefreshRate`",
        ),
        (
            "healthCheck: {activ: {}}",
            "spec.healthCheck.activ",
            "`active`",
        ),
        (
            "healthCheck: {passive: {intervall: 1s}}",
            "spec.healthCheck.passive.intervall",
            "`interval`",
        ),
        (
            "telemetry: {metric: {}}",
            "spec.telemetry.metric",
            "`metrics`",
        ),
        (
            "bandwidthLimit: {request: {limit: {value: 1Mi, unit: Second}}, respons: {}}",
            "spec.bandwidthLimit.respons",
            "`response`",
        ),
    ];
    for (spec, path, fragment) in cases {
        refuses(&[("unknown", spec, &[("unknown-field", path, fragment)])]);
    }
}

#[test]
fn a_policy_without_spec_is_refused() {
    let store = store(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\nmetadata: {name: x}\n",
    );
    assert_verdicts(
        "no spec",
        &store.diagnostics,
        &[("required-value", "spec", "Required value")],
    );
}
