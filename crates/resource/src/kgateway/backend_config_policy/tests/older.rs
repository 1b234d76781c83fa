// SPDX-License-Identifier: Apache-2.0
//! Older spellings: the same value as today's, with advice, or a conflict when both disagree.

use sluicegate_manifest::Severity;

use crate::{
    codes,
    kgateway::{
        BackendConfigPolicy,
        backend_config_policy::{HeaderFormat, TargetKind},
    },
    testing::{assert_verdicts, policy},
};

/// The settings without their paths.
fn settings(spec: &BackendConfigPolicy) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        spec.tls.as_ref().map(|unit| unit.value.clone()),
        spec.load_balancer.as_ref().map(|unit| unit.value.clone()),
        spec.http1_protocol_options.as_ref().map(|unit| unit.value),
        spec.target_refs
            .iter()
            .map(|target| target.value.clone())
            .collect::<Vec<_>>(),
    )
}

#[test]
fn older_and_newer_spellings_decode_to_one_model() {
    let cases = [
        (
            "sslConfig: {insecureSkipVerify: true}",
            "tls: {insecureSkipVerify: true}",
        ),
        (
            "sslConfig: {sslFiles: {rootCA: /ca}, sslParameters: {tlsMinVersion: '1.2'}, oneWayTLS: true}",
            "tls: {files: {rootCA: /ca}, parameters: {minVersion: '1.2'}, simpleTLS: true}",
        ),
        (
            "tls: {tlsFiles: {rootCA: /ca}, verifySubjectAltName: [a]}",
            "tls: {files: {rootCA: /ca}, verifySubjectAltNames: [a]}",
        ),
        (
            "tls: {insecureSkipVerify: true, parameters: {tlsMinVersion: '1.2', tlsMaxVersion: '1.3'}}",
            "tls: {insecureSkipVerify: true, parameters: {minVersion: '1.2', maxVersion: '1.3'}}",
        ),
        (
            "loadBalancerConfig: {localityConfigType: WeightedLb, roundRobin: {slowStartConfig: {window: 5s}}}",
            "loadBalancer: {localityType: WeightedLb, roundRobin: {slowStart: {window: 5s}}}",
        ),
        (
            "loadBalancer: {useHostnameForHashing: true, ringHash: {}}",
            "loadBalancer: {ringHash: {useHostnameForHashing: true}}",
        ),
        (
            "loadBalancer: {useHostnameForHashing: true, maglev: {}}",
            "loadBalancer: {maglev: {useHostnameForHashing: true}}",
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, attributes: {Secure: 'true'}}}]}}",
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, secure: true}}]}}",
        ),
        (
            "http1ProtocolOptions: {headerFormat: PreserveCaseHeaderKeyFormat}",
            "http1ProtocolOptions: {preserveHttp1HeaderCase: true}",
        ),
        (
            "http1ProtocolOptions: {headerFormat: preserveCaseHeaderKeyFormat}",
            "http1ProtocolOptions: {preserveHttp1HeaderCase: true}",
        ),
        (
            "targetRefs: [{group: networking.istio.io, kind: Service, name: a}]",
            "targetRefs: [{group: '', kind: Service, name: a}]",
        ),
    ];
    for (older, newer) in cases {
        let (older, newer) = (policy(older), policy(newer));
        assert_eq!(settings(&older.spec), settings(&newer.spec));
        assert!(newer.diagnostics.is_empty(), "{:#?}", newer.diagnostics);
        assert!(!older.diagnostics.is_empty());
        for found in &older.diagnostics {
            assert_eq!(
                (found.code, found.severity),
                (codes::OLDER_SPELLING, Severity::Advice)
            );
            assert!(found.help.is_some());
        }
    }
}

#[test]
fn the_path_is_the_one_that_the_author_wrote() {
    let policy = policy("sslConfig: {insecureSkipVerify: true}\nloadBalancerConfig: {random: {}}");
    let tls = policy.spec.tls.as_ref().map(|unit| unit.path.to_string());
    let load_balancer = policy
        .spec
        .load_balancer
        .as_ref()
        .map(|unit| unit.path.to_string());
    assert_eq!(tls.as_deref(), Some("spec.sslConfig"));
    assert_eq!(load_balancer.as_deref(), Some("spec.loadBalancerConfig"));
}

#[test]
fn both_spellings_with_equal_values_are_fine() {
    let cases = [
        "tls: {insecureSkipVerify: true}\nsslConfig: {insecureSkipVerify: true}",
        "tls: {files: {rootCA: /a}}\nsslConfig: {sslFiles: {rootCA: /a}}",
        "loadBalancer: {random: {}}\nloadBalancerConfig: {random: {}}",
        "tls: {insecureSkipVerify: true, parameters: {minVersion: '1.2', tlsMinVersion: '1.2'}}",
        "http1ProtocolOptions: {headerFormat: PreserveCaseHeaderKeyFormat, preserveHttp1HeaderCase: true}",
        "loadBalancer: {useHostnameForHashing: true, ringHash: {useHostnameForHashing: true}}",
    ];
    for spec in cases {
        assert!(policy(spec).is_valid(), "{spec}");
    }
}

