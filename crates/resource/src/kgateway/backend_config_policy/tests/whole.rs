// SPDX-License-Identifier: Apache-2.0
//! The policy as a whole: what stays of an Invalid one, its weight, its unknown fields.

use crate::{
    kgateway::BackendConfigPolicy,
    testing::{assert_verdicts, policy, store},
};

#[test]
fn an_invalid_policy_keeps_its_targets_and_nothing_else() {
    let policy = policy(concat!(
        "targetRefs: [{group: '', kind: Service, name: a}, {group: '', kind: Pod, name: b}]\n",
        "connectTimeout: 0s\n",
        "perConnectionBufferLimitBytes: 5\n",
        "tls: {insecureSkipVerify: true}",
    ));
    assert!(!policy.is_valid());
    assert_eq!(policy.diagnostics.len(), 2, "{:#?}", policy.diagnostics);
    let kept = BackendConfigPolicy {
        target_refs: policy.spec.target_refs.clone(),
        secures_connection: true,
        ..BackendConfigPolicy::default()
    };
    assert_eq!(policy.spec, kept);
    assert_eq!(policy.spec.target_refs.len(), 1);
}

#[test]
fn whatever_looks_like_protection_counts() {
    let cases = [
        ("tls: 5", true),
        ("sslConfig: {}", true),
        ("upstreamProxyProtocol: {version: 9}", true),
        ("tsl: {}", true),
        ("upstreamProxyProtcol: {}", true),
        ("connectTimeout: 0s", false),
        ("dsn: {}", false),
    ];
    for (spec, expected) in cases {
        let policy = policy(spec);
        assert!(!policy.is_valid(), "{spec}");
        assert_eq!(policy.spec.secures_connection, expected, "{spec}");
    }
}

#[test]
fn unknown_fields_come_with_a_suggestion() {
    let cases = [
        (
            "conectTimeout: 5s",
            "spec.conectTimeout",
            "did you mean `connectTimeout`?",
        ),
        (
            "tcpKeepalive: {keepaliveTime: 5s}",
            "spec.tcpKeepalive.keepaliveTime",
            "did you mean `keepAliveTime`?",
        ),
        (
            "circuitBreakers: {maxConnections: 5, maxConnection: 5}",
            "spec.circuitBreakers.maxConnection",
            "did you mean `maxConnections`?",
        ),
        (
            "weather: fine",
            "spec.weather",
            "unknown field \"spec.weather\"",
        ),
    ];
    for (spec, path, fragment) in cases {
        let policy = policy(spec);
        assert!(!policy.is_valid());
        assert_verdicts(
            spec,
            &policy.diagnostics,
            &[("unknown-field", path, fragment)],
        );
    }
}

#[test]
fn every_problem_is_found_in_the_order_of_the_text() {
    let policy = policy("conectTimeout: 5s\nhealthCheck: {timeout: 0s, htttp: {}}\ndns: 5");
    let paths: Vec<_> = policy
        .diagnostics
        .iter()
        .map(|found| found.path.to_string())
        .collect();
    assert_eq!(
        paths.first().map(String::as_str),
        Some("spec.conectTimeout")
    );
    assert_eq!(paths.last().map(String::as_str), Some("spec.dns"));
    assert!(paths.len() >= 7, "{paths:?}");
    assert_eq!(policy.diagnostics[0].place(), "test.yaml:5:3");
    assert_eq!(policy.diagnostics[0].object, "BackendConfigPolicy ns/x");
}

#[test]
fn the_weight_annotation_is_an_integer() {
    let with = |weight: &str| {
        store(&format!(
            "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata:\n  name: x\n  annotations: {{ kgateway.dev/policy-weight: {weight} }}\nspec: {{}}\n"
        ))
    };
    let cases = [
        ("'10'", Some(10)),
        ("'-3'", Some(-3)),
        ("'1.5'", None),
        ("high", None),
    ];
    for (written, expected) in cases {
        let store = with(written);
        let policy = store
            .backend_config_policies
            .values()
            .next()
            .expect("a policy");
        assert_eq!(policy.is_valid(), expected.is_some(), "{written}");
        assert_eq!(policy.spec.weight, expected.unwrap_or_default());
        assert_eq!(policy.metadata.namespace(), "default");
    }
    let store = with("10");
    assert_verdicts(
        "a number",
        &store.diagnostics,
        &[(
            "invalid-type",
            "metadata.annotations[kgateway.dev/policy-weight]",
            "put it in quotes: \"10\"",
        )],
    );
}

#[test]
fn a_policy_without_spec_is_refused() {
    let store = store(
        "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: {name: x}\n",
    );
    assert_verdicts(
        "no spec",
        &store.diagnostics,
        &[("required-value", "spec", "Required value")],
    );
}
