// SPDX-License-Identifier: Apache-2.0
//! BackendTLSPolicies and ReferenceGrants.

use crate::testing::{Verdict, assert_verdicts, manifest, store};

const TARGET: &str = "targetRefs: [{group: '', kind: Service, name: a}]\nvalidation: ";

#[test]
fn backend_tls_policies() {
    let validations = [
        "{hostname: a.b, wellKnownCACertificates: System}",
        "{hostname: a.b, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}",
        "{hostname: a.b, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: '*.b'}, {type: URI, uri: 'spiffe://a/b'}]}",
    ];
    for version in ["v1", "v1alpha3"] {
        for validation in validations {
            let text = manifest(
                &format!("gateway.networking.k8s.io/{version}"),
                "BackendTLSPolicy",
                &format!("{TARGET}{validation}"),
            );
            let store = store(&text);
            assert_verdicts(validation, &store.diagnostics, &[]);
            assert_eq!(store.backend_tls_policies.len(), 1);
        }
    }
}

#[test]
fn backend_tls_policy_rules() {
    const OK: &str = "validation: {hostname: a.b, wellKnownCACertificates: System}";
    let with = |validation: &str| format!("{TARGET}{validation}");
    let cases: [(String, Verdict<'_>); 10] = [
        (
            OK.to_owned(),
            ("required-value", "spec.targetRefs", "Required"),
        ),
        (
            with("{hostname: a.b}"),
            ("invalid-value", "spec.validation", "must specify either"),
        ),
        (
            with(
                "{hostname: a.b, wellKnownCACertificates: System, caCertificateRefs: [{group: '', kind: Secret, name: a}]}",
            ),
            ("invalid-value", "spec.validation", "and not both"),
        ),
        (
            with("{wellKnownCACertificates: System}"),
            ("required-value", "spec.validation.hostname", "Required"),
        ),
        (
            with("{hostname: '*.b', wellKnownCACertificates: System}"),
            ("invalid-value", "spec.validation.hostname", "precise"),
        ),
        (
            with("{hostname: a.b, wellKnownCACertificates: Mozilla}"),
            (
                "unsupported-value",
                "spec.validation.wellKnownCACertificates",
                "\"System\"",
            ),
        ),
        (
            with(
                "{hostname: a.b, wellKnownCACertificates: System, subjectAltNames: [{type: URI, hostname: a}]}",
            ),
            (
                "invalid-value",
                "spec.validation.subjectAltNames[0]",
                "must contain URI",
            ),
        ),
        (
            format!(
                "targetRefs: [{{group: '', kind: Service, name: a}}, {{group: '', kind: Service, name: a, sectionName: b}}]\n{OK}"
            ),
            (
                "invalid-value",
                "spec.targetRefs[1]",
                "sectionName must be specified",
            ),
        ),
        (
            format!(
                "targetRefs: [{{group: '', kind: Service, name: a, sectionName: b}}, {{group: '', kind: Service, name: a, sectionName: b}}]\n{OK}"
            ),
            (
                "invalid-value",
                "spec.targetRefs[1]",
                "sectionName must be unique",
            ),
        ),
        (
            format!("targetRefs: [{{group: '', kind: Service, name: a, namespace: b}}]\n{OK}"),
            (
                "unknown-field",
                "spec.targetRefs[0].namespace",
                "its own namespace",
            ),
        ),
    ];
    for (spec, expected) in cases {
        let text = manifest("gateway.networking.k8s.io/v1", "BackendTLSPolicy", &spec);
        let store = store(&text);
        assert_verdicts(&spec, &store.diagnostics, &[expected]);
        assert!(store.backend_tls_policies.is_empty());
    }
}

#[test]
fn reference_grants() {
    let cases: [(&str, &[Verdict<'_>]); 5] = [
        (
            "from: [{group: a.b, kind: C, namespace: d}]\nto: [{group: '', kind: Service}, {group: '', kind: Secret, name: s}]",
            &[],
        ),
        (
            "from: [{group: a.b, kind: C, namespace: d}]",
            &[("required-value", "spec.to", "Required")],
        ),
        (
            "from: []\nto: [{group: '', kind: Service}]",
            &[("invalid-value", "spec.from", "at least 1 items")],
        ),
        (
            "from: [{group: a.b, kind: C}]\nto: [{group: '', kind: Service}]",
            &[("required-value", "spec.from[0].namespace", "Required")],
        ),
        (
            "from: [{group: a.b/v1, kind: C, namespace: d}]\nto: [{kind: Service}]",
            &[
                ("invalid-value", "spec.from[0].group", "without version"),
                ("required-value", "spec.to[0].group", "Required"),
            ],
        ),
    ];
    for version in ["v1", "v1beta1"] {
        for (spec, expected) in cases {
            let text = manifest(
                &format!("gateway.networking.k8s.io/{version}"),
                "ReferenceGrant",
                spec,
            );
            let store = store(&text);
            assert_verdicts(spec, &store.diagnostics, expected);
            assert_eq!(
                store.reference_grants.len(),
                usize::from(expected.is_empty())
            );
        }
    }
}