#[test]
fn both_spellings_with_different_values_are_refused_with_both_paths() {
    let cases = [
        (
            "tls: {insecureSkipVerify: true}\nsslConfig: {insecureSkipVerify: false}",
            ["spec.tls", "spec.sslConfig"],
        ),
        (
            "loadBalancer: {random: {}}\nloadBalancerConfig: {roundRobin: {}}",
            ["spec.loadBalancer", "spec.loadBalancerConfig"],
        ),
        (
            "loadBalancer: {random: {}, localityType: WeightedLb}\nloadBalancerConfig: {random: {}}",
            ["spec.loadBalancer", "spec.loadBalancerConfig"],
        ),
        (
            "tls: {insecureSkipVerify: true, parameters: {minVersion: '1.2', tlsMinVersion: '1.3'}}",
            [
                "spec.tls.parameters.minVersion",
                "spec.tls.parameters.tlsMinVersion",
            ],
        ),
        (
            "http1ProtocolOptions: {headerFormat: ProperCaseHeaderKeyFormat, preserveHttp1HeaderCase: true}",
            [
                "spec.http1ProtocolOptions.preserveHttp1HeaderCase",
                "spec.http1ProtocolOptions.headerFormat",
            ],
        ),
        (
            "http1ProtocolOptions: {headerFormat: PreserveCaseHeaderKeyFormat, preserveHttp1HeaderCase: false}",
            [
                "spec.http1ProtocolOptions.preserveHttp1HeaderCase",
                "spec.http1ProtocolOptions.headerFormat",
            ],
        ),
        (
            "loadBalancer: {useHostnameForHashing: true, ringHash: {useHostnameForHashing: false}}",
            [
                "spec.loadBalancer.ringHash.useHostnameForHashing",
                "spec.loadBalancer.useHostnameForHashing",
            ],
        ),
        (
            "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, sameSite: Lax, attributes: {SameSite: None}}}]}}",
            [
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.sameSite",
                "spec.loadBalancer.maglev.hashPolicies[0].cookie.attributes.SameSite",
            ],
        ),
    ];
    for (spec, paths) in cases {
        let policy = policy(spec);
        assert!(!policy.is_valid(), "{spec}");
        let mut conflicts = policy.diagnostics.iter();
        let conflict = conflicts.find(|found| found.code == codes::CONFLICTING_SPELLINGS);
        let message = &conflict.expect("a conflict").message;
        for path in paths {
            assert!(message.contains(&format!("`{path}`")), "{message}");
        }
    }
}

#[test]
fn header_formats_of_the_founding_documents() {
    let cases = [
        ("PreserveCaseHeaderKeyFormat", HeaderFormat::PreserveCase),
        ("preserveCaseHeaderKeyFormat", HeaderFormat::PreserveCase),
        ("ProperCaseHeaderKeyFormat", HeaderFormat::ProperCase),
        ("properCaseHeaderKeyFormat", HeaderFormat::ProperCase),
    ];
    for (written, expected) in cases {
        let policy = policy(&format!(
            "http1ProtocolOptions: {{headerFormat: {written}}}"
        ));
        let options = policy
            .spec
            .http1_protocol_options
            .as_ref()
            .map(|unit| unit.value);
        assert_eq!(
            options.and_then(|options| options.header_format),
            Some(expected)
        );
    }
}

#[test]
fn a_load_balancer_without_algorithm_needs_another_field() {
    let policy = policy("loadBalancer: {healthyPanicThreshold: 10}");
    assert_verdicts(
        "no algorithm",
        &policy.diagnostics,
        &[(
            "older-spelling",
            "spec.loadBalancer",
            "without an algorithm",
        )],
    );
    let load_balancer = policy
        .spec
        .load_balancer
        .as_ref()
        .map(|unit| unit.value.clone());
    assert!(load_balancer.is_some_and(|found| found.algorithm.is_none()));
}

#[test]
fn an_outer_hostname_flag_without_hashing_has_no_effect() {
    let policy = policy("loadBalancer: {useHostnameForHashing: true, random: {}}");
    assert!(policy.is_valid());
    assert_verdicts(
        "outer flag",
        &policy.diagnostics,
        &[(
            "no-effect",
            "spec.loadBalancer.useHostnameForHashing",
            "`ringHash` or `maglev`",
        )],
    );
}

#[test]
fn the_older_attribute_map_is_passed_through() {
    let policy = policy(
        "loadBalancer: {maglev: {hashPolicies: [{cookie: {name: a, httpOnly: true, attributes: {Partitioned: ''}}}]}}",
    );
    assert!(
        format!("{:?}", policy.spec)
            .contains(r#"attributes: [("HttpOnly", "true"), ("Partitioned", "")]"#)
    );
}

#[test]
fn a_hostname_target_is_accepted() {
    let policy = policy("targetRefs: [{group: networking.istio.io, kind: Hostname, name: a.b}]");
    assert!(policy.diagnostics.is_empty());
    assert_eq!(policy.spec.target_refs[0].value.kind, TargetKind::Hostname);
}
